"""A linear model over many rows, without ever holding the encoded matrix.

Every column adds its share to the scores: numbers by a product, categories by a look-up per
dictionary entry, free text by weighing each distinct text once. So a model over 20,000 tokens
needs no more memory than one over ten numbers, and no sparse matrix library.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.columns import Column, ColumnSchema, ColumnTable, TextValues
from motadata_ml_server.inference.linear import LinearModel
from motadata_ml_server.inference.linear_row import category_shares, column_share
from motadata_ml_server.inference.plan_columns import PlanColumn

Array = NDArray[np.float64]


class LinearBatch:
    """Raw scores of whole tables under a linear model.

    Parameters
    ----------
    columns : sequence of PlanColumn
        The feature plan.
    model : LinearModel
        The model over the encoded features.
    """

    def __init__(self, columns: Sequence[PlanColumn], model: LinearModel) -> None:
        self._columns = list(columns)
        self._model = model

    def scores(self, table: ColumnTable) -> Array:
        """Return the raw scores of every row.

        Parameters
        ----------
        table : ColumnTable
            Rows that passed `check_table`.

        Returns
        -------
        ndarray of shape (rows, outputs)
            Raw scores.
        """
        intercepts = self._model.intercepts
        scores = np.tile(intercepts, (table.rows, 1))
        plain = [column for column in self._columns if column.kind == "number" and column.width == 1]
        if plain:
            scores += self._numbers(plain, table)
        for column in self._columns:
            if column.kind == "number" and column.width == 1:
                continue
            block = self._model.weights[:, column.start : column.start + column.width]
            scores += self._share(column, block, table.columns[column.name])
        return scores

    def _numbers(self, columns: Sequence[PlanColumn], table: ColumnTable) -> Array:
        moved = np.empty((len(columns), table.rows))
        weights = np.empty((len(columns), len(self._model.intercepts)))
        for at, column in enumerate(columns):
            values = table.columns[column.name].numbers
            np.subtract(values, column.shift[0], out=moved[at])
            weights[at] = self._model.weights[:, column.start] / column.scale[0]
            missing = np.isnan(values)
            if missing.any():
                moved[at, missing] = column.impute[0] - column.shift[0] if weights[at].any() else 0.0
        return np.asarray(moved.T @ weights)

    def _share(self, column: PlanColumn, block: Array, given: Column) -> Array:
        if isinstance(given.values, TextValues):
            return _share_of_texts(column, block, given.values)
        return _share_of_numbers(column, block, given.values)


def _share_of_texts(column: PlanColumn, block: Array, texts: TextValues) -> Array:
    """Weigh each dictionary entry that occurs once; the last row of the table stands for NULL."""
    used, codes = np.unique(texts.codes, return_inverse=True)
    if column.kind == "category":
        shares, unknown = category_shares(column, block)
        entries = [
            shares.get(texts.dictionary[code], unknown) if code >= 0 else unknown for code in used.tolist()
        ]
    else:
        share = column_share(column, block)
        entries = [share(texts.dictionary[code] if code >= 0 else None) for code in used.tolist()]
    table = np.array(entries, dtype=np.float64).reshape(len(used), len(block))
    return np.asarray(table[codes])


def _share_of_numbers(column: PlanColumn, block: Array, values: Array) -> Array:
    from motadata_ml_server.features.encode import encode_table
    from motadata_ml_server.features.plan import FeaturePlan

    plan = FeaturePlan.from_json({"version": 1, "columns": [dict(column.spec)]})
    schema = ColumnSchema(column.name, column.spec["source"], column.spec["sql_type"])
    encoded = encode_table(plan, ColumnTable(len(values), {column.name: Column(schema, values)}))
    return np.asarray(encoded @ block.T)
