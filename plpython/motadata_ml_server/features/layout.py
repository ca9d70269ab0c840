"""The feature plan as the row encoders use it: offsets, defaults and conversions per column."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.errors import InvalidInputError
from motadata_ml_server.features.calendar import moment_reader
from motadata_ml_server.features.json_values import read_boolean, read_category, read_number, read_text, read_vector
from motadata_ml_server.features.tokens import TextWeights


@dataclass(frozen=True)
class PlanColumn:
    """One column of the plan and where its encoding lies.

    Attributes
    ----------
    spec : mapping
        The column in the plan's JSON form.
    start : int
        Position of its first encoded number.
    shift, scale : ndarray of shape (width,)
        encoded = (raw - shift) / scale.
    """

    spec: Mapping[str, Any]
    start: int
    shift: NDArray[np.float64]
    scale: NDArray[np.float64]

    @property
    def name(self) -> str:
        """The feature's name."""
        return str(self.spec["name"])

    @property
    def kind(self) -> str:
        """The feature's kind in the plan."""
        return str(self.spec["kind"])

    @property
    def width(self) -> int:
        """How many encoded numbers it has."""
        return len(self.shift)

    @property
    def indicator(self) -> bool:
        """Whether its last encoded number says that the value is missing."""
        return bool(self.spec.get("indicator", False))

    @property
    def impute(self) -> NDArray[np.float64]:
        """What stands for a missing value, before shift and scale; NaN where NaN goes through."""
        impute = self.spec.get("impute")
        parts = self.width - self.indicator
        if impute is None:
            return np.full(parts, math.nan)
        return np.broadcast_to(np.asarray(impute, dtype=np.float64), (parts,))

    def encode(self, raw: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
        """Apply shift and scale to raw numbers of the column's width."""
        return np.asarray((np.asarray(raw, dtype=np.float64) - self.shift) / self.scale)

    def category_rows(self) -> tuple[dict[str, NDArray[np.float64]], NDArray[np.float64]]:
        """Return the encoded numbers per category, and those of NULL or an unknown one.

        Returns
        -------
        (dict of str to ndarray, ndarray)
            Of shape (width,) each.
        """
        categories: list[str] = self.spec["categories"]
        encode = self.spec["encode"]
        if encode == "onehot":
            unit = np.eye(len(categories))
            rows = {category: self.encode(unit[at]) for at, category in enumerate(categories)}
            return rows, self.encode(np.zeros(self.width))
        if encode == "ordinal":
            unknown = self.spec.get("unknown")
            rows = {category: self.encode([float(at)]) for at, category in enumerate(categories)}
            return rows, self.encode([math.nan if unknown is None else float(unknown)])
        rows = {category: self.encode(row) for category, row in zip(categories, self.spec["values"], strict=True)}
        return rows, self.encode(self.spec["default"])

    def scalar_reader(self) -> Callable[[Any], list[float]]:
        """Return the function from a value of a number, boolean, timestamp or vector to raw numbers.

        Returns
        -------
        callable
            From a parsed JSON value to as many numbers as the column's width, imputed, before
            shift and scale; raising InvalidInputError for what does not suit the column.
        """
        kind = self.kind
        impute: list[float] = self.impute.tolist()
        if kind == "vector":
            return self._read_vector
        if kind == "timestamp":
            return moment_reader(self.name, tuple(self.spec["parts"]), impute)
        name, read, indicator = self.name, read_boolean if kind == "boolean" else read_number, self.indicator

        def read_scalar(value: Any) -> list[float]:
            if value is True:
                number = 1.0
            elif value is False:
                number = 0.0
            else:
                number = read(name, value)
                if math.isnan(number):
                    return [*impute, 1.0] if indicator else impute
            return [number, 0.0] if indicator else [number]

        return read_scalar

    def _read_vector(self, value: Any) -> list[float]:
        items = read_vector(self.name, int(self.spec["size"]), value)
        impute: list[float] = self.impute.tolist()
        if items is None:
            return impute
        return [default if math.isnan(item) else item for item, default in zip(items, impute, strict=True)]

    def read_category(self, value: Any) -> str | None:
        """Return the category of a value, None where it is missing."""
        return read_category(self.name, value)

    def read_text(self, value: Any) -> str:
        """Return the text of a value, empty where it is missing."""
        return read_text(self.name, value)

    def text_weights(self) -> TextWeights:
        """Return the column's vocabulary."""
        return TextWeights(self.spec)


def plan_columns(plan: Mapping[str, Any]) -> list[PlanColumn]:
    """Lay out the columns of a plan.

    Parameters
    ----------
    plan : mapping
        The plan's JSON form.

    Returns
    -------
    list of PlanColumn
        In feature order.
    """
    columns: list[PlanColumn] = []
    start = 0
    for spec in plan["columns"]:
        width = int(spec["width"])
        columns.append(
            PlanColumn(spec, start, _factors(spec.get("shift"), width, 0.0), _factors(spec.get("scale"), width, 1.0))
        )
        start += width
    return columns


def as_is_columns(width: int) -> list[PlanColumn]:
    """Lay out numbers that are encoded already.

    Parameters
    ----------
    width : int
        How many.

    Returns
    -------
    list of PlanColumn
        Named by their positions.
    """
    spec = {"kind": "number", "source": "number", "sql_type": "double precision", "width": 1, "impute": None}
    return plan_columns({"columns": [{**spec, "name": str(at)} for at in range(width)]})


def _factors(values: Sequence[float] | float | None, width: int, default: float) -> NDArray[np.float64]:
    if values is None:
        return np.full(width, default)
    return np.broadcast_to(np.asarray(values, dtype=np.float64), (width,)).copy()


def missing_features(columns: Sequence[PlanColumn], row: Mapping[str, Any]) -> InvalidInputError | None:
    """Return the error that lists every feature a row lacks, None where it lacks none.

    Parameters
    ----------
    columns : sequence of PlanColumn
        What the model takes.
    row : mapping
        Feature values by name.

    Returns
    -------
    InvalidInputError or None
        To be raised by the caller.
    """
    absent = [column.name for column in columns if column.name not in row]
    if not absent:
        return None
    names = ", ".join(map(repr, absent))
    return InvalidInputError(
        f"input lacks the feature{'s' if len(absent) > 1 else ''} {names}",
        hint="Pass every feature; pass null for a value that is unknown.",
    )


def split_array(columns: Sequence[PlanColumn], values: Sequence[Any]) -> dict[str, Any]:
    """Give the numbers of a positional input to their features.

    Parameters
    ----------
    columns : sequence of PlanColumn
        What the model takes, in order.
    values : sequence
        Numbers; a vector feature takes as many as its size.

    Returns
    -------
    dict
        Values by feature name.

    Raises
    ------
    InvalidInputError
        If the model has features that are not numeric, or the length is another.
    """
    texts = [column.name for column in columns if column.kind in {"category", "text", "timestamp"}]
    if texts:
        raise InvalidInputError(
            f"an array suits only models whose features are all numeric; {', '.join(map(repr, texts))} "
            f"{'are' if len(texts) > 1 else 'is'} not",
            hint="Pass the features by name, as in to_jsonb(t) or jsonb_build_object('name', value, ...).",
        )
    expected = sum(_array_size(column) for column in columns)
    if len(values) != expected:
        raise InvalidInputError(
            f"the array must have {expected} numbers, got {len(values)}",
            hint=f"Pass them in this order: {', '.join(column.name for column in columns)}.",
        )
    return dict(_deal(columns, values))


def _deal(columns: Sequence[PlanColumn], values: Sequence[Any]) -> Iterator[tuple[str, Any]]:
    at = 0
    for column in columns:
        size = _array_size(column)
        yield column.name, list(values[at : at + size]) if column.kind == "vector" else values[at]
        at += size


def _array_size(column: PlanColumn) -> int:
    return int(column.spec["size"]) if column.kind == "vector" else 1
