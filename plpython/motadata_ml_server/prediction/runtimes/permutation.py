"""Permutation importance (Breiman, 2001): how much worse a model scores once a column tells nothing of its row.

As in scikit-learn, the score is accuracy for classifiers and r2 for regressors, and the importance is the mean over
several shuffles of what is lost. A column is shuffled with all its encoded numbers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.features.plan_column import PlanColumn
from motadata_ml_server.prediction.runtimes import link
from motadata_ml_server.prediction.runtimes.base import Runtime
from motadata_ml_server.prediction.runtimes.blocks import scores_of

Array = NDArray[np.float64]

REPEATS: Final = 5
"""Shuffles of a column."""

FEWEST_ROWS: Final = 30
"""From fewer rows nothing is told."""

METRICS: Final = {"classification": "accuracy", "regression": "r2"}


@dataclass(frozen=True)
class Importance:
    """What the score loses without a column.

    Attributes
    ----------
    feature : str
        The column.
    importance : float
        Mean loss.
    std : float
        Standard deviation over the shuffles.
    """

    feature: str
    importance: float
    std: float


def importances(
    runtime: Runtime,
    task: str,
    encoded: Array,
    truth: NDArray[Any],
    columns: Sequence[PlanColumn],
    seed: int | None,
    breathe: Callable[[], None],
    seconds: float = float("inf"),
) -> list[Importance]:
    """Return the importance of each column, the largest first.

    Parameters
    ----------
    runtime : Runtime
        The model.
    task : str
        'classification' or 'regression'.
    encoded : ndarray of float64, shape (rows, width)
        Rows, best ones that the model has not learned from.
    truth : ndarray of shape (rows,)
        Positions of classes, or values.
    columns : sequence of PlanColumn
        The features.
    seed : int or None
        Of the shuffles.
    breathe : callable
        Called after some rows each, so that a cancel is answered.
    seconds : float
        About how long it may take: rows, then shuffles, are left out.

    Returns
    -------
    list of Importance
        Empty where it would take longer, or there are too few rows.
    """
    if len(encoded) < FEWEST_ROWS or not columns:
        return []
    random = np.random.default_rng(seed)
    started = time.perf_counter()
    base = _score(runtime, task, encoded, truth, breathe)
    once = max(time.perf_counter() - started, 1e-6)
    repeats = int(min(REPEATS, seconds / (once * len(columns))))
    if repeats < 1:
        fewer = int(len(encoded) * seconds / (once * len(columns)))
        if fewer < FEWEST_ROWS:
            return []
        encoded, truth, repeats = encoded[:fewer], truth[:fewer], 1
        base = _score(runtime, task, encoded, truth, breathe)
    found = []
    for column in columns:
        part = column.part
        losses = []
        for _ in range(repeats):
            shuffled = encoded.copy()
            shuffled[:, part] = encoded[random.permutation(len(encoded)), part]
            losses.append(base - _score(runtime, task, shuffled, truth, breathe))
        found.append(Importance(column.name, float(np.mean(losses)), float(np.std(losses))))
    return sorted(found, key=lambda one: -one.importance)


def _score(runtime: Runtime, task: str, encoded: Array, truth: NDArray[Any], breathe: Callable[[], None]) -> float:
    raw = scores_of(runtime, encoded, breathe)
    if task == "classification":
        return float(np.mean(link.batch_class(runtime.link, raw) == truth))
    values = link.batch_value(runtime.link, runtime.parameters, raw)
    around = truth - truth.mean()
    return 1.0 - float(((truth - values) ** 2).sum() / max(float((around**2).sum()), np.finfo(np.float64).tiny))
