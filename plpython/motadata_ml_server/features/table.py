"""Many rows at once through a feature plan. NumPy only, so that a session can do it too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from motadata_ml_server.columns import Column, ColumnTable, TextValues
from motadata_ml_server.errors import InvalidInputError
from motadata_ml_server.features.calendar import calendar_columns
from motadata_ml_server.features.plan import FeaturePlan, Matrix, PlanFeature
from motadata_ml_server.features.tokens import fill_text, text_entries

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

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
