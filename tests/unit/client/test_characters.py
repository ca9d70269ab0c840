"""Text that PostgreSQL cannot hold is a typed error before any connection is used, whatever it came in."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motadata_ml._calls import Fetch
from motadata_ml._frames import to_columns, to_frame, to_row, to_series
from motadata_ml._frames.characters import nested_fault, text_fault
from motadata_ml._operations.functions import select_function, to_json
from motadata_ml.errors import InvalidArgumentError, InvalidInputError, UnsupportedColumnError

BAD = ("a\0b", "\ud800", "x\udfffy")


@given(st.text(st.characters(codec=None)))
def test_fault_is_found_where_utf8_or_postgresql_refuse(text: str) -> None:
    sendable = "\0" not in text and not any(0xD800 <= ord(character) <= 0xDFFF for character in text)
    assert (text_fault(text) is None) == sendable
    assert (nested_fault({"a": [1, (text, None)]}) is None) == sendable
    assert (nested_fault({text: 1}) is None) == sendable


@pytest.mark.parametrize("bad", BAD)
def test_column_is_named(bad: str) -> None:
    index = pd.Index([0.5, 1.5, 2.5])
    columns = {"fine": ["ü", "y", None], "broken": ["é", None, bad]}
    rows = [{name: values[n] for name, values in columns.items()} for n in range(3)]
    for data in (pd.DataFrame(columns, index=index, dtype=object), columns, rows):
        with pytest.raises(UnsupportedColumnError, match="'broken' of X holds text with") as caught:
            to_columns(to_frame(data))
        assert caught.value.hint
    nested = [[values[n] for values in columns.values()] for n in range(3)]
    for unnamed in (nested, np.array(nested, dtype=object)):
        with pytest.raises(UnsupportedColumnError, match="'x1' of X holds text with"):
            to_columns(to_frame(unnamed))


def test_category_with_a_nul_is_named() -> None:
    with pytest.raises(UnsupportedColumnError, match="'broken' of X holds text with a NUL character"):
        to_columns(pd.DataFrame({"broken": pd.Categorical(["a", "b\0"])}))


def test_label_that_cannot_be_sent_is_refused() -> None:
    with pytest.raises(UnsupportedColumnError, match="y holds text with half"):
        to_series(["a", "\ud800"])


@pytest.mark.parametrize("bad", BAD)
def test_names_of_columns_are_looked_at(bad: str) -> None:
    for data in (pd.DataFrame([[1]], columns=pd.Index([bad], dtype=object)), {bad: [1]}, [{bad: 1}]):
        with pytest.raises(InvalidArgumentError, match="cannot be a column's name: it holds"):
            to_frame(data)
    with pytest.raises(InvalidInputError, match="the name"):
        to_row({bad: 1})


@pytest.mark.parametrize("bad", BAD)
def test_feature_of_a_row_is_named(bad: str) -> None:
    series = pd.Series({"broken": bad}, dtype=object)
    for row in ({"broken": bad}, series, series.to_frame().T, [{"broken": bad}]):
        with pytest.raises(InvalidInputError, match="the value of broken is text with"):
            to_row(row)


@pytest.mark.parametrize("bad", BAD)
def test_arguments_are_looked_at(bad: str) -> None:
    with pytest.raises(InvalidArgumentError, match="search holds text with"):
        to_json({"a": [bad]}, "search")
    with pytest.raises(InvalidArgumentError, match="model_id holds text with"):
        select_function("list_models", {"model_id": bad})
    with pytest.raises(InvalidArgumentError, match="features holds text with"):
        select_function("train", {"features": ["a", bad]})
    with pytest.raises(InvalidArgumentError, match="a value cannot be sent"):
        Fetch("select %s", ([bad],))
