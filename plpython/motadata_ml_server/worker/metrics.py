"""Scores of a fitted model, by scikit-learn's definitions, as a flat mapping."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.training.label_scores import RANKED_DECIMALS, LabelCounts, brier_sum, label_scores

Array = NDArray[np.float64]

SILHOUETTE_ROWS = 5_000
"""Silhouettes compare every pair of rows: they come from at most so many."""


def classification(
    truth: NDArray[np.intp],
    labels: NDArray[np.intp],
    probabilities: Array | None,
    scores: Array | None,
    classes: int,
    positive: int | None = None,
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
    positive : int or None
        Position of the positive class of two; None takes the last.
    """
    from sklearn import metrics

    if positive is None and classes == 2:
        positive = 1
    found = label_scores(LabelCounts.of(truth, labels, classes), positive)
    ranking = probabilities if probabilities is not None else scores
    if ranking is not None and len(np.unique(truth)) == classes:
        found |= _ranked(truth, ranking, probabilities is not None, positive)
    if probabilities is not None:
        found["log_loss"] = float(metrics.log_loss(truth, probabilities, labels=np.arange(classes)))
        found["brier"] = brier_sum(probabilities, truth) / len(truth)
    return {name: value for name, value in found.items() if np.isfinite(value)}


def _ranked(truth: NDArray[np.intp], ranking: Array, normalised: bool, positive: int | None) -> dict[str, float]:
    """Return what the order of the scores is worth; of more than two classes each against the rest."""
    from sklearn.metrics import average_precision_score, roc_auc_score

    ranking = ranking.round(RANKED_DECIMALS)
    if positive is not None:
        score = ranking[:, 1] if ranking.ndim == 2 else ranking
        score = score if positive == 1 else -score
        actual = truth == positive
        found = {"roc_auc": float(roc_auc_score(actual, score))}
        if normalised:
            found["average_precision"] = float(average_precision_score(actual, score))
        return found
    if not normalised:
        return {}
    each = [(truth == code, ranking[:, code]) for code in range(ranking.shape[1])]
    return {
        "roc_auc": float(np.mean([roc_auc_score(actual, score) for actual, score in each])),
        "average_precision": float(np.mean([average_precision_score(actual, score) for actual, score in each])),
    }


def regression(truth: Array, predicted: Array, quantile: float | None = None) -> dict[str, float]:
    """Return the scores of a regressor; mape leaves out rows whose true value is 0.

    Parameters
    ----------
    truth, predicted : ndarray of float64, shape (rows,)
        Values.
    quantile : float or None
        The quantile that the estimator predicts.
    """
    error = predicted - truth
    spread = ((truth - truth.mean()) ** 2).sum()
    squares = (error**2).sum()
    found = {
        "rmse": float(np.sqrt((error**2).mean())),
        "mae": float(np.abs(error).mean()),
        "median_absolute_error": float(np.median(np.abs(error))),
    }
    if spread > 0:
        found["r2"] = float(1.0 - squares / spread)
        found["explained_variance"] = float(1.0 - ((error - error.mean()) ** 2).sum() / spread)
    if quantile is not None:
        found["pinball_loss"] = float(np.maximum(-quantile * error, (1.0 - quantile) * error).mean())
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
