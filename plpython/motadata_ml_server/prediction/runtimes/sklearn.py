"""A stored scikit-learn estimator, for what has no compiled form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.columns import ColumnTable
from motadata_ml_server.errors import UnsupportedOperationError
from motadata_ml_server.features.plan import FeaturePlan
from motadata_ml_server.features.row import row_encoder
from motadata_ml_server.features.row_chunks import row_chunks

Array = NDArray[np.float64]
_DEPENDS_ON_NEIGHBOURS: Final = frozenset({"NMF", "MiniBatchNMF"})
"""Their transform iterates until all rows of a call have settled: a row's answer would depend on those beside it."""


class SklearnRuntime:
    """A scikit-learn estimator itself, for what has no compiled form.

    Parameters
    ----------
    plan : FeaturePlan
        How rows become numbers.
    payload : bytes
        A stored estimator.
    task : str
        Model type.
    """

    def __init__(self, plan: FeaturePlan, payload: bytes, task: str) -> None:
        from threadpoolctl import threadpool_limits

        from motadata_ml_server.persistence.skops_store import load
        from motadata_ml_server.prediction.runtimes.sklearn_scores import score_with_sklearn

        self._estimator: Any = load(payload)
        for parameter in self._estimator.get_params(deep=True):
            if parameter.split("__")[-1] == "n_jobs":
                self._estimator.set_params(**{parameter: None})
        threadpool_limits(limits=1)
        self._plan = plan
        self._task = task
        self._row = row_encoder(plan.columns)
        self._score = score_with_sklearn
        self._one_by_one = type(self._estimator).__name__ in _DEPENDS_ON_NEIGHBOURS
        self.nbytes = 6 * len(payload)
        self.parameters: dict[str, Any] = {}
        probe = score_with_sklearn(self._estimator, task, self._row.buffer)
        self.link = probe.link
        self.outputs = probe.scores.shape[1]

    def scores(self, row: Mapping[str, Any] | Sequence[Any]) -> Sequence[float]:
        """Return the raw scores of one row."""
        self._row.fill(row)
        result: list[float] = self._scores(self._row.buffer)[0].tolist()
        return result

    def batch(self, table: ColumnTable, threads: int = 1) -> Array:
        """Return the raw scores of a table, of shape (rows, outputs)."""
        from motadata_ml_server.features.table import encode_table

        scores = np.empty((table.rows, self.outputs))
        for part, chunk in row_chunks(table, self._row.buffer.shape[1]):
            scores[part] = self._scores(encode_table(self._plan, chunk))
        return scores

    def encoded(self, rows: Array) -> Array:
        """Return the raw scores of encoded rows, of shape (rows, outputs)."""
        return self._scores(rows)

    def _scores(self, encoded: Array) -> Array:
        if self._one_by_one and len(encoded) > 1:
            return np.vstack([self._scores(encoded[at : at + 1]) for at in range(len(encoded))])
        try:
            return self._score(self._estimator, self._task, encoded).scores
        except ValueError as exc:
            raise UnsupportedOperationError(
                f"the model cannot predict this row: {exc}",
                hint="Check the values; an estimator without support for nulls needs them replaced.",
            ) from exc
