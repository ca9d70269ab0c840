"""Single rows: encoded, and straight to linear scores; linear scores of tables; codes of strings."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from motadata_ml_server import loops
from tests.unit.loops import forests

EVERY = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

CODES = {"AA": 0, "UA": 1, "true": 2}


def read(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, (bool, int, float)):
        return json.dumps(value)
    raise ValueError("must be a text, a number or a boolean")


def encoder(form: Any, calls: list[Any] | None = None) -> Any:
    columns = [
        ("number", "delay", 0, 3.0, 2.0, 1.5),
        ("onehot", "carrier", 1, CODES, np.array([1.0, 2.0, 3.0]), np.array([0.0, -1.0, 0.5]), read),
        ("category", "home", 4, CODES, np.arange(8.0).reshape(4, 2), read),
        ("number", "plain", 6, 0.0, 1.0, np.nan),
        ("call", "note", (calls if calls is not None else []).append),
    ]
    return form.RowEncoder(columns, 8)


def linear(form: Any, outputs: int) -> Any:
    random = np.random.default_rng(outputs)
    columns = [
        ("number", "delay", 3.0, 1.5, random.standard_normal(outputs)),
        ("number", "plain", 0.0, np.nan, random.standard_normal(outputs)),
        ("category", "home", CODES, random.standard_normal((4, outputs)), read),
        ("call", "note", lambda value: [float(len(str(value)))] * outputs),
    ]
    return form.LinearRow(columns, random.standard_normal(outputs))


ANY = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(10**300, 10**400),
    st.floats(),
    st.floats(-1e6, 1e6),
    st.sampled_from(["AA", "UA", "true", "", "no such", "\u00fc", "1.5"]),
)
ROWS = st.one_of(
    st.fixed_dictionaries({"delay": ANY, "carrier": ANY, "home": ANY, "plain": ANY, "note": ANY}),
    st.dictionaries(st.sampled_from(["delay", "carrier", "home", "plain", "note", "other"]), ANY),
    st.lists(ANY, max_size=6),
)


@EVERY
@given(st.lists(ROWS, max_size=8))
def test_both_forms_encode_alike(compiled: Any, rows: list[Any]) -> None:
    forms = [encoder(form) for form in (compiled, loops)]
    cells = [np.asarray(memoryview(forms[0])), forms[1].buffer]
    for row in rows:
        filled = [form.fill(row) for form in forms]
        assert filled[0] == filled[1]
        if filled[0]:
            assert cells[0].tobytes() == cells[1].tobytes()


@EVERY
@given(ROWS, st.integers(0, 3))
def test_both_forms_score_alike(compiled: Any, row: Any, outputs: int) -> None:
    found = [linear(form, outputs).scores(row) for form in (compiled, loops)]
    assert np.array(found[0] or ()).tobytes() == np.array(found[1] or ()).tobytes()
    assert (found[0] is None) == (found[1] is None)


def cells_of(made: Any) -> Any:
    return made.buffer if hasattr(made, "buffer") else np.asarray(memoryview(made))


def test_row_is_encoded_column_by_column(form: Any) -> None:
    calls: list[Any] = []
    made = encoder(form, calls)
    assert made.fill({"delay": 5, "carrier": "UA", "home": True, "plain": 2.5, "note": "late", "more": 1})
    assert cells_of(made).tolist() == [1.0, 0.0, 2.0, 0.5, 4.0, 5.0, 2.5, 0.0]
    assert made.fill({"delay": None, "carrier": "no such", "home": None, "plain": None, "note": None})
    assert_array_equal(cells_of(made), [-0.75, 0.0, -1.0, 0.5, 6.0, 7.0, np.nan, 0.0])
    assert calls == ["late", None]


@pytest.mark.parametrize(
    "change", [{"delay": "5"}, {"delay": True}, {"delay": 10**400}, {"plain": float("nan")}, {"plain": float("inf")}]
)
def test_row_that_needs_care_is_left_to_the_caller(form: Any, change: dict[str, Any]) -> None:
    row = {"delay": 5, "carrier": "UA", "home": "AA", "plain": 2.5, "note": "late"} | change
    assert not encoder(form).fill(row)
    assert linear(form, 1).scores(row) is None
    del row["home"]
    assert not encoder(form).fill(row)


def test_error_of_a_reader_or_a_writer_is_passed_on(form: Any) -> None:
    row = {"delay": 5, "carrier": [], "home": "AA", "plain": 2.5, "note": "late"}
    with pytest.raises(ValueError, match="must be a text"):
        encoder(form).fill(row)
    failing = form.RowEncoder([("call", "note", lambda value: 1 / 0)], 0)
    with pytest.raises(ZeroDivisionError):
        failing.fill({"note": 1})


def test_positional_row_suits_numbers_alone(form: Any) -> None:
    made = form.RowEncoder([("number", "a", 1, 0.0, 1.0, 0.0), ("number", "b", 0, 1.0, 2.0, 9.0)], 2)
    assert made.fill([7, None])
    assert cells_of(made).tolist() == [4.0, 7.0]
    assert made.fill((1.0, 3))
    assert not made.fill([1.0])
    assert not encoder(form).fill([1.0, 2.0, 3.0, 4.0, 5.0])


def test_encoder_and_trees_share_a_row(form: Any) -> None:
    arguments = forests.random_trees(3, trees=20, features=2, outputs=2, wide=True, sets=0, nodes=30)
    made = form.RowEncoder([("number", "a", 0, 0.0, 1.0, 0.5), ("number", "b", 1, 0.0, 1.0, 0.5)], 2)
    bound = form.Trees(**arguments).bind(made)
    assert made.fill({"a": 1, "b": -1.0})
    assert bound.scores() == forests.walk(arguments, [1.0, -1.0])
    assert made.fill([None, 2])
    assert bound.scores() == forests.walk(arguments, [0.5, 2.0])


@pytest.mark.parametrize(
    "column",
    [
        ("number", "a", 2, 0.0, 1.0, 0.0),
        ("number", "a", -1, 0.0, 1.0, 0.0),
        ("category", "a", 1, CODES, np.zeros((4, 2)), read),
        ("category", "a", 0, CODES, np.zeros((0, 2)), read),
        ("onehot", "a", 0, CODES, np.zeros(3), np.zeros(3), read),
        ("onehot", "a", 0, {"x": 0}, np.zeros(2), np.zeros(1), read),
        ("vector", "a", 0),
    ],
)
def test_columns_that_do_not_fit_are_refused(form: Any, column: Any) -> None:
    with pytest.raises(ValueError, match="must"):
        form.RowEncoder([column], 2)


def test_codes_out_of_range_stand_for_what_is_unknown(form: Any) -> None:
    codes = {"a": 0, "below": -5, "beyond": 2, "far": 10**30}
    made = form.RowEncoder([("category", "c", 0, codes, np.array([[1.0], [2.0], [3.0]]), read)], 1)
    for category, expected in {"a": 1.0, "below": 3.0, "beyond": 3.0}.items():
        assert made.fill({"c": category})
        assert cells_of(made).tolist() == [expected]


def test_columns_that_hold_their_encoder_are_collected(compiled: Any) -> None:
    import gc
    import weakref

    class Writer:
        made: Any = None

        def __call__(self, value: Any) -> None:
            pass

    writer = Writer()
    writer.made = compiled.RowEncoder([("call", "c", writer)], 1)
    gone = weakref.ref(writer)
    del writer
    gc.collect()
    assert gone() is None


def table(seed: int, rows: int, outputs: int) -> tuple[list[Any], Any]:
    random = np.random.default_rng(seed)
    numbers = random.standard_normal((3, rows)) * 100
    numbers[random.random(numbers.shape) < 0.1] = np.nan
    columns: list[Any] = [(numbers[at], 2.5 * at, -1.5, random.standard_normal(outputs)) for at in range(3)]
    columns.insert(1, (random.integers(-2, 7, rows).astype(np.int32), random.standard_normal((5, outputs))))
    return columns, random.standard_normal(outputs)


@EVERY
@given(st.integers(0, 2**32), st.integers(0, 5000), st.integers(0, 4))
def test_both_forms_score_tables_alike(compiled: Any, seed: int, rows: int, outputs: int) -> None:
    columns, intercepts = table(seed, rows, outputs)
    found = [np.zeros((rows, outputs)) for _ in range(2)]
    for form, out in zip((compiled, loops), found, strict=True):
        form.linear_scores(columns, intercepts, out, rows // 3)
    assert found[0].tobytes() == found[1].tobytes()


def test_table_is_scored_column_by_column(form: Any) -> None:
    columns, intercepts = table(1, 3000, 2)
    out = np.zeros((3000, 2))
    form.linear_scores(columns, intercepts, out)
    expected = np.tile(intercepts, (3000, 1))
    for column in columns:
        if len(column) == 2:
            codes, shares = column
            expected += shares[np.where((codes < 0) | (codes > 3), 4, codes)]
        else:
            numbers, shift, missing, weights = column
            expected += np.outer(np.where(np.isnan(numbers), missing, numbers - shift), weights)
    assert_allclose(out, expected, rtol=1e-13)


def test_table_whose_shapes_disagree_is_refused(form: Any) -> None:
    numbers, weights = np.zeros(5), np.zeros(2)
    out = np.zeros((5, 2))
    for columns in ([(numbers[:4].copy(), 0.0, 0.0, weights)], [(numbers, 0.0, 0.0, np.zeros(3))]):
        with pytest.raises(ValueError, match="must have"):
            form.linear_scores(columns, weights, out)
    with pytest.raises(ValueError, match="must have a row for codes"):
        form.linear_scores([(np.zeros(5, np.int32), np.zeros((0, 2)))], weights, out)
    with pytest.raises(ValueError, match="start and stop"):
        form.linear_scores([], weights, out, 3, 2)


@EVERY
@given(st.lists(st.lists(st.text(max_size=20), max_size=40), max_size=5))
def test_strings_get_codes_in_order_of_appearance(form: Any, chunks: list[list[str]]) -> None:
    made = form.StringCodes()
    expected: dict[str, int] = {}
    for chunk in chunks:
        pieces = [text.encode(errors="replace") for text in chunk]
        codes = np.full(len(pieces), -9, np.int32)
        made.encode(b"".join(pieces), np.array([len(piece) for piece in pieces], np.int32), codes)
        assert codes.tolist() == [expected.setdefault(piece.decode(), len(expected)) for piece in pieces]
    assert made.strings == list(expected)


def test_many_strings_keep_their_codes(form: Any) -> None:
    made = form.StringCodes()
    pieces = [b"%d" % (at * 7919 % 30011) for at in range(60000)]
    codes = np.zeros(len(pieces), np.int32)
    made.encode(b"".join(pieces), np.array([len(piece) for piece in pieces], np.int32), codes)
    assert len(made.strings) == 30011
    assert [made.strings[code] for code in codes[:100]] == [piece.decode() for piece in pieces[:100]]
    assert_array_equal(codes[30011:], codes[: 60000 - 30011])


@pytest.mark.parametrize("sizes", [[-1], [4], [2, 2], [2**31 - 1, 2**31 - 1]])
def test_sizes_beyond_the_data_are_refused(form: Any, sizes: list[int]) -> None:
    with pytest.raises(ValueError, match="sizes must add up"):
        form.StringCodes().encode(b"abc", np.array(sizes, np.int32), np.zeros(len(sizes), np.int32))
