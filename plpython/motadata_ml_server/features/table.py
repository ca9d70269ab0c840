"""Many rows at once through a feature plan. NumPy only, so that a session can do it too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from motadata_ml_server.columns import ColumnTable
from motadata_ml_server.features.kinds import KINDS
from motadata_ml_server.features.plan import FeaturePlan
from motadata_ml_server.features.plan_column import Matrix, PlanColumn

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
    for column in plan.columns:
        block = out[:, column.start : column.start + column.width]
        _encode(column, table, overrides or {}, block)
    return out


def _encode(column: PlanColumn, table: ColumnTable, overrides: Overrides, block: Matrix) -> None:
    raw = overrides.get(column.name)
    if raw is None:
        KINDS[column.kind].fill(column, table.columns[column.name], block)
    else:
        block[:] = raw
    # only where the plan says so: free text is wide, and stays as it is
    if column.spec.get("shift") is not None:
        block -= column.shift
    if column.spec.get("scale") is not None:
        block /= column.scale


def _sparse(plan: FeaturePlan, table: ColumnTable, overrides: Overrides) -> csr_matrix:
    from scipy.sparse import csr_matrix, hstack

    blocks = []
    for column in plan.columns:
        shape = (table.rows, column.width)
        entries = KINDS[column.kind].entries(column, table.columns[column.name])
        if entries is None:
            block = np.zeros(shape)
            _encode(column, table, overrides, block)
            blocks.append(csr_matrix(block))
        else:
            pointers, positions, values = entries
            blocks.append(csr_matrix((values, positions, pointers), shape=shape))
    return csr_matrix(hstack(blocks, format="csr"))
