"""Many rows at once through a feature plan. NumPy only, so that a session can do it too."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.columns import Column, ColumnTable, TextValues
from motadata_ml_server.errors import InvalidInputError
from motadata_ml_server.features.plan import FeaturePlan, PlanFeature
from motadata_ml_server.inference.tokens import TextWeights

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Matrix = NDArray[np.float64]
Overrides = Mapping[str, Matrix]


def encode_table(
    plan: FeaturePlan, table: ColumnTable, sparse: bool = False, overrides: Overrides | None = None
) -> Any:
    """Encode the rows of a table.

    Parameters
    ----------
    plan : FeaturePlan
        How.
    table : ColumnTable
        Holds at least the plan's columns.
    sparse : bool
        Whether to return a sparse matrix, for plans with long vocabularies.
    overrides : mapping of str to ndarray, optional
        Raw encodings to use instead of the plan's for some columns: what target encoding gives to the rows it was
        fitted on.

    Returns
    -------
    ndarray of float64 or csr_matrix, shape (rows, plan.width)
        C-contiguous if dense.

    Raises
    ------
    InvalidInputError
        ML011: an infinite number, or a vector of another size.
    """
    if sparse:
        return _sparse(plan, table, overrides or {})
    out = np.zeros((table.rows, plan.width))
    start = 0
    for feature in plan.columns:
        block = out[:, start : start + feature.width]
        raw = (overrides or {}).get(feature.name)
        if feature.kind == "text":
            fill_text(feature, table.columns[feature.name].texts, block)
        else:
            block[:] = raw if raw is not None else raw_block(feature, table.columns[feature.name])
        scale_block(feature, block)
        start += feature.width
    return out


def raw_block(feature: PlanFeature, column: Column) -> Matrix:
    """Return a column's numbers before shift and scale, imputed, of shape (rows, width) or (rows, 1)."""
    if feature.kind == "category":
        return _category(feature.spec, column.texts)
    values = column.numbers
    if np.isinf(values).any():
        raise InvalidInputError(
            f"feature {feature.name!r} must be finite, got an infinite value",
            hint="Pass NULL for a value that is unknown.",
        )
    if feature.kind == "timestamp":
        return _impute(calendar_columns(values, feature.spec["parts"]), feature.spec["impute"])
    if feature.kind == "vector":
        return _vector(feature, values)
    numbers = values[:, None]
    filled = _impute(numbers, feature.spec["impute"])
    return np.hstack([filled, np.isnan(numbers)]) if feature.spec.get("indicator") else filled


def scale_block(feature: PlanFeature, block: Matrix) -> None:
    """Apply shift and scale in place."""
    shift, scale = feature.spec.get("shift"), feature.spec.get("scale")
    if shift is not None:
        block -= np.asarray(shift)
    if scale is not None:
        block /= np.asarray(scale)


def _impute(values: Matrix, impute: float | Sequence[float] | None) -> Matrix:
    missing = np.isnan(values)
    if impute is None or not missing.any():
        return values
    return np.where(missing, np.asarray(impute), values)


def _vector(feature: PlanFeature, values: Matrix) -> Matrix:
    size = feature.width
    if values.shape[1] != size:
        if np.isnan(values).all():
            values = np.full((len(values), size), np.nan)
        else:
            raise InvalidInputError(
                f"feature {feature.name!r} must be an array of {size} numbers, got {values.shape[1]}",
                hint="Pass arrays of the size the model was trained with.",
            )
    return _impute(values, feature.spec["impute"])


def _category(spec: Mapping[str, Any], texts: TextValues) -> Matrix:
    categories = spec["categories"]
    if spec["encode"] == "onehot":
        rows = np.vstack([np.eye(len(categories)), np.zeros(len(categories))])
    elif spec["encode"] == "ordinal":
        unknown = np.nan if spec.get("unknown") is None else float(spec["unknown"])
        rows = np.append(np.arange(len(categories), dtype=np.float64), unknown)[:, None]
    else:
        rows = np.vstack([np.asarray(spec["values"], dtype=np.float64).reshape(-1, spec["width"]), spec["default"]])
    position = {category: at for at, category in enumerate(categories)}
    known = np.array([position.get(text, len(categories)) for text in texts.dictionary] + [len(categories)])
    return np.asarray(rows[known[texts.codes]], dtype=np.float64)


