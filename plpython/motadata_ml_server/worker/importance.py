"""What each feature adds to the scores of a training, measured on the rows held out. Runs in the worker only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.features.plan import FeaturePlan
from motadata_ml_server.postgres.breath import no_breath
from motadata_ml_server.prediction.runtimes.open import open_fastest
from motadata_ml_server.prediction.runtimes.permutation import METRICS, importances

MAX_ROWS: Final = 2_000
"""Held-out rows that are shuffled at most."""

MAX_BYTES: Final = 32 << 20
"""Bytes that they may take, encoded."""

MAX_FEATURES: Final = 200
"""So many features are told, those that matter most."""

SHARE: Final = 0.25
"""Of the fit's time."""

LEAST_SECONDS: Final = 0.03
"""What it may take after any fit."""


@dataclass(frozen=True)
class _Estimator:
    """A fitted estimator as a runtime of encoded rows."""

    estimator: Any
    task: str
    outputs: int = 1
    nbytes: int = 0
    link: str = "label_first"
    parameters: dict[str, Any] = field(default_factory=dict)

    def encoded(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the raw scores of encoded rows."""
        found = self.estimator.predict(rows)
        if self.task == "classification":
            found = np.searchsorted(self.estimator.classes_, found)
        return np.asarray(found, dtype=np.float64).reshape(len(rows), -1)


def measured(
    artifacts: Mapping[str, bytes],
    estimator: Any,
    task: str,
    plan: FeaturePlan,
    encoded: Any,
    truth: NDArray[Any],
    seed: int | None,
    fit_seconds: float,
) -> dict[str, Any] | None:
    """Return what ``ml.importance`` shows of a training; None where it would take too long.

    Parameters
    ----------
    artifacts : mapping of str to bytes
        The model's.
    estimator : estimator
        The fitted one.
    task : str
        'classification' or 'regression'.
    plan : FeaturePlan
        What the encoded numbers are.
    encoded : ndarray or csr_matrix, shape (rows, width)
        Rows held out.
    truth : ndarray of shape (rows,)
        Their target.
    seed : int or None
        Of the training.
    fit_seconds : float
        How long the fit took.
    """
    most = min(MAX_ROWS, max(1, MAX_BYTES // (8 * max(1, plan.width))))
    some = encoded[:most]
    dense = np.asarray(some.toarray() if hasattr(some, "toarray") else some, dtype=np.float64)
    runtime: Any = open_fastest(artifacts, plan.width, task) or _Estimator(estimator, task)
    if task == "regression" and isinstance(runtime, _Estimator):
        runtime = _Estimator(estimator, task, link="identity")
    allowed = max(LEAST_SECONDS, SHARE * fit_seconds)
    found = importances(runtime, task, dense, truth[:most], plan.columns, seed, no_breath, allowed)
    if not found:
        return None
    return {
        "metric": METRICS[task],
        "rows": len(dense),
        "features": [asdict(one) for one in found[:MAX_FEATURES]],
    }
