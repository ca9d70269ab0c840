"""One row into a preallocated buffer of encoded numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import isnan
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server import _native
from motadata_ml_server.features.check import array_splitter, missing_features
from motadata_ml_server.features.compiled_row import CompiledRow
from motadata_ml_server.features.kind import Writer
from motadata_ml_server.features.kinds import KINDS
from motadata_ml_server.features.number import read_number
from motadata_ml_server.features.plan_column import PlanColumn

T = TypeVar("T")


def row_encoder(columns: Sequence[PlanColumn]) -> DenseRow | CompiledRow:
    """Return the encoder of single rows that serves here: compiled where the loops are installed.

    Parameters
    ----------
    columns : sequence of PlanColumn
        The feature plan.
    """
    if _native.compiled is None:
        return DenseRow(columns)
    return CompiledRow(columns, _native.compiled)


class DenseRow:
    """Encoder of single rows in Python alone: faster than the loops' form in NumPy, which is made to be compared with.

    The buffer is one row of float64 that `fill` overwrites; callers read it before the next call.
    Plain numbers, the common case, are written in one loop; the other columns have a writer each.

    Parameters
    ----------
    columns : sequence of PlanColumn
        The feature plan.

    Attributes
    ----------
    buffer : ndarray of shape (1, width)
        The encoded row.
    """

    def __init__(self, columns: Sequence[PlanColumn]) -> None:
        self._columns = list(columns)
        width = sum(column.width for column in columns)
        self.buffer: NDArray[np.float64] = np.zeros((1, width))
        self._cells = self.buffer.reshape(-1).data.cast("B").cast("d")
        self._numbers: list[tuple[str, int, float]] = []
        self._writers: list[tuple[str, Writer]] = []
        for column in columns:
            plain = not column.shift.any() and (column.scale == 1.0).all()
            if column.one_number and plain:
                self._numbers.append((column.name, column.start, float(column.impute[0])))
            else:
                write = KINDS[column.kind].writer(column, self.buffer[0], self._cells)
                self._writers.append((column.name, write))
        self._split = array_splitter(columns)
        self._direct = len(self._numbers) == len(self._columns) and bool(self._columns)

    def fill(self, row: Mapping[str, Any] | Sequence[Any]) -> None:
        """Encode one row into the buffer.

        Parameters
        ----------
        row : mapping or sequence
            Parsed JSON values by feature name, or the numbers of an all-numeric model in order.

        Raises
        ------
        InvalidInputError
            If features are missing, or a value does not suit its feature.
        """
        if isinstance(row, dict):
            self._fill_named(row)
        else:
            self._fill_array(row)  # type: ignore[arg-type]  # the other half of the union

    def scorer(self, score: Callable[[], T]) -> Callable[[Any], T]:
        """Return a function from a row to what `score` makes of the encoded row."""
        fill = self.fill

        def scores(row: Any) -> T:
            fill(row)
            return score()

        return scores

    def _fill_array(self, values: Sequence[Any]) -> None:
        if self._direct and len(values) == len(self._numbers):
            try:
                # None and text raise, NaN and infinity make the sum differ from itself
                total = sum(values)
                if total - total == 0.0:
                    self.buffer[0] = values
                    return
            except (TypeError, OverflowError):
                pass
        self._fill_carefully(self._split(values))

    def _fill_named(self, row: Mapping[str, Any]) -> None:
        cells = self._cells
        total = 0.0
        try:
            for name, at, impute in self._numbers:
                value = row[name]
                kind = value.__class__
                if kind is float or kind is int:
                    cells[at] = value
                    total += value
                elif value is None:
                    cells[at] = impute
                else:
                    return self._fill_carefully(row)
            for name, write in self._writers:
                write(row[name])
        except (KeyError, OverflowError):
            return self._fill_carefully(row)
        if total - total != 0.0:
            return self._fill_carefully(row)
        return None

    def _fill_carefully(self, row: Mapping[str, Any]) -> None:
        absent = missing_features(self._columns, row)
        if absent is not None:
            raise absent
        cells = self._cells
        for column in self._columns:
            if column.one_number:
                number = read_number(column.name, row[column.name])
                raw = float(column.impute[0]) if isnan(number) else number
                cells[column.start] = (raw - float(column.shift[0])) / float(column.scale[0])
        for name, write in self._writers:
            write(row[name])
