"""Feature plans: what is decided from the data, and how tables are encoded."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import TargetEncoder

from motadata_ml_server.columns import Column, ColumnSchema, ColumnTable, TextValues
from motadata_ml_server.errors import InvalidArgumentError, InvalidInputError
from motadata_ml_server.features.fit_plan import EncodingNeeds, PlanFit, TargetValues, fit_plan
from motadata_ml_server.features.plan import FeaturePlan
from motadata_ml_server.features.table import encode_table
from motadata_ml_server.features.timestamp import calendar_columns

TREES = EncodingNeeds(nan_ok=False, scaling="none")
LINEAR = EncodingNeeds(nan_ok=False, scaling="standard")


def number(name: str, values: Any, kind: Any = "number") -> Column:
    return Column(ColumnSchema(name, kind, "double precision"), np.asarray(values, dtype=np.float64))


def text(name: str, values: Sequence[str | None]) -> Column:
    dictionary = list(dict.fromkeys(value for value in values if value is not None))
    codes = [-1 if value is None else dictionary.index(value) for value in values]
    return Column(ColumnSchema(name, "text", "text"), TextValues(np.array(codes, dtype=np.int32), dictionary))


def table(*columns: Column) -> ColumnTable:
    return ColumnTable(len(columns[0].values), {column.schema.name: column for column in columns})


def planned(
    data: ColumnTable,
    needs: EncodingNeeds = TREES,
    preprocess: dict[str, Any] | None = None,
    target: NDArray[np.float64] | None = None,
) -> PlanFit:
    goal = None if target is None else TargetValues(target[:, None], target)
    return fit_plan(data, list(data.columns), goal, needs, preprocess or {}, 0)


def test_null_number_becomes_the_median() -> None:
    data = table(number("x", [1, 2, 9, np.nan]))
    assert encode_table(planned(data).plan, data)[:, 0].tolist() == [1, 2, 9, 2]


def test_null_number_stays_where_the_estimator_takes_it() -> None:
    data = table(number("x", [1, 2, 9, np.nan]))
    encoded = encode_table(planned(data, EncodingNeeds(nan_ok=True, scaling="none")).plan, data)
    assert np.isnan(encoded[3, 0])


def test_numbers_are_scaled_to_mean_0_and_deviation_1() -> None:
    values = np.random.default_rng(0).normal(5, 3, 1000)
    encoded = encode_table(planned(table(number("x", values)), LINEAR).plan, table(number("x", values)))
    assert encoded.mean() == pytest.approx(0, abs=1e-12)
    assert encoded.std() == pytest.approx(1)


def test_large_numbers_keep_their_digits_in_single_precision() -> None:
    values = 1.7e9 + np.arange(100.0)
    encoded = encode_table(planned(table(number("x", values))).plan, table(number("x", values)))
    assert len(np.unique(encoded.astype(np.float32))) == 100


def test_infinite_number_is_refused_at_prediction() -> None:
    plan = planned(table(number("x", [1, 2, 3]))).plan
    with pytest.raises(InvalidInputError, match="'x'"):
        encode_table(plan, table(number("x", [np.inf])))


def test_few_categories_are_one_hot_and_unknown_ones_are_zero() -> None:
    plan = planned(table(text("c", ["b", "a", None, "b"]))).plan
    assert plan.output_names == ["c=a", "c=b"]
    assert encode_table(plan, table(text("c", ["a", "z", None]))).tolist() == [[1, 0], [0, 0], [0, 0]]


def test_many_categories_become_their_target_as_scikit_learn_encodes_them() -> None:
    random = np.random.default_rng(0)
    names = [f"c{i}" for i in random.integers(0, 100, 3000)]
    goal = random.normal(size=3000) + np.array([int(name[1:]) for name in names]) / 20
    data = table(text("c", names))
    fitted = planned(data, target=goal)
    expected = TargetEncoder(smooth="auto", target_type="continuous").fit(np.array(names)[:, None], goal)
    encoded = encode_table(fitted.plan, data)[:, 0]
    assert encoded == pytest.approx(expected.transform(np.array(names)[:, None])[:, 0], rel=1e-9)
    own = fitted.overrides["c"][:, 0]
    assert not np.allclose(own, encoded)
    assert np.corrcoef(own, encoded)[0, 1] > 0.9


def test_random_target_leaves_no_trace_in_the_training_rows() -> None:
    random = np.random.default_rng(0)
    data = table(text("c", [f"c{i}" for i in random.integers(0, 500, 1000)]))
    goal = random.normal(size=1000)
    fitted = planned(data, target=goal)
    assert abs(np.corrcoef(fitted.overrides["c"][:, 0], goal)[0, 1]) < 0.15
    assert np.corrcoef(encode_table(fitted.plan, data)[:, 0], goal)[0, 1] > 0.3


WORDS = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta"]


def test_free_text_is_weighed_as_scikit_learn_does() -> None:
    random = np.random.default_rng(1)
    texts = [" ".join(random.choice(WORDS, 5)) + f" n{i}" for i in range(90)]
    data = table(text("t", texts))
    plan = planned(data).plan
    vectoriser = TfidfVectorizer()
    expected = vectoriser.fit_transform(texts).toarray()
    assert [column.kind for column in plan.columns] == ["text"]
    assert plan.columns[0].spec["vocabulary"] == vectoriser.get_feature_names_out().tolist()
    assert encode_table(plan, data) == pytest.approx(expected, abs=1e-12)


@given(st.lists(st.sampled_from(["red", "red blue", "", "blue blue red green", "x"]), min_size=1, max_size=30))
def test_sparse_and_dense_encodings_are_equal(texts: list[str]) -> None:
    plan = planned(
        table(number("x", [1, 2, np.nan]), text("t", ["red blue", "green", "blue red"]), text("c", ["a", "b", "a"])),
        LINEAR,
        {"t": {"type": "text"}},
    ).plan
    rows = table(number("x", np.arange(len(texts))), text("t", [*texts]), text("c", ["a"] * len(texts)))
    assert np.array_equal(encode_table(plan, rows), encode_table(plan, rows, sparse=True).toarray())


@given(st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9998, 12, 30)))
def test_calendar_parts_are_those_of_the_calendar(moment: datetime) -> None:
    moment = moment.replace(microsecond=0, tzinfo=UTC)
    seconds = np.array([(moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()])
    parts = calendar_columns(seconds, ["year", "month", "day", "dow", "hour", "minute"])[0].tolist()
    assert parts == [moment.year, moment.month, moment.day, moment.weekday(), moment.hour, moment.minute]


def test_timestamp_keeps_the_parts_that_vary() -> None:
    days = 1.6e9 + 86400.0 * np.arange(30)
    plan = planned(table(number("at", days, "timestamp"))).plan
    assert "hour" not in plan.columns[0].spec["parts"]
    assert {"days", "dow", "day"} <= set(plan.columns[0].spec["parts"])


def test_plan_survives_its_json_form() -> None:
    data = table(number("x", [1.1, np.nan, 3]), text("c", ["a", "b", None]), number("v", [[1, 2]] * 3, "vector"))
    plan = planned(data, LINEAR).plan
    again = FeaturePlan.from_json(json.loads(json.dumps(plan.to_json())))
    assert np.array_equal(encode_table(plan, data), encode_table(again, data))
    assert (again.width, again.all_numeric, again.input_names) == (5, False, ["x", "c", "v"])


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"impute": 7}, [1, 7, 4]),
        ({"impute": "mean"}, [1, 2.5, 4]),
        ({"scale": "minmax"}, [0, 0.5, 1]),
    ],
)
def test_preprocess_overrides_a_number(rule: dict[str, Any], expected: list[float]) -> None:
    data = table(number("x", [1, np.nan, 4]))
    assert encode_table(planned(data, preprocess={"x": rule}).plan, data)[:, 0].tolist() == expected


def test_preprocess_overrides_a_category() -> None:
    data = table(text("c", ["b", "a", None]))
    encoded = encode_table(planned(data, preprocess={"c": {"encode": "ordinal"}}).plan, data)
    assert encoded[:, 0].tolist() == [1, 0, -1]


@pytest.mark.parametrize("rule", [{"impute": "guess"}, {"scale": "huge"}, {"encode": "magic"}, {"colour": "red"}])
def test_preprocess_refuses_what_it_does_not_know(rule: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgumentError):
        planned(table(number("x", [1, 2])), preprocess={"x": rule})
