"""scikit-learn's own answer in the form that the compiled runtimes give."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.errors import UnsupportedOperationError


@dataclass(frozen=True)
class Reference:
    """Raw scores read from an estimator, and the answer it gives itself.

    Attributes
    ----------
    scores : ndarray of shape (rows, outputs)
        Raw scores under `link`.
    link : str
        A name in `links`.
    labels : ndarray of int, shape (rows,), or None
        Positions of the predicted classes, or cluster numbers; None for other model types.
    """

    scores: NDArray[np.float64]
    link: str
    labels: NDArray[np.intp] | None


def score_with_sklearn(estimator: Any, task: str, encoded: NDArray[np.float64]) -> Reference:
    """Predict encoded rows with the estimator itself.

    The predicted class is that of `predict`, which for a few estimators is not the one of the
    largest probability, so it travels apart from the probabilities (link "label_first").

    Parameters
    ----------
    estimator : object
        A fitted estimator.
    task : str
        Model type.
    encoded : ndarray of shape (rows, width)
        What the feature plan makes of the rows.

    Returns
    -------
    Reference
        Scores and labels.

    Raises
    ------
    UnsupportedOperationError
        If the estimator only describes the rows it was fitted on, as DBSCAN does.
    """
    method = {"anomaly": "decision_function", "decomposition": "transform"}.get(task, "predict")
    if not hasattr(estimator, method):
        raise UnsupportedOperationError(
            f"{type(estimator).__name__} cannot predict rows it was not trained on",
            hint="Choose an algorithm that can, such as KMeans, IsolationForest or PCA.",
        )
    if task == "classification":
        labels = np.searchsorted(estimator.classes_, estimator.predict(encoded)).astype(np.intp)
        first = labels[:, None].astype(np.float64)
        if not hasattr(estimator, "predict_proba"):
            return Reference(first, "label_first", labels)
        chances = np.asarray(estimator.predict_proba(encoded), dtype=np.float64)
        return Reference(np.hstack([first, chances]), "label_first", labels)
    if task == "clustering":
        clusters = np.asarray(estimator.predict(encoded), dtype=np.intp)
        return Reference(clusters[:, None].astype(np.float64), "label_first", clusters)
    if task == "anomaly":
        values = np.asarray(estimator.decision_function(encoded), dtype=np.float64)
        return Reference(values.reshape(len(encoded), -1)[:, :1], "identity", None)
    if task == "decomposition":
        parts = estimator.transform(encoded)
        dense = parts.toarray() if hasattr(parts, "toarray") else parts
        return Reference(np.asarray(dense, dtype=np.float64).reshape(len(encoded), -1), "identity", None)
    values = np.asarray(estimator.predict(encoded), dtype=np.float64)
    return Reference(values.reshape(len(encoded), -1), "identity", None)
