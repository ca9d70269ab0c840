"""The runtime of linear models."""

from __future__ import annotations

from motadata_ml_server import _native
from motadata_ml_server.columns import ColumnTable
from motadata_ml_server.features.plan import FeaturePlan
from motadata_ml_server.prediction.runtimes.base import Array
from motadata_ml_server.prediction.runtimes.compiled_linear_row import compiled_scores
from motadata_ml_server.prediction.runtimes.linear_batch import LinearBatch
from motadata_ml_server.prediction.runtimes.linear_model import LinearModel
from motadata_ml_server.prediction.runtimes.linear_row import LinearRow


class LinearRuntime:
    """A linear model, folded into its feature plan.

    Parameters
    ----------
    plan : FeaturePlan
        How rows become numbers.
    payload : bytes
        A stored `LinearModel`.
    """

    def __init__(self, plan: FeaturePlan, payload: bytes) -> None:
        model = LinearModel.from_bytes(payload)
        self.link = model.link
        self.parameters = model.parameters
        self.outputs = len(model.intercepts)
        # the parsed weights once as numbers, once or twice as Python floats inside the tables
        self.nbytes = 40 * model.weights.size + 150 * plan.width
        self.scores = (
            LinearRow(plan.columns, model).scores
            if _native.compiled is None
            else compiled_scores(plan.columns, model, _native.compiled)
        )
        self.encoded = model.scores
        self._batch = LinearBatch(plan.columns, model)

    def batch(self, table: ColumnTable, threads: int = 1) -> Array:
        """Return the raw scores of a table, of shape (rows, outputs)."""
        return self._batch.scores(table)
