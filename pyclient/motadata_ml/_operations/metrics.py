"""Scores, by the definitions of scikit-learn's metrics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def classification(actual: Sequence[Any], predicted: Sequence[Any]) -> dict[str, float | int]:
    """Return accuracy, and precision, recall and F1 weighted by support and as plain means.

    Parameters
    ----------
    actual, predicted : sequence of labels
        Of the same length.
    """
    labels = sorted({*actual, *predicted}, key=lambda label: (str(type(label)), label))
    codes = {label: code for code, label in enumerate(labels)}
    size = len(labels)
    pairs = np.array([codes[a] * size + codes[p] for a, p in zip(actual, predicted, strict=True)])
    table = np.bincount(pairs, minlength=size * size).reshape(size, size).astype(np.float64)
    hits, support, guessed = table.diagonal(), table.sum(axis=1), table.sum(axis=0)
    precision = _ratio(hits, guessed)
    recall = _ratio(hits, support)
    f1 = _ratio(2 * hits, support + guessed)
    weights = support / support.sum()
    return {
        "accuracy": float(hits.sum() / table.sum()),
        "precision": float(precision @ weights),
        "recall": float(recall @ weights),
        "f1_score": float(f1 @ weights),
        "precision_macro": float(precision.mean()),
        "recall_macro": float(recall.mean()),
        "f1_macro": float(f1.mean()),
        "n_test": len(actual),
    }


def regression(actual: NDArray[np.float64], predicted: NDArray[np.float64]) -> dict[str, float | int | None]:
    """Return r2, rmse, mae and mape; r2 is None where the target does not vary.

    Parameters
    ----------
    actual, predicted : ndarray of float64, shape (rows,)
        In the target's unit.
    """
    errors = predicted - actual
    spread = float(((actual - actual.mean()) ** 2).sum())
    floor = np.finfo(np.float64).eps
    return {
        "r2": 1 - float((errors**2).sum()) / spread if spread else None,
        "rmse": float(np.sqrt((errors**2).mean())),
        "mae": float(np.abs(errors).mean()),
        "mape": float((np.abs(errors) / np.maximum(np.abs(actual), floor)).mean()),
        "n_test": len(actual),
    }


def _ratio(parts: NDArray[np.float64], wholes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Divide, with 0 where there is nothing to divide by."""
    return np.divide(parts, wholes, out=np.zeros_like(parts), where=wholes > 0)
