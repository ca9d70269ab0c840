"""What evaluates a stored model: plain Python, ONNX Runtime, or scikit-learn where nothing else can.

Every runtime gives raw scores, for one row and for a table; `links` says what they mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.columns import ColumnTable
from motadata_ml_server.errors import ArtifactError
from motadata_ml_server.inference.linear import LinearModel
from motadata_ml_server.inference.linear_batch import LinearBatch
from motadata_ml_server.inference.linear_row import LinearRow
from motadata_ml_server.inference.plan_columns import PlanColumn

Array = NDArray[np.float64]


class Runtime(Protocol):
    """Raw scores of a model, and what they mean."""

    link: str
    parameters: dict[str, Any]
    outputs: int

    @property
    def nbytes(self) -> int:
        """Estimate of the memory it holds."""

    def scores(self, row: Mapping[str, Any] | Sequence[Any]) -> Sequence[float]:
        """Return the raw scores of one row."""

    def batch(self, table: ColumnTable, threads: int = 1) -> Array:
        """Return the raw scores of a table, of shape (rows, outputs), with at most so many threads."""

    def encoded(self, rows: Array) -> Array:
        """Return the raw scores of encoded rows, of shape (rows, outputs)."""


class LinearRuntime:
    """A linear model, folded into its feature plan.

    Parameters
    ----------
    columns : sequence of PlanColumn
        The feature plan.
    payload : bytes
        A stored `LinearModel`.
    """

    def __init__(self, columns: Sequence[PlanColumn], payload: bytes) -> None:
        model = LinearModel.from_bytes(payload)
        self.link = model.link
        self.parameters = model.parameters
        self.outputs = len(model.intercepts)
        # the parsed weights once as numbers, once or twice as Python floats inside the tables
        self.nbytes = 40 * model.weights.size + 150 * sum(column.width for column in columns)
        self.scores = LinearRow(columns, model).scores
        self.encoded = model.scores
        self._batch = LinearBatch(columns, model)

    def batch(self, table: ColumnTable, threads: int = 1) -> Array:
        """Return the raw scores of a table, of shape (rows, outputs)."""
        return self._batch.scores(table)


def open_runtime(
    kind: str, columns: Sequence[PlanColumn], plan: Mapping[str, Any], payload: bytes, task: str
) -> Runtime:
    """Return the runtime of a stored model.

    Parameters
    ----------
    kind : str
        'linear', 'onnx', 'skops' or 'grouped'.
    columns : sequence of PlanColumn
        The feature plan, laid out.
    plan : mapping
        The same in JSON form.
    payload : bytes
        The artifact of that kind.
    task : str
        Model type.

    Returns
    -------
    Runtime
        Ready to predict.

    Raises
    ------
    ArtifactError
        If the artifact is not acceptable, or of an unknown kind.
    """
    if kind == "linear":
        return LinearRuntime(columns, payload)
    if kind == "onnx":
        from motadata_ml_server.inference.onnx_runtime import OnnxRuntime

        return OnnxRuntime(columns, plan, payload)
    if kind == "skops":
        from motadata_ml_server.inference.sklearn_runtime import SklearnRuntime

        return SklearnRuntime(columns, plan, payload, task)
    if kind == "grouped":
        from motadata_ml_server.inference.grouped import GroupedRuntime

        return GroupedRuntime(columns, plan, payload)
    raise ArtifactError(f"stored model is of the unknown kind {kind!r}", hint="Update the server package.")
