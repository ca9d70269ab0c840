"""The SQL type of each column, derived from its dtype, and its values as packed binary."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from motadata_ml._frames import packing
from motadata_ml._frames.characters import REMEDY, first_fault
from motadata_ml._frames.packing import Field
from motadata_ml.errors import InvalidArgumentError, UnsupportedColumnError

SqlType: TypeAlias = Literal[
    "boolean", "bigint", "double precision", "text", "date", "timestamp", "timestamptz", "interval",
    "double precision[]",
]  # fmt: skip
_OBJECT_KINDS: dict[str, str] = {
    "string": "text",
    "integer": "bigint",
    "floating": "double precision",
    "mixed-integer-float": "double precision",
    "decimal": "double precision",
    "boolean": "boolean",
    "date": "date",
    "datetime": "timestamp",
    "datetime64": "timestamp",
    "timedelta": "interval",
    "timedelta64": "interval",
    "empty": "double precision",
    "categorical": "text",
}

CHECKED_ROWS = 4096
"""Texts that are looked at together: enough to be quick, few enough to be joined."""


@dataclass(frozen=True)
class Column:
    """One column, ready to be sent.

    Attributes
    ----------
    name : str
        Its name.
    sql_type : str
        The type it gets in PostgreSQL.
    missing : ndarray of bool, shape (rows,)
        Where the value is NULL.
    pack : callable
        Packs the rows of a slice into a `Field`.
    """

    name: str
    sql_type: SqlType
    missing: NDArray[np.bool_]
    pack: Callable[[slice], Field]

    def __len__(self) -> int:
        return len(self.missing)


def to_columns(frame: pd.DataFrame, argument: str = "X") -> list[Column]:
    """Return every column of a frame as typed, packed values.

    Parameters
    ----------
    frame : DataFrame
        As `to_frame` returns it.
    argument : str
        Its name, for messages.

    Raises
    ------
    UnsupportedColumnError
        If a column has infinities, values of several types, or a type without a counterpart.
    """
    return [to_column(frame[name], name, argument) for name in frame.columns]


def to_column(series: pd.Series[Any], name: str, argument: str = "X") -> Column:
    """Return one column as typed, packed values; see `to_columns`."""
    if isinstance(series.dtype, pd.ArrowDtype) and series.dtype.kind not in "iufbU":
        # Dates, lists, decimals and dictionaries: pandas' own accessors do not know the Arrow forms.
        series = series.astype(object)
    missing = np.asarray(series.isna().to_numpy(dtype=bool))
    kind = _kind(series, missing, name, argument)
    if kind == "double precision[]":
        return _vector(series, missing, name, argument)
    if kind == "text":
        _sendable(series[~missing], name, argument)
        return Column(name, kind, missing, packing.text(_strings(series), missing))
    if kind == "boolean":
        values = _plain(series, missing, False, "bool")
        return Column(name, kind, missing, packing.fixed(values.astype("u1")[:, None], missing))
    if kind == "bigint":
        whole = _plain(series, missing, 0, "object" if series.dtype == object else None)
        return Column(name, kind, missing, packing.fixed(packing.big_endian(_int64(whole, name), ">i8"), missing))
    if kind == "double precision":
        numbers = _plain(series, missing, np.nan, "float64")
        _finite(numbers, name, argument)
        return Column(name, kind, missing, packing.fixed(packing.big_endian(numbers, ">f8"), missing))
    return Column(name, kind, missing, packing.fixed(packing.moments(series, kind), missing))


def empty_column(name: str, sql_type: SqlType, rows: int) -> Column:
    """Return a column of NULLs."""
    missing = np.ones(rows, dtype=np.bool_)
    return Column(name, sql_type, missing, packing.fixed(np.zeros((rows, 1), dtype=np.uint8), missing))


def _kind(series: pd.Series[Any], missing: NDArray[np.bool_], name: str, argument: str) -> SqlType:
    """Return the SQL type for the values of a column."""
    dtype = series.dtype
    types = pd.api.types
    found: SqlType | None = None
    objects = types.is_object_dtype(dtype)
    if isinstance(dtype, pd.CategoricalDtype) or (types.is_string_dtype(dtype) and not objects):
        found = "text"
    elif types.is_bool_dtype(dtype):
        found = "boolean"
    elif types.is_integer_dtype(dtype):
        found = "bigint"
    elif types.is_float_dtype(dtype):
        found = "double precision"
    elif types.is_datetime64_any_dtype(dtype):
        found = "timestamptz" if getattr(series.dt, "tz", None) is not None else "timestamp"
    elif types.is_timedelta64_dtype(dtype):
        found = "interval"
    if found is not None:
        return found
    if not objects:
        reason = "Complex data not supported: " if types.is_complex_dtype(dtype) else ""
        raise UnsupportedColumnError(
            f"{reason}column {name!r} of {argument} has dtype {dtype}, which has no type in PostgreSQL",
            hint=f"convert it: {argument}[{name!r}].astype(float) or .astype(str)",
        )
    return _object_kind(series[~missing], name, argument)


def _object_kind(present: pd.Series[Any], name: str, argument: str) -> SqlType:
    """Return the SQL type of Python objects, all of one kind."""
    inferred = pd.api.types.infer_dtype(present, skipna=True)
    if inferred == "datetime" and any(value.tzinfo is not None for value in present):
        return "timestamptz"
    known = _OBJECT_KINDS.get(inferred)
    if known is not None:
        return known  # type: ignore[return-value]  # the table's values are SqlType's literals
    if all(isinstance(value, list | tuple | np.ndarray) for value in present):
        return "double precision[]"
    if all(isinstance(value, uuid.UUID) for value in present):
        return "text"
    kinds = sorted({type(value).__name__ for value in present})
    rule = "holds values of several types" if len(kinds) > 1 else "holds objects without a type in PostgreSQL"
    raise UnsupportedColumnError(
        f"column {name!r} of {argument} {rule}: {', '.join(kinds)}",
        hint="make them one type: .astype(str), or pandas.to_numeric(column, errors='coerce')",
    )


def _plain(series: pd.Series[Any], missing: NDArray[np.bool_], filler: Any, dtype: str | None) -> NDArray[Any]:
    """Return the values as a NumPy array, with a filler where they are missing."""
    if not missing.any():
        return np.asarray(series.to_numpy(dtype=dtype))
    if isinstance(series.dtype, np.dtype) and series.dtype != object:
        return np.asarray(series.to_numpy(dtype=dtype))
    if series.dtype == object:
        return np.asarray(series.where(~missing, filler).to_numpy(dtype=dtype))
    return np.asarray(series.to_numpy(dtype=dtype or "int64", na_value=filler))


def _int64(values: NDArray[Any], name: str) -> NDArray[np.int64]:
    """Return whole numbers as 64-bit ones; refuse those that do not fit."""
    try:
        narrow = values.astype(np.int64)
    except OverflowError:
        narrow = None
    if narrow is None or (values.dtype.kind == "u" and bool((narrow < 0).any())):
        raise InvalidArgumentError(
            f"column {name!r} holds whole numbers beyond 64 bits",
            hint="convert it to float, or to text for keys",
        )
    return narrow


def _strings(series: pd.Series[Any]) -> pd.Series[Any]:
    """Return the values as text, categories and UUIDs by their written form."""
    if isinstance(series.dtype, pd.CategoricalDtype):
        return series.cat.rename_categories([str(value) for value in series.cat.categories])
    if series.dtype == object:
        return series.map(str, na_action="ignore")
    return series


def _sendable(texts: pd.Series[Any], name: str, argument: str) -> None:
    """Refuse text that PostgreSQL cannot hold; texts are looked at many at a time, joined."""
    values = (texts.cat.categories if isinstance(texts.dtype, pd.CategoricalDtype) else texts).array
    runs = (values[start : start + CHECKED_ROWS] for start in range(0, len(values), CHECKED_ROWS))
    fault = first_fault("".join(map(str, run.tolist())) for run in runs)
    if fault is not None:
        raise UnsupportedColumnError(f"column {name!r} of {argument} holds text with {fault}", hint=REMEDY)


def _finite(numbers: NDArray[np.float64], name: str, argument: str) -> None:
    """Refuse infinities; NaN is a missing value."""
    infinite = np.isinf(numbers)
    if infinite.any():
        raise UnsupportedColumnError(
            f"column {name!r} of {argument} holds {int(infinite.sum())} infinite values, "
            f"the first in row {int(infinite.argmax())}",
            hint=f"clip them, or make them missing: {argument}[{name!r}].replace([inf, -inf], nan)",
        )


def _vector(series: pd.Series[Any], missing: NDArray[np.bool_], name: str, argument: str) -> Column:
    """Return a column of equally long lists of numbers."""
    sizes = {len(value) for value, gone in zip(series, missing, strict=True) if not gone}
    if len(sizes) > 1:
        raise UnsupportedColumnError(
            f"column {name!r} of {argument} holds lists of different lengths: {sorted(sizes)[:5]}",
            hint="a vector has the same number of elements in every row",
        )
    size = sizes.pop() if sizes else 0
    try:
        numbers = np.array(
            [np.zeros(size) if gone else value for value, gone in zip(series, missing, strict=True)],
            dtype=np.float64,
        ).reshape(len(series), size)
    except (TypeError, ValueError) as error:
        raise UnsupportedColumnError(
            f"column {name!r} of {argument} holds lists of something other than numbers",
            hint="keep numbers in lists, and text in a column of its own",
        ) from error
    _finite(numbers.ravel(), name, argument)
    return Column(name, "double precision[]", missing, packing.fixed(packing.vectors(numbers), missing))
