"""Numbers, booleans, timestamps and vectors: what stands for NULL, and their scale."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.columns import Column
from motadata_ml_server.features.calendar import calendar_columns
from motadata_ml_server.features.preprocess import ColumnRule

_PARTS = ("days", "year", "month", "day", "dow", "hour", "minute")

LARGE = 1e6
"""Numbers beyond this lose digits in float32, in which trees compare: they are shifted and scaled."""

QUANTILE_ROWS = 200_000
"""Medians and quartiles come from at most so many rows, evenly spread."""


def fit(column: Column, rule: ColumnRule, nan_ok: bool) -> dict[str, Any]:
    """Return the JSON form of a numeric column's feature."""
    schema = column.schema
    spec: dict[str, Any] = {
        "name": schema.name,
        "kind": schema.kind,
        "source": schema.kind,
        "sql_type": schema.sql_type,
    }
    raw = column.numbers if column.numbers.ndim == 2 else column.numbers[:, None]
    if schema.kind == "timestamp":
        parts = _varying_parts(column.numbers)
        spec["parts"] = parts
        raw = calendar_columns(column.numbers, parts)
    elif schema.kind == "vector":
        spec["size"] = raw.shape[1]
    impute = _impute(raw, rule, nan_ok, schema.kind)
    spec["width"] = raw.shape[1]
    spec["impute"] = (
        None if impute is None else (impute.tolist() if schema.kind in ("timestamp", "vector") else float(impute[0]))
    )
    shift, scale = _factors(raw, impute, rule.scale, schema.kind)
    spec["shift"] = None if shift is None else shift.tolist()
    spec["scale"] = None if scale is None else scale.tolist()
    return spec


def _varying_parts(seconds: NDArray[np.float64]) -> list[str]:
    known = calendar_columns(seconds[~np.isnan(seconds)], _PARTS)
    varying = (known != known[0]).any(axis=0)
    return [part for part, varies in zip(_PARTS, varying, strict=True) if varies or part == "days"]


def _impute(raw: NDArray[np.float64], rule: ColumnRule, nan_ok: bool, kind: str) -> NDArray[np.float64] | None:
    how = rule.impute
    if how == "none" or (how is None and nan_ok):
        return None if nan_ok else np.zeros(raw.shape[1])
    if isinstance(how, (int, float)):
        return np.full(raw.shape[1], float(how))
    sample = raw[:: max(1, len(raw) // QUANTILE_ROWS)]
    if np.isnan(sample).all():
        sample = raw
    if how == "mean":
        return np.asarray(np.nanmean(raw, axis=0))
    if how == "most_frequent" or kind == "boolean":
        return np.array([_most_frequent(sample[:, j]) for j in range(raw.shape[1])])
    return np.asarray(np.nanmedian(sample, axis=0))


def _most_frequent(values: NDArray[np.float64]) -> float:
    distinct, counts = np.unique(values[~np.isnan(values)], return_counts=True)
    return float(distinct[counts.argmax()])


def _factors(
    raw: NDArray[np.float64], impute: NDArray[np.float64] | None, scaling: str, kind: str
) -> tuple[NDArray[np.float64] | None, NDArray[np.float64] | None]:
    """Return shift and scale, None where the numbers may stay as they are."""
    if scaling == "none":
        if kind == "boolean" or not np.nanmax(np.abs(raw)) > LARGE:
            shift = None if kind != "timestamp" else np.where(np.array(_is_days(raw)), np.nanmean(raw, axis=0), 0.0)
            return shift, None
        scaling = "standard"
    if np.isnan(raw).any() and impute is not None:
        raw = np.where(np.isnan(raw), impute, raw)
    if scaling == "standard":
        mean = np.nanmean(raw, axis=0)
        return mean, _nonzero(np.sqrt(np.nanmean((raw - mean) ** 2, axis=0)))
    if scaling == "minmax":
        low = np.nanmin(raw, axis=0)
        return low, _nonzero(np.nanmax(raw, axis=0) - low)
    sample = raw[:: max(1, len(raw) // QUANTILE_ROWS)]
    low, middle, high = np.nanpercentile(sample, [25, 50, 75], axis=0)
    return middle, _nonzero(high - low)


def _is_days(raw: NDArray[np.float64]) -> list[bool]:
    return [position == 0 for position in range(raw.shape[1])]


def _nonzero(scale: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(scale > 0, scale, 1.0)
