"""What candidates lose on the rows of folds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def mean_curve(curves: Sequence[Array]) -> Array:
    """Return the mean of curves of different lengths; one that has ended stays where it was."""
    longest = max(map(len, curves))
    return np.asarray(np.mean([np.pad(curve, (0, longest - len(curve)), mode="edge") for curve in curves], axis=0))


def own_log_loss(own: Array, weights: Array | None = None) -> float:
    """Return the log loss of the probabilities that rows were given of their own class."""
    return float(np.average(-np.log(np.maximum(own, np.finfo(np.float64).eps)), weights=weights))


def squared_loss(found: Array, truth: Any, weights: Array | None = None) -> float:
    """Return half the mean squared error."""
    return float(np.average((found - truth) ** 2, weights=weights)) / 2


def log_loss(truth: NDArray[np.intp], probabilities: Any, weights: Array | None) -> float:
    """Return the log loss of class numbers, as scikit-learn defines it."""
    return own_log_loss(np.asarray(probabilities, dtype=np.float64)[np.arange(len(truth)), truth], weights)
