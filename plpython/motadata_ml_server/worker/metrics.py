"""Scores of a fitted model, by scikit-learn's definitions, as a flat mapping."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

SILHOUETTE_ROWS = 5_000
"""Silhouettes compare every pair of rows: they come from at most so many."""


def classification(
    truth: NDArray[np.intp],
    labels: NDArray[np.intp],
    probabilities: Array | None,
    scores: Array | None,
    classes: int,
) -> dict[str, float]:
    """Return the scores of a classifier.

    Parameters
    ----------
    truth, labels : ndarray of int, shape (rows,)
        Class numbers.
    probabilities : ndarray of float64, shape (rows, classes), or None
        Where the estimator has them.
    scores : ndarray of float64 or None
        Decision scores, where it has no probabilities.
    classes : int
        Number of classes.
    """
    from sklearn import metrics

    found: dict[str, float] = {"accuracy": float((truth == labels).mean())}
    for name, average in (("", "weighted"), ("_macro", "macro")):
        precision, recall, f1, _ = metrics.precision_recall_fscore_support(
            truth, labels, average=average, zero_division=0.0
        )
        found |= {
            f"precision{name}": float(precision),
            f"recall{name}": float(recall),
            ("f1_score" if not name else "f1_macro"): float(f1),
        }
    found["balanced_accuracy"] = found["recall_macro"]
    found["majority_class_accuracy"] = float(np.bincount(truth).max() / len(truth))
    ranking = probabilities if probabilities is not None else scores
    if ranking is not None and len(np.unique(truth)) == classes:
        found["roc_auc"] = _roc_auc(truth, ranking, probabilities is not None, classes)
    if probabilities is not None:
        found["log_loss"] = float(metrics.log_loss(truth, probabilities, labels=np.arange(classes)))
    return {name: value for name, value in found.items() if np.isfinite(value)}


def _roc_auc(truth: NDArray[np.intp], ranking: Array, normalised: bool, classes: int) -> float:
    from sklearn.metrics import roc_auc_score

    if classes == 2:
        return float(roc_auc_score(truth, ranking[:, 1] if ranking.ndim == 2 else ranking))
    if not normalised:
        return float("nan")
    return float(roc_auc_score(truth, ranking, multi_class="ovr", average="macro"))


def regression(truth: Array, predicted: Array) -> dict[str, float]:
    """Return the scores of a regressor; mape leaves out rows whose true value is 0."""
    error = predicted - truth
    spread = ((truth - truth.mean()) ** 2).sum()
    squares = (error**2).sum()
    found = {
        "rmse": float(np.sqrt((error**2).mean())),
        "mae": float(np.abs(error).mean()),
    }
    if spread > 0:
        found["r2"] = float(1.0 - squares / spread)
    nonzero = truth != 0
    if nonzero.any():
        found["mape"] = float(np.abs(error[nonzero] / truth[nonzero]).mean())
    return found


def clustering(encoded: Any, labels: NDArray[np.intp], estimator: Any, seed: int | None) -> dict[str, float]:
    """Return the scores of a clusterer; the silhouette comes from a sample of the rows."""
    from sklearn.metrics import silhouette_score

    found: dict[str, float] = {"clusters": float(len(np.unique(labels[labels >= 0])))}
    if hasattr(estimator, "inertia_"):
        found["inertia"] = float(estimator.inertia_)
    rows = len(labels)
    chosen = np.random.default_rng(seed).permutation(rows)[:SILHOUETTE_ROWS]
    distinct = len(np.unique(labels[chosen]))
    if 2 <= distinct < len(chosen):
        found["silhouette"] = float(silhouette_score(encoded[chosen], labels[chosen]))
    return found


def anomaly(outliers: NDArray[np.bool_]) -> dict[str, float]:
    """Return the share of rows that are outliers."""
    return {"outlier_share": float(outliers.mean())}


def decomposition(estimator: Any) -> dict[str, float]:
    """Return how much variance the components explain, where the estimator says so."""
    ratio = getattr(estimator, "explained_variance_ratio_", None)
    return {} if ratio is None else {"explained_variance_ratio": float(np.sum(ratio))}
