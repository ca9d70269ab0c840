"""The runtime of trees: the hot loops over the arrays that are stored of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

import numpy as np

from motadata_ml_server import _native
from motadata_ml_server.columns import ColumnTable
from motadata_ml_server.errors import ArtifactError
from motadata_ml_server.features.plan import FeaturePlan
from motadata_ml_server.features.row import row_encoder
from motadata_ml_server.features.row_chunks import row_chunks
from motadata_ml_server.postgres.resources import require_memory
from motadata_ml_server.prediction.runtimes.base import Array
from motadata_ml_server.prediction.runtimes.threads import in_threads
from motadata_ml_server.prediction.runtimes.tree_model import TreeModel

Row: TypeAlias = Mapping[str, Any] | Sequence[Any]
RESERVE: Final = 16 << 20
"""What has to be free beside a chunk's own numbers before it is encoded, in bytes."""


class TreesRuntime:
    """Decision trees, each run on as many threads as the caller allows.

    Parameters
    ----------
    plan : FeaturePlan
        How rows become numbers.
    payload : bytes
        A stored `TreeModel`.
    """

    def __init__(self, plan: FeaturePlan, payload: bytes) -> None:
        model = TreeModel.from_bytes(payload)
        if model.features != plan.width:
            raise ArtifactError(
                f"stored trees are damaged: they take {model.features} numbers, the feature plan makes {plan.width}",
                hint="Train the model again; a stored model is never repaired in place.",
            )
        self._plan = plan
        self._trees = model.open(_native.loops())
        self.link = model.link
        self.parameters = model.parameters
        self.outputs = model.outputs
        self.nbytes = int(self._trees.nbytes)
        row = row_encoder(plan.columns)
        self._width = row.buffer.shape[1]
        self.scores: Callable[[Row], Sequence[float]] = row.scorer(self._trees.bind(row.buffer[0]).scores)
        """Return the raw scores of one row."""

    def batch(self, table: ColumnTable, threads: int = 1) -> Array:
        """Return the raw scores of a table, of shape (rows, outputs)."""
        from motadata_ml_server.features.table import encode_table

        scores = np.empty((table.rows, self.outputs))
        for part, chunk in row_chunks(table, self._width):
            require_memory(RESERVE + 24 * chunk.rows * (self._width + self.outputs))
            scores[part] = in_threads(self.encoded, encode_table(self._plan, chunk), threads)
        return scores

    def encoded(self, rows: Array) -> Array:
        """Return the raw scores of encoded rows.

        Parameters
        ----------
        rows : ndarray of shape (rows, width)
            What the feature plan makes of the rows.

        Returns
        -------
        ndarray of shape (rows, outputs)
            Raw scores.
        """
        scores = np.empty((len(rows), self.outputs))
        self._trees.table(np.asarray(rows, dtype=np.float64), scores)
        return scores
