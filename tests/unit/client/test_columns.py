"""SQL types from dtypes, and the columns that have none."""

from __future__ import annotations

import datetime
import decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motadata_ml._frames import copy_stream, to_column, to_columns
from motadata_ml.errors import InvalidArgumentError, UnsupportedColumnError


@pytest.mark.parametrize(
    ("values", "sql_type"),
    [
        (pd.Series([1, 2], dtype="int8"), "bigint"),
        (pd.Series([1, None], dtype="Int64"), "bigint"),
        (pd.Series([1.5, None]), "double precision"),
        (pd.Series([True, False]), "boolean"),
        (pd.Series([True, None], dtype=object), "boolean"),
        (pd.Series(["a", None]), "text"),
        (pd.Series(["a", None], dtype=object), "text"),
        (pd.Series(pd.Categorical([1, 2])), "text"),
        (pd.Series(["2020-01-01", None], dtype="datetime64[us]"), "timestamp"),
        (pd.Series(pd.to_datetime(["2020-01-01"], utc=True)), "timestamptz"),
        (pd.Series([datetime.date(2020, 1, 1)]), "date"),
        (pd.Series(pd.to_timedelta(["1s"])), "interval"),
        (pd.Series([decimal.Decimal(1), None]), "double precision"),
        (pd.Series([1, 2.5], dtype=object), "double precision"),
        (pd.Series([None, None], dtype=object), "double precision"),
        (pd.Series([[1, 2], None, (3, 4.5)]), "double precision[]"),
    ],
)
def test_sql_type_follows_the_dtype(values: pd.Series[Any], sql_type: str) -> None:
    column = to_column(values, "c")
    assert column.sql_type == sql_type
    assert column.missing.tolist() == values.isna().tolist()


@pytest.mark.parametrize(
    ("values", "match"),
    [
        (pd.Series([1, "a"], dtype=object), "several types: int, str"),
        (pd.Series([object(), object()]), "without a type"),
        (pd.Series([1 + 2j]), "complex128"),
        (pd.Series([1.0, np.inf, -np.inf]), "2 infinite values, the first in row 1"),
        (pd.Series([[1, 2], [1]]), "different lengths"),
        (pd.Series([["a"], ["b"]]), "other than numbers"),
        (pd.Series([b"a"]), "without a type"),
    ],
)
def test_column_without_a_type_is_refused_by_name(values: pd.Series[Any], match: str) -> None:
    with pytest.raises(UnsupportedColumnError, match=match) as caught:
        to_column(values, "spalte")
    assert "spalte" in caught.value.message
    assert caught.value.hint


def test_numbers_beyond_64_bits_are_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="beyond 64 bits"):
        to_column(pd.Series([2**63], dtype="uint64"), "c")
    with pytest.raises(InvalidArgumentError, match="beyond 64 bits"):
        to_column(pd.Series([2**70], dtype=object), "c")


def _decode(stream: bytes) -> list[list[bytes | None]]:
    """Read a binary COPY stream field by field, as PostgreSQL's manual describes it."""
    assert stream[:11] == b"PGCOPY\n\xff\r\n\x00"
    at, rows = 19, []
    while (count := int.from_bytes(stream[at : at + 2], "big", signed=True)) != -1:
        at, row = at + 2, []
        for _ in range(count):
            size = int.from_bytes(stream[at : at + 4], "big", signed=True)
            at += 4
            row.append(None if size < 0 else stream[at : at + size])
            at += max(size, 0)
        rows.append(row)
    assert at == len(stream) - 2
    return rows


@given(
    st.lists(
        st.tuples(
            st.none() | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=5),
            st.none() | st.integers(-(2**63), 2**63 - 1),
            st.none() | st.floats(allow_nan=False, allow_infinity=False),
        ),
        min_size=1,
        max_size=20,
    ),
    st.integers(1, 7),
)
def test_stream_holds_every_value_whatever_the_run(rows: list[tuple[Any, ...]], run_rows: int) -> None:
    frame = pd.DataFrame(
        {
            "t": pd.Series([r[0] for r in rows], dtype="str"),
            "i": pd.array([r[1] for r in rows], dtype="Int64"),
            "f": pd.array([r[2] for r in rows], dtype="Float64"),
        }
    )
    found = _decode(b"".join(copy_stream(to_columns(frame), run_rows)))
    for (text, whole, real), fields in zip(rows, found, strict=True):
        assert fields[0] == (None if text is None else text.encode())
        assert fields[1] == (None if whole is None else whole.to_bytes(8, "big", signed=True))
        assert fields[2] == (None if real is None else np.array(real, dtype=">f8").tobytes())
