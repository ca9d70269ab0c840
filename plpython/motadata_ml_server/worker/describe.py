"""What a fitted model says of itself: the components of a decomposition, the scores of an anomaly detector."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from motadata_ml_server.features.plan import FeaturePlan

MAX_LOADINGS: Final = 50
"""So many loadings of a component are told, the heaviest first."""

MAX_COMPONENTS: Final = 100
"""So many components are told."""

MAX_ROWS: Final = 10_000
"""From so many training rows come the scores that are told."""

QUANTILES: Final = {"lowest": 0.0, "percent_1": 0.01, "percent_5": 0.05, "median": 0.5, "highest": 1.0}


def described(task: str, estimator: Any, plan: FeaturePlan, encoded: Any) -> dict[str, Any]:
    """Return what ``ml.get_model_info`` shows beside the metrics.

    Parameters
    ----------
    task : str
        Model type.
    estimator : estimator
        Fitted.
    plan : FeaturePlan
        What the encoded numbers are.
    encoded : ndarray or csr_matrix, shape (rows, width)
        The training rows.

    Returns
    -------
    dict
        ``components`` of a decomposition, ``anomaly_score`` of an anomaly detector; empty for other types.
    """
    if task == "decomposition":
        return {"components": components(estimator, plan)}
    if task == "anomaly":
        return {"anomaly_score": _anomaly_score(estimator, encoded)}
    return {}


def components(estimator: Any, plan: FeaturePlan) -> list[dict[str, Any]]:
    """Return each component: its number from 1, what variance it explains, and its loadings by encoded feature.

    A loading is the weight of a feature, scaled as the plan says, in the component. What the estimator does not know is
    left out: a kernel's components have no loadings.
    """
    weights = getattr(estimator, "components_", None)
    explained = getattr(estimator, "explained_variance_", None)
    if explained is None:
        explained = getattr(estimator, "eigenvalues_", None)
    ratio = getattr(estimator, "explained_variance_ratio_", None)
    count = next((of.shape[0] for of in (explained, weights) if of is not None), 0)
    found: list[dict[str, Any]] = []
    for at in range(min(int(count), MAX_COMPONENTS)):
        component: dict[str, Any] = {"component": at + 1}
        if explained is not None:
            component["explained_variance"] = float(explained[at])
        if ratio is not None:
            component["explained_variance_ratio"] = float(ratio[at])
        if weights is not None and weights.shape[1] == plan.width:
            component["loadings"] = _loadings(weights[at], plan)
        found.append(component)
    return found


def _loadings(weights: Any, plan: FeaturePlan) -> list[dict[str, Any]]:
    row = np.asarray(weights.toarray() if hasattr(weights, "toarray") else weights, dtype=np.float64).reshape(-1)
    heaviest = np.argsort(-np.abs(row), kind="stable")[:MAX_LOADINGS]
    return [{"feature": plan.output_names[at], "loading": float(row[at])} for at in heaviest.tolist()]


def _anomaly_score(estimator: Any, encoded: Any) -> dict[str, Any]:
    some = encoded[:: -(-encoded.shape[0] // MAX_ROWS)]
    scores = np.asarray(estimator.decision_function(some), dtype=np.float64).reshape(-1)
    return {
        "meaning": "the lower, the more unusual is the row; below 0 it counts as an outlier",
        "outlier_below": 0.0,
        "training_rows": {name: float(np.quantile(scores, share)) for name, share in QUANTILES.items()},
    }
