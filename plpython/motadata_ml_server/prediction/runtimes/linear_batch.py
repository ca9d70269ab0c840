"""A linear model over a table: products of whole columns, looked up shares of categories and texts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np

from motadata_ml_server.columns import Column, ColumnTable
from motadata_ml_server.features.plan import FeaturePlan
from motadata_ml_server.features.plan_column import PlanColumn
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
        plain = [column for column in self._columns if column.one_number]
        if plain:
            scores += self._numbers(plain, table)
        for column in self._columns:
            if column.one_number:
                continue
            block = self._model.weights[:, column.part]
            scores += TABLE_SHARES[column.kind](column, block, table.columns[column.name])
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


def _numeric_share(column: PlanColumn, block: Array, given: Column) -> Array:
    from motadata_ml_server.features.table import encode_table

    alone = ColumnTable(len(given.numbers), {column.name: given})
    return np.asarray(encode_table(FeaturePlan.of([column.spec]), alone) @ block.T)


def _category_share(column: PlanColumn, block: Array, given: Column) -> Array:
    shares, unknown = category_shares(column, block)
    return _share_of_texts(block, given, lambda text: unknown if text is None else shares.get(text, unknown))


def _text_share(column: PlanColumn, block: Array, given: Column) -> Array:
    return _share_of_texts(block, given, column_share(column, block))


def _share_of_texts(block: Array, given: Column, share: Callable[[str | None], Sequence[float]]) -> Array:
    """Weigh each dictionary entry that occurs once."""
    texts = given.texts
    used, codes = np.unique(texts.codes, return_inverse=True)
    entries = [share(texts.dictionary[code] if code >= 0 else None) for code in used.tolist()]
    table = np.array(entries, dtype=np.float64).reshape(len(used), len(block))
    return np.asarray(table[codes])


TABLE_SHARES: Final[Mapping[str, Callable[[PlanColumn, Array, Column], Array]]] = {
    "number": _numeric_share,
    "boolean": _numeric_share,
    "timestamp": _numeric_share,
    "vector": _numeric_share,
    "text": _text_share,
    "category": _category_share,
}
"""By kind of feature, what a column adds to the scores: from the column, the model's weights for it and its values."""
