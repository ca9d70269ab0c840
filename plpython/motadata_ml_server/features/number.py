"""Numbers and booleans."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.features.json_values import invalid, says_nan
from motadata_ml_server.features.kind import Writer
from motadata_ml_server.features.numeric import NumericKind, Reader, imputed, most_frequent
from motadata_ml_server.features.plan_column import Matrix, PlanColumn
from motadata_ml_server.values.numbers import nearest_double, single
from motadata_ml_server.values.spans import seconds_of
from motadata_ml_server.values.text_forms import FALSE_WORDS, TRUE_WORDS


def read_number(name: str, value: Any) -> float:
    """Read a number, a numeric string or a boolean; NaN where it is missing.

    Parameters
    ----------
    name : str
        The feature, for the error.
    value : object
        A parsed JSON value.

    Returns
    -------
    float
        Finite, or NaN for null.

    Raises
    ------
    InvalidInputError
        If it is anything else, or infinite.
    """
    if value is None:
        return math.nan
    number: float | None
    if isinstance(value, (int, float)):
        number = nearest_double(value)
    elif isinstance(value, str) and "_" not in value:
        try:
            number = nearest_double(value)
        except ValueError:
            number = _read_span(name, value)
    else:
        raise invalid(name, "must be a number", value)
    if number is None or math.isinf(number):
        raise invalid(name, "must be a finite number", value, None if isinstance(value, str) else _short(value))
    return number


def _short(number: float) -> str:
    """Return a number that may have more digits than Python writes."""
    return str(Decimal(number)) if isinstance(number, int) else repr(number)


def _read_span(name: str, value: str) -> float:
    """Read a time or an interval, in any style that PostgreSQL prints, or a boolean."""
    word = value.strip().lower()
    if word in ("true", "false"):
        return float(word == "true")
    seconds = seconds_of(value)
    if seconds is None:
        raise invalid(name, "must be a number", value)
    return seconds


def read_boolean(name: str, value: Any) -> float:
    """Read a boolean as 1.0 or 0.0; NaN where it is missing.

    Parameters
    ----------
    name : str
        The feature, for the error.
    value : object
        A parsed JSON value: true, false, 0, 1, or PostgreSQL's spellings as a string.

    Returns
    -------
    float
        0.0, 1.0 or NaN.

    Raises
    ------
    InvalidInputError
        If it is anything else.
    """
    if value is None:
        return math.nan
    if isinstance(value, (bool, int, float)):
        if value in {0, 1}:
            return float(value)
        if isinstance(value, float) and math.isnan(value):
            return math.nan
    elif isinstance(value, str):
        word = value.strip().lower()
        if word in TRUE_WORDS:
            return 1.0
        if word in FALSE_WORDS:
            return 0.0
        if says_nan(value):
            return math.nan
    raise invalid(name, "must be true or false", value)


class NumberKind(NumericKind):
    """A number, and in some plans a second one that says whether it is missing."""

    name = "number"

    @property
    def read_value(self) -> Callable[[str, Any], float]:
        """The function from the feature's name and a value to the number; NaN where it is missing."""
        return read_number

    def measure(self, values: NDArray[np.float64]) -> tuple[dict[str, Any], Matrix]:
        """Return the numbers as they are."""
        return {}, values if values.ndim == 2 else values[:, None]

    def names(self, column: PlanColumn) -> list[str]:
        """Return the feature's own name, and that of the indicator."""
        return [column.name, f"{column.name} is null"] if column.indicator else super().names(column)

    def array_size(self, column: PlanColumn) -> int:
        """Return 1."""
        return 1

    def raw(self, column: PlanColumn, values: NDArray[np.float64]) -> Matrix:
        """Return the numbers, imputed, and the indicators."""
        numbers = values[:, None]
        filled = imputed(numbers, column.spec["impute"])
        return np.hstack([filled, np.isnan(numbers)]) if column.indicator else filled

    def unencoded(self, column: PlanColumn, value: Any) -> float:
        """Return the number that a value stands for."""
        return self._read_of(column)(value)

    def _read_of(self, column: PlanColumn) -> Callable[[Any], float]:
        """Return the function from a value to the number, rounded as the type of the training does."""
        name, read = column.name, self.read_value
        if not column.single:
            return partial(read, name)

        def read_single(value: Any) -> float:
            number = single(read(name, value))
            if math.isinf(number):
                raise invalid(name, "must be a number within the range of real", value)
            return number

        return read_single

    def reader(self, column: PlanColumn) -> Reader:
        """Return the function from a value to the number, and the indicator."""
        read, indicator = self._read_of(column), column.indicator
        impute: list[float] = column.impute.tolist()

        def read_scalar(value: Any) -> list[float]:
            if value is True:
                number = 1.0
            elif value is False:
                number = 0.0
            else:
                number = read(value)
                if math.isnan(number):
                    return [*impute, 1.0] if indicator else impute
            return [number, 0.0] if indicator else [number]

        return read_scalar

    def writer(self, column: PlanColumn, row: NDArray[np.float64], cells: memoryview[float]) -> Writer:
        """Return the function that encodes one value into one row."""
        if not column.one_number:
            return super().writer(column, row, cells)
        read, at = self.reader(column), column.start
        shift, scale = float(column.shift[0]), float(column.scale[0])

        def write_one(value: Any) -> None:
            if value.__class__ is float and value - value == 0.0:
                cells[at] = (value - shift) / scale
            else:
                cells[at] = (read(value)[0] - shift) / scale

        return write_one

    def cells(self, column: PlanColumn, row: NDArray[np.float64], cells: memoryview[float]) -> tuple[Any, ...]:
        """Return the column as the encoder of single rows takes it."""
        if not column.one_number:
            return super().cells(column, row, cells)
        shift, scale, impute = float(column.shift[0]), float(column.scale[0]), float(column.impute[0])
        return ("number", column.name, column.start, shift, scale, impute)


class BooleanKind(NumberKind):
    """A boolean, as 1 or 0."""

    name = "boolean"

    @property
    def read_value(self) -> Callable[[str, Any], float]:
        """The function from the feature's name and a value to 1, 0 or NaN."""
        return read_boolean

    def middle(self, sample: Matrix) -> NDArray[np.float64]:
        """Return what stands for NULL where nothing else is asked for: the more frequent of the two."""
        return most_frequent(sample)


NUMBER: Final = NumberKind()
BOOLEAN: Final = BooleanKind()
