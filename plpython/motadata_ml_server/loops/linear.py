"""Scores that are linear in columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.loops.rows import read_number, values_of

Array = NDArray[np.float64]


def linear_scores(
    columns: Iterable[tuple[Any, ...]], intercepts: Array, out: Array, start: int = 0, stop: int | None = None
) -> None:
    """Write the scores of a table's rows: the intercepts, then each column's share in the order of the columns.

    Parameters
    ----------
    columns : iterable of tuple
        (numbers, shift, missing, weights) adds (number - shift) * weight, or missing * weight for NaN: float64 arrays
        of the shapes (rows,) and (outputs,). (codes, shares) adds a row of shares: int32 of shape (rows,), float64
        of shape (entries + 1, outputs), whose last row is for codes out of range.
    intercepts : ndarray of float64, shape (outputs,)
        Where sums begin.
    out : ndarray of float64, shape (rows, outputs)
        C-contiguous; rows from `start` up to `stop` are written.
    start, stop : int
        The rows to take.

    Raises
    ------
    TypeError
        If a column is something else.
    ValueError
        If shapes disagree.
    """
    end = len(out) if stop is None else stop
    if out.shape[1] != len(intercepts):
        raise ValueError(f"a row of out must have {len(intercepts)} numbers, got {out.shape[1]}")
    if not 0 <= start <= end <= len(out):
        raise ValueError(f"start and stop must lie within the {len(out)} rows, got {start} and {end}")
    scores = np.tile(intercepts, (end - start, 1))
    for column in columns:
        if not isinstance(column, tuple) or len(column) not in {2, 4}:
            raise TypeError("a column must be (numbers, shift, missing, weights) or (codes, shares)")
        if len(column[0]) != len(out):
            raise ValueError(f"a column must have {len(out)} numbers, got {len(column[0])}")
        given = column[0][start:end]
        if len(column) == 4:
            _, shift, missing, weights = column
            if len(weights) != len(intercepts):
                raise ValueError(f"weights must have {len(intercepts)} numbers, got {len(weights)}")
            moved = np.where(np.isnan(given), missing, given - shift)
            scores += moved[:, None] * weights
        else:
            shares = column[1]
            if len(shares) < 1:
                raise ValueError("shares must have a row for codes that are out of range")
            if shares.shape[1] != len(intercepts):
                raise ValueError(f"a row of shares must have {len(intercepts)} numbers, got {shares.shape[1]}")
            last = len(shares) - 1
            scores += shares[np.where((given >= 0) & (given < last), given, last)]
    out[start:end] = scores


class LinearRow:
    """One row of values straight to a linear model's scores.

    Parameters
    ----------
    columns : iterable of tuple
        ("number", name, shift, impute, weights), ("category", name, codes, shares, reader) where `codes` is a dict
        from category to row of `shares`, whose last row is for what is unknown, and `reader` makes a category of a
        value that is no str; ("call", name, function) where the function gives a share for each score.
    intercepts : ndarray of float64, shape (outputs,)
        Where sums begin.
    """

    def __init__(self, columns: Iterable[tuple[Any, ...]], intercepts: Array) -> None:
        self._columns = list(columns)
        self._intercepts: list[float] = intercepts.tolist()
        self._numeric = bool(self._columns) and all(column[0] == "number" for column in self._columns)
        self._tables = [column[3].tolist() if column[0] == "category" else None for column in self._columns]
        self._weights = [column[4].tolist() if column[0] == "number" else None for column in self._columns]
        for column, table, weights in zip(self._columns, self._tables, self._weights, strict=True):
            if column[0] not in {"number", "category", "call"}:
                raise ValueError("a column must be a number, a category or a call")
            if table is not None and not table:
                raise ValueError("a category's table must have a row for what is unknown")
            if any(len(row) != len(intercepts) for row in ([weights] if weights is not None else table or ())):
                raise ValueError(f"weights and shares must have {len(intercepts)} numbers")

    def scores(self, row: Mapping[str, Any] | Sequence[Any]) -> list[float] | None:
        """Return the scores of a row.

        Parameters
        ----------
        row : dict, list or tuple
            Parsed JSON values by feature name, or the numbers of an all-numeric model in order.

        Returns
        -------
        list of float or None
            None where a feature is absent, a number's value is of another type, or a number is infinite or NaN.
        """
        values = values_of(self._columns, row, self._numeric)
        if values is None:
            return None
        scores, total = list(self._intercepts), 0.0
        for column, table, weights, value in zip(self._columns, self._tables, self._weights, values, strict=True):
            if weights is not None:
                number = read_number(value, column[3])
                if number is None:
                    return None
                total += 0.0 if value is None else number
                share: Sequence[float] = [(number - column[2]) * weight for weight in weights]
            elif table is not None:
                category = value if value.__class__ is str else column[4](value)
                code = column[2].get(category, -1)
                share = table[code] if 0 <= code < len(table) - 1 else table[-1]
            else:
                share = column[2](value)
                if len(share) != len(scores):
                    raise ValueError("a call must give a share for each score")
            scores = [score + part for score, part in zip(scores, share, strict=True)]
        return scores if total - total == 0.0 else None