def calendar_columns(seconds: NDArray[np.float64], parts: Sequence[str]) -> Matrix:
    """Split seconds since 1970 into calendar parts, as `inference.moments` does for one row.

    Parameters
    ----------
    seconds : ndarray of float64, shape (rows,)
        NaN where missing.
    parts : sequence of str
        Names of the parts.

    Returns
    -------
    ndarray of float64, shape (rows, len(parts))
        NaN where missing.
    """
    whole = np.floor(seconds / 86400.0)
    rest = seconds - whole * 86400.0
    shifted = whole + 719468.0
    era = np.floor(shifted / 146097.0)
    day_of_era = shifted - era * 146097.0
    year_of_era = np.floor((day_of_era - day_of_era // 1460 + day_of_era // 36524 - day_of_era // 146096) / 365.0)
    day_of_year = day_of_era - (365.0 * year_of_era + year_of_era // 4 - year_of_era // 100)
    index = (5.0 * day_of_year + 2.0) // 153.0
    month = np.where(index < 10, index + 3.0, index - 9.0)
    known: dict[str, Callable[[], Matrix]] = {
        "days": lambda: seconds / 86400.0,
        "year": lambda: year_of_era + era * 400.0 + (month <= 2),
        "month": lambda: month,
        "day": lambda: day_of_year - (153.0 * index + 2.0) // 5.0 + 1.0,
        "dow": lambda: (whole + 3.0) % 7.0,
        "hour": lambda: rest // 3600.0,
        "minute": lambda: rest % 3600.0 // 60.0,
    }
    out = np.column_stack([known[part]() for part in parts])
    out[np.isnan(seconds)] = np.nan
    return out


def text_entries(feature: PlanFeature, texts: TextValues) -> tuple[NDArray[np.intp], NDArray[np.intp], Matrix]:
    """Return the non-zero entries of a text column: row pointers, positions and weights, as a CSR matrix has them."""
    weights = TextWeights(feature.spec)
    found = [weights.weigh(text) for text in texts.dictionary]
    sizes = np.array([len(entries) for entries in found] + [0])
    starts = np.concatenate([[0], np.cumsum(sizes)])
    positions = np.array([at for entries in found for at, _ in entries], dtype=np.intp)
    values = np.array([value for entries in found for _, value in entries], dtype=np.float64)
    codes = np.where(texts.codes < 0, len(found), texts.codes)
    counts = sizes[codes]
    pointers = np.concatenate([[0], np.cumsum(counts)])
    take = np.arange(pointers[-1]) - np.repeat(pointers[:-1], counts) + np.repeat(starts[codes], counts)
    return pointers, positions[take], values[take]


def fill_text(feature: PlanFeature, texts: TextValues, block: Matrix) -> None:
    """Write a text column's weights into a block of zeros."""
    pointers, positions, values = text_entries(feature, texts)
    block[np.repeat(np.arange(len(block)), np.diff(pointers)), positions] = values


def _sparse(plan: FeaturePlan, table: ColumnTable, overrides: Overrides) -> csr_matrix:
    from scipy.sparse import csr_matrix, hstack

    blocks = []
    for feature in plan.columns:
        column = table.columns[feature.name]
        if feature.kind == "text":
            pointers, positions, values = text_entries(feature, column.texts)
            blocks.append(csr_matrix((values, positions, pointers), shape=(table.rows, feature.width)))
            continue
        block = np.array(overrides.get(feature.name, raw_block(feature, column)), dtype=np.float64)
        scale_block(feature, block)
        blocks.append(csr_matrix(block))
    return csr_matrix(hstack(blocks, format="csr"))
