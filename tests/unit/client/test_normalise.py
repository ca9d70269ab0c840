"""Every shape of in-memory rows becomes one kind of frame, or a typed error."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from motadata_ml._frames import to_frame, to_row, to_series
from motadata_ml.errors import InsufficientDataError, InvalidArgumentError, InvalidInputError


@pytest.mark.parametrize(
    "data",
    [
        pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}),
        [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}],
        {"a": [1, 2], "b": ["x", "y"]},
        np.array([(1, "x"), (2, "y")], dtype=[("a", "i8"), ("b", "U1")]),
    ],
)
def test_named_rows_keep_their_names(data: Any) -> None:
    frame = to_frame(data)
    assert list(frame.columns) == ["a", "b"]
    assert frame["a"].tolist() == [1, 2]


@pytest.mark.parametrize("data", [np.ones((2, 3)), [[1, 2, 3], [4, 5, 6]], pd.DataFrame(np.ones((2, 3)))])
def test_unnamed_columns_are_named_as_scikit_learn_does(data: Any) -> None:
    assert list(to_frame(data).columns) == ["x0", "x1", "x2"]


def test_arrow_and_polars_keep_whole_numbers_beside_missing_ones() -> None:
    table = pa.table({"a": [1, None, 2**53 + 1]})
    for data in (table, pl.DataFrame({"a": [1, None, 2**53 + 1]}), pl.LazyFrame({"a": [1, None, 2**53 + 1]})):
        assert to_frame(data)["a"][2] == 2**53 + 1


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (np.ones(3), "two dimensions"),
        ([1, 2, 3], "flat list"),
        ([[1, 2], [3]], "differ in length"),
        ([{"a": 1}, {"b": 2}], "other keys than row 0"),
        ({"a": 1}, "not of columns"),
        ({"a": [1], "b": [1, 2]}, "differ in length"),
        (5, "must be rows, got int"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "same name"),
        (pd.DataFrame({"n" * 64: [1]}), "63 bytes"),
        (pd.DataFrame({"": [1]}), "63 bytes"),
        (pd.DataFrame([[1]], columns=pd.MultiIndex.from_tuples([("a", "b")])), "several levels"),
    ],
)
def test_rows_of_another_shape_are_refused_with_a_remedy(data: Any, match: str) -> None:
    with pytest.raises(InvalidArgumentError, match=match) as caught:
        to_frame(data)
    assert caught.value.hint


@pytest.mark.parametrize("data", [pd.DataFrame(), pd.DataFrame({"a": []}), [], np.empty((0, 2)), np.empty((2, 0))])
def test_empty_rows_are_refused(data: Any) -> None:
    with pytest.raises(InsufficientDataError):
        to_frame(data)


@pytest.mark.parametrize(
    "data", [pd.Series([1, 2], name="y"), pd.DataFrame({"y": [1, 2]}), np.array([[1], [2]]), [1, 2], (1, 2)]
)
def test_labels_of_any_shape_become_a_series(data: Any) -> None:
    assert to_series(data).tolist() == [1, 2]


@pytest.mark.parametrize("data", [np.ones((2, 2)), pd.DataFrame({"a": [1], "b": [2]}), "abc", 5])
def test_labels_of_several_columns_are_refused(data: Any) -> None:
    with pytest.raises(InvalidArgumentError):
        to_series(data)


@pytest.mark.parametrize(
    "data",
    [
        {"a": np.int64(1), "b": np.float32(np.nan), "c": pd.Timestamp("2020-01-01")},
        pd.Series({"a": 1, "b": None, "c": pd.Timestamp("2020-01-01")}, dtype=object),
        pd.DataFrame({"a": [1], "b": [pd.NA], "c": [pd.Timestamp("2020-01-01")]}),
        [{"a": 1, "b": pd.NaT, "c": np.datetime64("2020-01-01T00:00:00")}],
    ],
)
def test_one_named_row_becomes_plain_values(data: Any) -> None:
    assert to_row(data) == {"a": 1, "b": None, "c": "2020-01-01T00:00:00"}


@pytest.mark.parametrize(
    "data", [[1, 2.5, None], (1, 2.5, None), np.array([[1, 2.5, np.nan]]), pd.Series([1, 2.5, None])]
)
def test_one_row_without_names_becomes_numbers(data: Any) -> None:
    assert to_row(data) == [1.0, 2.5, None]


@pytest.mark.parametrize(
    ("data", "match"),
    [
        ({"a": float("inf")}, "infinite"),
        ({"a": object()}, "no feature takes"),
        (["x"], "must be numbers"),
        (np.ones((2, 2)), "one row"),
        (pd.DataFrame({"a": [1, 2]}), "one row, got 2"),
        (5, "one row, got int"),
    ],
)
def test_anything_but_one_row_is_refused(data: Any, match: str) -> None:
    with pytest.raises(InvalidInputError, match=match):
        to_row(data)
