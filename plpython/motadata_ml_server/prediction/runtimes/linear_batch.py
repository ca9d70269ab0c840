"""A linear model over a table: products of whole columns, looked up shares of categories and texts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from motadata_ml_server.columns import Column, ColumnSchema, ColumnTable, TextValues
from motadata_ml_server.features.layout import PlanColumn
from motadata_ml_server.prediction.runtimes.base import Array
from motadata_ml_server.prediction.runtimes.linear_model import LinearModel
from motadata_ml_server.prediction.runtimes.linear_row import category_shares, column_share

BLOCK_ROWS = 16384
"""Rows of plain numbers taken at once: few enough to stay in the processor's cache."""


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
        given = [table.columns[column.name].numbers for column in columns]
        shifts = [float(column.shift[0]) for column in columns]
        weights = np.stack([self._model.weights[:, column.start] / column.scale[0] for column in columns], axis=1)
        # a missing value of a feature without weight must not make the score missing
        defaults = [
            float(column.impute[0]) - shift if row.any() else 0.0
            for column, shift, row in zip(columns, shifts, weights.T, strict=True)
        ]
        scores = np.empty((table.rows, len(weights)))
        moved = np.empty((len(columns), min(BLOCK_ROWS, table.rows)))
        for first in range(0, table.rows, BLOCK_ROWS):
            part = slice(first, min(first + BLOCK_ROWS, table.rows))
            block = moved[:, : part.stop - first]
            for at, (values, shift) in enumerate(zip(given, shifts, strict=True)):
                np.subtract(values[part], shift, out=block[at])
            if np.isnan(block.sum()):
                for row, default in zip(block, defaults, strict=True):
                    row[np.isnan(row)] = default
            np.matmul(weights, block, out=scores[part].T)
        return scores

    def _share(self, column: PlanColumn, block: Array, given: Column) -> Array:
        if isinstance(given.values, TextValues):
            return _share_of_texts(column, block, given.values)
        return _share_of_numbers(column, block, given.values)


def _share_of_texts(column: PlanColumn, block: Array, texts: TextValues) -> Array:
    """Weigh each dictionary entry that occurs once; the last row of the table stands for NULL."""
    used, codes = np.unique(texts.codes, return_inverse=True)
    if column.kind == "category":
        shares, unknown = category_shares(column, block)
        entries = [shares.get(texts.dictionary[code], unknown) if code >= 0 else unknown for code in used.tolist()]
    else:
        share = column_share(column, block)
        entries = [share(texts.dictionary[code] if code >= 0 else None) for code in used.tolist()]
    table = np.array(entries, dtype=np.float64).reshape(len(used), len(block))
    return np.asarray(table[codes])


def _share_of_numbers(column: PlanColumn, block: Array, values: Array) -> Array:
    from motadata_ml_server.features.plan import FeaturePlan
    from motadata_ml_server.features.table import encode_table

    plan = FeaturePlan.from_json({"version": 1, "columns": [dict(column.spec)]})
    schema = ColumnSchema(column.name, column.spec["source"], column.spec["sql_type"])
    encoded = encode_table(plan, ColumnTable(len(values), {column.name: Column(schema, values)}))
    return np.asarray(encoded @ block.T)
