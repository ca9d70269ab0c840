"""One row into a buffer of encoded numbers, by the compiled loops."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import isnan
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.features.check import array_splitter, missing_features
from motadata_ml_server.features.kinds import KINDS
from motadata_ml_server.features.number import read_number
from motadata_ml_server.features.plan_column import PlanColumn

T = TypeVar("T")


class CompiledRow:
    """Encoder of single rows with the interface of `row.DenseRow`.

    The loop leaves a row that has anything unusual to Python. There every rule about values is applied, which gives
    plain numbers, and these go through the loop again: so one place writes the buffer.

    Parameters
    ----------
    columns : sequence of PlanColumn
        The feature plan.
    loops : module
        A form of the hot loops.

    Attributes
    ----------
    buffer : ndarray of shape (1, width)
        The encoded row.
    """

    def __init__(self, columns: Sequence[PlanColumn], loops: Any) -> None:
        self._columns = list(columns)
        width = sum(column.width for column in columns)
        self.buffer: NDArray[np.float64] = np.zeros((1, width))
        row = self.buffer[0]
        cells = row.data.cast("B").cast("d")
        specs = [KINDS[column.kind].cells(column, row, cells) for column in columns]
        self._split = array_splitter(columns)
        self._plainly: Callable[[Any], bool] = loops.RowEncoder(specs, width, row).fill

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
        if not self._plainly(row):
            self._carefully(row)

    def scorer(self, score: Callable[[], T]) -> Callable[[Any], T]:
        """Return a function from a row to what `score` makes of the encoded row."""
        plainly, carefully = self._plainly, self._carefully

        def scores(row: Any) -> T:
            if not plainly(row):
                carefully(row)
            return score()

        return scores

    def _carefully(self, row: Mapping[str, Any] | Sequence[Any]) -> None:
        named: Mapping[str, Any] = row if isinstance(row, dict) else self._split(row)  # type: ignore[arg-type]
        absent = missing_features(self._columns, named)
        if absent is not None:
            raise absent
        plain = dict(named)
        for column in self._columns:
            if column.one_number:
                number = read_number(column.name, named[column.name])
                plain[column.name] = None if isnan(number) else number
        # its answer says only whether the sum of the numbers, which are finite, is finite too
        self._plainly(plain)
