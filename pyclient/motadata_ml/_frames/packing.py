"""Values of one column as the bytes that PostgreSQL's binary formats prescribe."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

_EPOCH_DAYS = 10_957
"""Days from 1970-01-01 to 2000-01-01, where PostgreSQL's dates and timestamps begin."""
_MICROSECONDS_A_DAY = 86_400_000_000
_FLOAT8_OID = 701


@dataclass(frozen=True)
class Field:
    """The values of one column for a run of rows.

    Attributes
    ----------
    lengths : ndarray of int64, shape (rows,)
        Bytes of each value; -1 for NULL.
    data : ndarray of uint8
        The values one after another, NULLs left out; for a fixed width of shape (values, width).
    """

    lengths: NDArray[np.int64]
    data: NDArray[np.uint8]


Pack = Callable[[slice], Field]


def fixed(values: NDArray[np.uint8], missing: NDArray[np.bool_]) -> Pack:
    """Return the packer of a column of fixed width.

    Parameters
    ----------
    values : ndarray of uint8, shape (rows, width)
        The bytes of each value.
    missing : ndarray of bool, shape (rows,)
        Where the value is NULL.
    """

    def pack(rows: slice) -> Field:
        gone = missing[rows]
        part = values[rows]
        lengths = np.where(gone, -1, values.shape[1]).astype(np.int64)
        return Field(lengths, part[~gone] if gone.any() else part)

    return pack


def text(values: pd.Series[Any], missing: NDArray[np.bool_]) -> Pack:
    """Return the packer of a text column: each distinct string of a run is encoded once."""

    def pack(rows: slice) -> Field:
        codes, distinct = pd.factorize(values.iloc[rows], use_na_sentinel=True)
        encoded = [str(value).encode() for value in distinct]
        sizes = np.array([len(value) for value in encoded], dtype=np.int64)
        gone = missing[rows]
        lengths = np.full(len(codes), -1, dtype=np.int64)
        kept = codes[~gone]
        lengths[~gone] = sizes[kept] if len(sizes) else 0
        data = b"".join([encoded[code] for code in kept.tolist()])
        return Field(lengths, np.frombuffer(data, dtype=np.uint8))

    return pack


def big_endian(values: NDArray[Any], code: str) -> NDArray[np.uint8]:
    """Return numbers as rows of big-endian bytes.

    Parameters
    ----------
    values : ndarray, shape (rows,)
        The numbers.
    code : str
        NumPy's code of the type on the wire, such as ``">f8"``.
    """
    wide = np.ascontiguousarray(values.astype(code))
    return wide.view(np.uint8).reshape(len(wide), wide.dtype.itemsize)


def moments(series: pd.Series[Any], sql_type: str) -> NDArray[np.uint8]:
    """Return dates, timestamps and intervals as their bytes; NULLs hold rubbish.

    Parameters
    ----------
    series : Series
        Of dtype datetime64, timedelta64 or of Python's date types.
    sql_type : str
        ``date``, ``timestamp``, ``timestamptz`` or ``interval``.
    """
    if sql_type == "interval":
        spans = pd.to_timedelta(series).to_numpy(dtype="timedelta64[us]").astype(np.int64)
        wide = np.zeros((len(spans), 16), dtype=np.uint8)
        wide[:, :8] = big_endian(spans, ">i8")
        return wide
    stamps = pd.to_datetime(series, utc=sql_type == "timestamptz")
    if sql_type == "timestamptz":
        stamps = stamps.dt.tz_localize(None)
    if sql_type == "date":
        days = stamps.to_numpy(dtype="datetime64[D]").astype(np.int64)
        days[np.isnat(stamps.to_numpy())] = 0
        return big_endian(days - _EPOCH_DAYS, ">i4")
    micros = stamps.to_numpy(dtype="datetime64[us]").astype(np.int64)
    micros[np.isnat(stamps.to_numpy())] = 0
    return big_endian(micros - _EPOCH_DAYS * _MICROSECONDS_A_DAY, ">i8")


def vectors(numbers: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Return rows of numbers as ``double precision[]`` values.

    Parameters
    ----------
    numbers : ndarray of float64, shape (rows, size)
        One vector a row.
    """
    rows, size = numbers.shape
    header = np.array([1, 0, _FLOAT8_OID, size, 1], dtype=">i4").view(np.uint8)
    wide = np.empty((rows, 20 + 12 * size), dtype=np.uint8)
    wide[:, :20] = header
    cells = wide[:, 20:].reshape(rows, size, 12)
    cells[:, :, :4] = np.array([8], dtype=">i4").view(np.uint8)
    cells[:, :, 4:] = np.ascontiguousarray(numbers.astype(">f8")).view(np.uint8).reshape(rows, size, 8)
    return wide
