"""One row is encoded exactly as the same row in a table is."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motadata_ml_server.columns import Column, ColumnSchema, ColumnTable
from motadata_ml_server.features.plan import FeaturePlan
from motadata_ml_server.features.table import encode_table
from motadata_ml_server.features.timestamp import calendar_parts
from motadata_ml_server.prediction.predictor import Predictor
from motadata_ml_server.prediction.runtimes.linear_model import LinearModel
from tests.unit.prediction.models import MIXED, NUMBER, assert_close, encode_rows, text_column

PARTS = ["days", "year", "month", "day", "dow", "hour", "minute"]
NUMBERS = st.one_of(st.none(), st.floats(-1e9, 1e9, allow_subnormal=False), st.integers(-1000, 1000))
WORDS = st.sampled_from(["late", "on", "time", "storm", "On", "LATE", "x", "été", "snow"])
MOMENTS = st.one_of(
    st.none(),
    st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)).map(lambda moment: moment.isoformat()),
    st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.timezones()).map(
        lambda moment: moment.isoformat(" ")
    ),
    st.dates().map(lambda day: day.isoformat()),
)
ROWS = st.fixed_dictionaries(
    {
        "delay": NUMBERS,
        "carrier": st.sampled_from([None, "AA", "UA", "true", "3", "new", ""]),
        "note": st.one_of(st.none(), st.lists(WORDS, max_size=8).map(" ".join)),
        "night": st.sampled_from([None, True, False]),
        "at": MOMENTS,
        "gate": st.one_of(st.none(), st.lists(st.floats(-100, 100), min_size=2, max_size=2)),
        "origin": st.sampled_from([None, "EWR", "JFK", "LGA"]),
        "tail": st.sampled_from([None, "x", "y", "z"]),
        "seen": NUMBERS,
    }
)


def seconds_of(text: str | None) -> float:
    if text is None:
        return math.nan
    moment = datetime.fromisoformat(text)
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(seconds=1)


def table_of(rows: list[dict[str, Any]], plan: dict[str, Any]) -> ColumnTable:
    """Return the rows as PostgreSQL would send them."""
    columns: dict[str, Column] = {}
    for spec in plan["columns"]:
        name, source = spec["name"], spec["source"]
        given_values = [row[name] for row in rows]
        if source == "text":
            columns[name] = text_column(name, given_values)
            continue
        if source == "timestamp":
            values = np.array([seconds_of(value) for value in given_values])
        elif source == "vector":
            hole = [math.nan] * spec["size"]
            values = np.array([hole if value is None else value for value in given_values], dtype=np.float64)
        else:
            values = np.array([math.nan if value is None else float(value) for value in given_values])
        columns[name] = Column(ColumnSchema(name, source, spec["sql_type"]), values)
    return ColumnTable(len(rows), columns)


@st.composite
def plans(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a plan over the columns of `MIXED`, with other factors and defaults."""
    columns = []
    for spec in draw(st.permutations(MIXED["columns"])):
        column = dict(spec)
        if draw(st.booleans()):
            column["shift"] = draw(st.lists(st.floats(-100, 100), min_size=column["width"], max_size=column["width"]))
            column["scale"] = draw(st.lists(st.floats(0.5, 100), min_size=column["width"], max_size=column["width"]))
        if column["kind"] == "text":
            column["sublinear"] = draw(st.booleans())
            column["ngram"] = draw(st.sampled_from([[1, 1], [1, 2]]))
            column["shift"] = column["scale"] = None
        columns.append(column)
    return {"version": 1, "columns": columns[: draw(st.integers(1, len(columns)))]}


@settings(max_examples=150, deadline=None)
@given(plans(), st.lists(ROWS, min_size=1, max_size=6))
def test_encoded_row_equals_encoded_table_for_any_plan(plan: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    expected = encode_table(FeaturePlan.from_json(plan), table_of(rows, plan))
    assert_close(encode_rows(plan, rows), expected, rtol=1e-12, atol=1e-12)


@settings(max_examples=100, deadline=None)
@given(plans(), st.lists(ROWS, min_size=1, max_size=6), st.integers(1, 3), st.randoms(use_true_random=False))
def test_linear_row_equals_linear_table_for_any_plan(
    plan: dict[str, Any], rows: list[dict[str, Any]], outputs: int, random: Any
) -> None:
    width = sum(column["width"] for column in plan["columns"])
    weights = np.array([[random.uniform(-1, 1) for _ in range(width)] for _ in range(outputs)])
    model = LinearModel(weights, np.arange(outputs, dtype=np.float64), "identity")
    feature_plan = FeaturePlan.from_json(plan)
    predictor = Predictor(feature_plan, "linear", model.to_bytes(), None, None, "decomposition")
    table = table_of(rows, plan)
    expected = model.scores(encode_table(feature_plan, table))
    tolerance = 1e-9 * (1.0 + np.abs(encode_table(feature_plan, table)).max())
    many = predictor.batch(table).components
    assert_close(many, expected, rtol=1e-9, atol=tolerance)
    singles = [predictor.one(row).prediction for row in rows]
    assert_close(singles, expected, rtol=1e-9, atol=tolerance)


@settings(max_examples=200, deadline=None)
@given(st.integers(-(2**40), 2**40), st.integers(0, 999))
def test_calendar_parts_equal_those_of_numpy(seconds: int, millis: int) -> None:
    moment = np.datetime64(seconds * 1000 + millis, "ms")
    day = moment.astype("datetime64[D]")
    month = moment.astype("datetime64[M]")
    rest = int((moment - day) / np.timedelta64(1, "m"))
    parts = calendar_parts(seconds + millis / 1000, tuple(PARTS))
    assert parts[1:] == [
        int(moment.astype("datetime64[Y]").astype(np.int64)) + 1970,
        int(month.astype(np.int64)) % 12 + 1,
        int((day - month.astype("datetime64[D]")).astype(np.int64)) + 1,
        (int(day.astype(np.int64)) + 3) % 7,
        rest // 60,
        rest % 60,
    ]


@pytest.mark.parametrize("impute", [None, 5.0])
def test_null_and_nan_of_a_number_are_the_same_missing_value(impute: float | None) -> None:
    plan = {"version": 1, "columns": [{"name": "a", **NUMBER, "impute": impute}]}
    encoded = encode_rows(plan, [{"a": None}, [None], [math.nan], {"a": math.nan}, {"a": "NaN"}])
    np.testing.assert_array_equal(encoded[:, 0], [math.nan if impute is None else impute] * 5)


def test_a_row_leaves_nothing_behind_for_the_next() -> None:
    rows = [
        {**dict.fromkeys(spec["name"] for spec in MIXED["columns"]), "carrier": carrier, "note": note}
        for carrier, note in [("AA", "storm"), ("new", "late"), (None, None), ("3", "on time")]
    ]
    together = encode_rows(MIXED, rows)
    alone = np.vstack([encode_rows(MIXED, [row]) for row in rows])
    np.testing.assert_array_equal(together, alone)


def test_a_failed_row_leaves_nothing_behind_for_the_next() -> None:
    from motadata_ml_server.errors import InvalidInputError
    from motadata_ml_server.features.row import DenseRow

    good = {**dict.fromkeys(spec["name"] for spec in MIXED["columns"]), "carrier": "UA"}
    encoder = DenseRow(FeaturePlan.from_json(MIXED).columns)
    with pytest.raises(InvalidInputError):
        encoder.fill({**good, "carrier": "AA", "at": "tomorrow"})
    encoder.fill(good)
    np.testing.assert_array_equal(encoder.buffer, encode_rows(MIXED, [good]))
