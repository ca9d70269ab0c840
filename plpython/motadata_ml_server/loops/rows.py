"""The encoder of single rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def values_of(
    columns: Sequence[tuple[Any, ...]], row: Mapping[str, Any] | Sequence[Any], numeric: bool
) -> Sequence[Any] | None:
    """Return a row's values in the order of the columns; None where it has other ones."""
    if row.__class__ is dict:
        try:
            return [row[column[1]] for column in columns]
        except KeyError:
            return None
    if numeric and row.__class__ in {list, tuple} and len(row) == len(columns):
        return row
    return None


def read_number(value: Any, impute: float) -> float | None:
    """Return a number's value, `impute` for None; None where it is of another type or too large."""
    if value is None:
        return impute
    if value.__class__ is float or value.__class__ is int:
        try:
            return float(value)
        except OverflowError:
            return None
    return None


class RowEncoder:
    """One row of values as a buffer of numbers, which `fill` overwrites.

    Parameters
    ----------
    columns : iterable of tuple
        ("number", name, at, shift, scale, impute) writes (value - shift) / scale at the place `at`;
        ("category", name, at, codes, rows, reader) the row of `rows` that the dict `codes` names, the last one for what
        is unknown, where `reader` makes a category of a value that is no str; ("onehot", name, at, codes, set, unset,
        reader) `unset`, and at the category's place its number of `set`; ("call", name, writer) whatever the writer
        writes into the buffer.
    width : int
        Numbers of an encoded row.
    row : ndarray of float64, shape (width,), optional
        The caller's own array to write into, so that writers can be made for it before; zeros.
    """

    def __init__(self, columns: Iterable[tuple[Any, ...]], width: int, row: NDArray[np.float64] | None = None) -> None:
        self._columns = list(columns)
        self._numeric = bool(self._columns) and all(column[0] == "number" for column in self._columns)
        if row is not None and (row.dtype != np.float64 or row.ndim != 1):
            raise TypeError("row must be an array of float64 with 1 dimension")
        if row is not None and len(row) != width:
            raise ValueError(f"row must have {width} numbers, got {len(row)}")
        self.buffer = np.zeros(width) if row is None else row
        for column in self._columns:
            size = self._size(column)
            if size is not None and not 0 <= column[2] <= width - size:
                raise ValueError("a column's cells must lie within the row")
            if column[0] == "onehot":
                self.buffer[column[2] : column[2] + len(column[3])] = column[5]

    @staticmethod
    def _size(column: tuple[Any, ...]) -> int | None:
        kind = column[0]
        if kind == "number":
            return 1
        if kind == "category":
            if not len(column[4]):
                raise ValueError("a category's table must have a row for what is unknown")
            return int(column[4].shape[1])
        if kind == "onehot":
            if not len(column[3]) == len(column[4]) == len(column[5]):
                raise ValueError(f"set and unset must have {len(column[3])} numbers")
            return len(column[3])
        if kind != "call":
            raise ValueError("a column must be a number, a category, a onehot or a call")
        return None

    def __buffer__(self, flags: int, /) -> memoryview:
        """Lend the buffer, (width,) float64."""
        return self.buffer.data

    def fill(self, row: Mapping[str, Any] | Sequence[Any]) -> bool:
        """Encode a row.

        Parameters
        ----------
        row : dict, list or tuple
            Parsed JSON values by feature name, or the numbers of an all-numeric model in order.

        Returns
        -------
        bool
            False where a feature is absent, a number's value is of another type, or a number is infinite or NaN: the
            caller has to, and the buffer holds anything. Finite numbers whose sum is too large are False too, but
            encoded.
        """
        values = values_of(self._columns, row, self._numeric)
        if values is None:
            return False
        total = 0.0
        for column, value in zip(self._columns, values, strict=True):
            if column[0] == "number":
                number = read_number(value, column[5])
                if number is None:
                    return False
                total += 0.0 if value is None else number
                self.buffer[column[2]] = (number - column[3]) / column[4]
            elif column[0] == "call":
                column[2](value)
            else:
                self._write_category(
                    column, value if value.__class__ is str else column[6 if column[0] == "onehot" else 5](value)
                )
        return total - total == 0.0

    def _write_category(self, column: tuple[Any, ...], category: str | None) -> None:
        at, code = column[2], column[3].get(category, -1)
        if column[0] == "category":
            rows = column[4]
            self.buffer[at : at + rows.shape[1]] = rows[code if 0 <= code < len(rows) - 1 else -1]
            return
        self.buffer[at : at + len(column[3])] = column[5]
        if 0 <= code < len(column[3]):
            self.buffer[at + code] = column[4][code]
