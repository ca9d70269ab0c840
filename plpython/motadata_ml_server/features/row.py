"""One row into a preallocated buffer of encoded numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import isnan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.features.json_values import read_number
from motadata_ml_server.features.layout import PlanColumn, missing_features, split_array

Writer = Callable[[Any], None]


class DenseRow:
    """Encoder of single rows.

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
            if column.kind == "number" and column.width == 1 and plain:
                self._numbers.append((column.name, column.start, float(column.impute[0])))
            else:
                self._writers.append((column.name, self._writer(column)))
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
        self._fill_carefully(split_array(self._columns, values))

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
            if column.kind == "number" and column.width == 1:
                number = read_number(column.name, row[column.name])
                raw = float(column.impute[0]) if isnan(number) else number
                cells[column.start] = (raw - float(column.shift[0])) / float(column.scale[0])
        for name, write in self._writers:
            write(row[name])

    def _writer(self, column: PlanColumn) -> Writer:
        if column.kind == "category":
            return self._category_writer(column)
        if column.kind == "text":
            return self._text_writer(column)
        return self._scalar_writer(column)

    def _scalar_writer(self, column: PlanColumn) -> Writer:
        cells, read = self._cells, column.scalar_reader()
        factors = [
            (column.start + at, float(shift), float(scale))
            for at, (shift, scale) in enumerate(zip(column.shift, column.scale, strict=True))
        ]
        if column.width == 1 and column.kind == "number":
            at, shift, scale = factors[0]

            def write_one(value: Any) -> None:
                if value.__class__ is float and value - value == 0.0:
                    cells[at] = (value - shift) / scale
                else:
                    cells[at] = (read(value)[0] - shift) / scale

            return write_one
        if not column.shift.any() and (column.scale == 1.0).all():
            start = column.start

            def write_plain(value: Any) -> None:
                for offset, raw in enumerate(read(value), start):
                    cells[offset] = raw

            return write_plain

        def write_scalars(value: Any) -> None:
            for (at, shift, scale), raw in zip(factors, read(value), strict=True):
                cells[at] = (raw - shift) / scale

        return write_scalars

    def _category_writer(self, column: PlanColumn) -> Writer:
        rows, other = column.category_rows()
        read, cells = column.read_category, self._cells
        if column.width == 1:
            at = column.start
            singles = {category: float(row[0]) for category, row in rows.items()}
            unknown = float(other[0])

            def write_single(value: Any) -> None:
                if value.__class__ is not str:
                    value = read(value)
                cells[at] = singles.get(value, unknown)

            return write_single
        part = self.buffer[0, column.start : column.start + column.width]

        if column.spec["encode"] == "onehot":
            spots = {category: (column.start + at, float(row[at])) for at, (category, row) in enumerate(rows.items())}
            part[:] = other
            previous = [(column.start, float(other[0]))]

            def write_onehot(value: Any) -> None:
                if value.__class__ is not str:
                    value = read(value)
                at, unset = previous[0]
                cells[at] = unset
                spot = spots.get(value)
                if spot is not None:
                    at, encoded = spot
                    cells[at] = encoded
                    previous[0] = (at, float(other[at - column.start]))

            return write_onehot

        def write_values(value: Any) -> None:
            if value.__class__ is not str:
                value = read(value)
            part[:] = rows.get(value, other)

        return write_values

    def _text_writer(self, column: PlanColumn) -> Writer:
        weigh, read = column.text_weights().weigh, column.read_text
        part = self.buffer[0, column.start : column.start + column.width]
        empty = column.encode(np.zeros(column.width))
        scale = column.scale.tolist()
        cells, start = self._cells, column.start
        base = empty.tolist()

        def write_text(value: Any) -> None:
            part[:] = empty
            for at, weight in weigh(read(value)):
                cells[start + at] = base[at] + weight / scale[at]

        return write_text
