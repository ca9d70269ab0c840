"""What numbers, booleans, timestamps and vectors share: a substitute for NULL, a scale, the table and row forms."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.columns import Column
from motadata_ml_server.errors import InvalidInputError, UnsupportedColumnError
from motadata_ml_server.features.kind import FittedColumn, Fitting, Kind, Writer
from motadata_ml_server.features.plan_column import Matrix, PlanColumn
from motadata_ml_server.values.numbers import SQUARABLE

if TYPE_CHECKING:
    from motadata_ml_server.features.preprocess import ColumnRule

Reader: TypeAlias = Callable[[Any], list[float]]
"""From a parsed JSON value to as many raw numbers as the column's width, imputed, before shift and scale."""

LARGE = 1e6
"""Numbers beyond this lose digits in float32, in which trees compare: they are shifted and scaled."""

LARGEST = 1e306
"""Of a feature at training: shifted and scaled, each number that a double can be is one again."""

QUANTILE_ROWS = 200_000
"""Medians and quartiles come from at most so many rows, evenly spread."""


class NumericKind(Kind):
    """A kind whose column travels as numbers, with NaN for NULL.

    Attributes
    ----------
    impute_each : bool
        Whether the plan holds a substitute for each of its numbers, not one for all.
    """

    impute_each: ClassVar[bool] = False

    @abstractmethod
    def measure(self, values: NDArray[np.float64]) -> tuple[dict[str, Any], Matrix]:
        """Return what the plan holds of the kind alone, and the raw numbers of the training rows."""

    @abstractmethod
    def raw(self, column: PlanColumn, values: NDArray[np.float64]) -> Matrix:
        """Return the raw numbers of many rows, imputed, before shift and scale."""

    @abstractmethod
    def unencoded(self, column: PlanColumn, value: Any) -> float | list[float] | None:
        """Return the number, or the numbers of a vector, that a JSON value or a text stands for; NaN where missing.

        Raises
        ------
        InvalidInputError
            ML011: it stands for none.
        """

    @abstractmethod
    def reader(self, column: PlanColumn) -> Reader:
        """Return the function from a value to raw numbers; raising InvalidInputError for what does not suit."""

    def suits(self, column: Column, rule: ColumnRule) -> bool:
        """Tell whether a training column travels as this kind."""
        return column.schema.kind == self.name

    def fit(self, column: Column, fitting: Fitting) -> FittedColumn:
        """Return the column's form in the plan.

        Raises
        ------
        UnsupportedColumnError
            ML010: it holds infinite numbers, or some beyond `LARGEST`.
        """
        schema = column.schema
        if np.isinf(column.numbers).any():
            raise UnsupportedColumnError(
                f"column {schema.name!r} holds infinite values, which cannot be a feature",
                hint="Turn them into NULL in a SELECT: nullif(column, 'infinity').",
            )
        if np.nanmax(np.abs(column.numbers), initial=0.0) > LARGEST:
            raise UnsupportedColumnError(
                f"column {schema.name!r} holds numbers beyond {LARGEST:g}, whose differences no double can be",
                hint="Divide it in a SELECT, or take its logarithm: ln().",
            )
        own, raw = self.measure(column.numbers)
        impute = self._impute(raw, fitting)
        shift, scale = self._factors(raw, impute, fitting.rule.scale)
        substitute = None if impute is None else impute.tolist()
        return FittedColumn(
            {
                "name": schema.name,
                "kind": self.name,
                "source": schema.kind,
                "sql_type": schema.sql_type,
                **own,
                "width": raw.shape[1],
                "impute": substitute if substitute is None or self.impute_each else substitute[0],
                "shift": None if shift is None else shift.tolist(),
                "scale": None if scale is None else scale.tolist(),
            }
        )

    def middle(self, sample: Matrix) -> NDArray[np.float64]:
        """Return what stands for NULL where nothing else is asked for: the medians."""
        return np.asarray(np.nanmedian(sample, axis=0))

    def unscaled_shift(self, raw: Matrix) -> NDArray[np.float64] | None:
        """Return the shift of small numbers that need no scale; None where they stay as they are."""
        return None

    def _impute(self, raw: Matrix, fitting: Fitting) -> NDArray[np.float64] | None:
        how = fitting.rule.impute
        if how == "none" or (how is None and fitting.nan_ok):
            return None if fitting.nan_ok else np.zeros(raw.shape[1])
        if isinstance(how, (int, float)):
            return np.full(raw.shape[1], float(how))
        sample = raw[:: max(1, len(raw) // QUANTILE_ROWS)]
        if np.isnan(sample).all():
            sample = raw
        if how == "mean":
            return np.asarray(np.nanmean(raw, axis=0))
        return most_frequent(sample) if how == "most_frequent" else self.middle(sample)

    def _factors(
        self, raw: Matrix, impute: NDArray[np.float64] | None, scaling: str
    ) -> tuple[NDArray[np.float64] | None, NDArray[np.float64] | None]:
        """Return shift and scale, None where the numbers may stay as they are."""
        if scaling == "none":
            if not np.nanmax(np.abs(raw)) > LARGE:
                return self.unscaled_shift(raw), None
            scaling = "standard"
        if np.isnan(raw).any() and impute is not None:
            raw = np.where(np.isnan(raw), impute, raw)
        if scaling == "standard":
            most = float(np.nanmax(np.abs(raw)))
            unit = most if most > SQUARABLE else 1.0
            small = raw if unit == 1.0 else raw / unit
            mean = np.nanmean(small, axis=0)
            return mean * unit, _nonzero(np.sqrt(np.nanmean((small - mean) ** 2, axis=0)) * unit)
        if scaling == "minmax":
            low = np.nanmin(raw, axis=0)
            return low, _nonzero(np.nanmax(raw, axis=0) - low)
        sample = raw[:: max(1, len(raw) // QUANTILE_ROWS)]
        low, middle, high = np.nanpercentile(sample, [25, 50, 75], axis=0)
        return middle, _nonzero(high - low)

    def summary(self, column: PlanColumn) -> dict[str, Any]:
        """Return what a person wants to know of the column, without a long list of substitutes."""
        short = super().summary(column)
        if isinstance(short.get("impute"), list) and len(short["impute"]) > 10:
            del short["impute"]
        return short

    def check(self, column: PlanColumn, given: Column) -> None:
        """Refuse infinite numbers.

        Raises
        ------
        InvalidInputError
            ML011: there are some.
        """
        if np.isinf(given.numbers).any():
            raise InvalidInputError(
                f"feature {column.name!r} must be a finite number, got an infinite one",
                hint="Replace infinite values, for example by null.",
            )

    def fill(self, column: PlanColumn, given: Column, block: Matrix) -> None:
        """Write the raw numbers of many rows.

        Raises
        ------
        InvalidInputError
            ML011: an infinite number, or a vector of another size.
        """
        values = given.numbers
        if np.isinf(values).any():
            raise InvalidInputError(
                f"feature {column.name!r} must be finite, got an infinite value",
                hint="Pass NULL for a value that is unknown.",
            )
        block[:] = self.raw(column, values)

    def writer(self, column: PlanColumn, row: NDArray[np.float64], cells: memoryview[float]) -> Writer:
        """Return the function that encodes one value into one row."""
        read, start = self.reader(column), column.start
        if not column.shift.any() and (column.scale == 1.0).all():

            def write_plain(value: Any) -> None:
                for at, raw in enumerate(read(value), start):
                    cells[at] = raw

            return write_plain
        factors = list(
            zip(range(start, start + column.width), column.shift.tolist(), column.scale.tolist(), strict=True)
        )

        def write_scaled(value: Any) -> None:
            for (at, shift, scale), raw in zip(factors, read(value), strict=True):
                cells[at] = (raw - shift) / scale

        return write_scaled


def imputed(values: Matrix, impute: float | Sequence[float] | None) -> Matrix:
    """Return numbers with a substitute for NaN, where the plan has one."""
    missing = np.isnan(values)
    if impute is None or not missing.any():
        return values
    return np.where(missing, np.asarray(impute), values)


def most_frequent(sample: Matrix) -> NDArray[np.float64]:
    """Return the number that is most frequent in each column of a sample."""
    found = []
    for values in sample.T:
        distinct, counts = np.unique(values[~np.isnan(values)], return_counts=True)
        found.append(float(distinct[counts.argmax()]))
    return np.array(found)


def _nonzero(scale: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(scale > 0, scale, 1.0)
