"""Scores of predicted labels from counts, the same for the worker and for ``ml.evaluate``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

DETAILS: Final = ("per_class", "positive_class")
"""What stands beside the scores of a classifier: precision, recall, f1_score and support of each class, and the class
that the scores of the positive one are about."""

MAX_LISTED: Final = 100
"""Of so many classes each is listed; a target of more is one whose list nobody reads."""


RANKED_DECIMALS: Final = 10
"""Rows are ranked by probabilities rounded to so many decimals: a compiled model adds the trees of a forest in another
order than scikit-learn, and rows that tie in one would not in the other."""


@dataclass(frozen=True)
class LabelCounts:
    """Rows by class.

    Attributes
    ----------
    actual, predicted, hits : ndarray of float64, shape (classes,)
        Rows that are of the class, rows predicted as it, and rows that are both.
    """

    actual: Array
    predicted: Array
    hits: Array

    @classmethod
    def none(cls, classes: int) -> LabelCounts:
        """Return counts of no row, to be added to."""
        return cls(np.zeros(classes), np.zeros(classes), np.zeros(classes))

    @classmethod
    def of(cls, truth: NDArray[np.intp], labels: NDArray[np.intp], classes: int) -> LabelCounts:
        """Count rows by their true and predicted class numbers."""
        hits = truth[truth == labels]
        return cls(*(np.bincount(of, minlength=classes).astype(np.float64) for of in (truth, labels, hits)))


def label_scores(counts: LabelCounts, positive: int | None) -> dict[str, float]:
    """Return the scores that need labels alone, by their names in ``metrics``.

    Parameters
    ----------
    counts : LabelCounts
        There must be a row.
    positive : int or None
        The positive class of two; None for more.
    """
    actual, predicted, hits = counts.actual, counts.predicted, counts.hits
    rows = actual.sum()
    found = {"accuracy": float(hits.sum() / rows)}
    present = (actual > 0) | (predicted > 0)
    for name, values in _by_class(counts).items():
        found[name] = float((values * actual).sum() / rows)
        short = name.removesuffix("_score")
        found[f"{short}_macro"] = float(values[present].mean())
        if positive is not None:
            found[f"{short}_positive"] = float(values[positive])
    there = actual > 0
    found["balanced_accuracy"] = float((hits[there] / actual[there]).mean())
    found["mcc"] = _mcc(counts)
    found["majority_class_accuracy"] = float(actual.max() / rows)
    return found


def class_details(counts: LabelCounts, labels: Sequence[str], positive: int | None) -> dict[str, Any]:
    """Return ``per_class``, a list of class, precision, recall, f1_score and support; and ``positive_class``.

    A list, since an object in jsonb has no order: classes come in the order of their numbers, those without a row too.
    More than `MAX_LISTED` are not listed.
    """
    details: dict[str, Any] = {} if positive is None else {"positive_class": labels[positive]}
    if len(labels) <= MAX_LISTED:
        values = _by_class(counts)
        details["per_class"] = [
            {"class": label, **{name: float(of[at]) for name, of in values.items()}, "support": int(counts.actual[at])}
            for at, label in enumerate(labels)
        ]
    return details


def brier_sum(chances: Array, truth: NDArray[np.intp]) -> float:
    """Return the sum over rows of squared distances between probabilities and what was true.

    Halved for two classes, whose two distances are one: it is then that of the positive class alone.

    Parameters
    ----------
    chances : ndarray of float64, shape (rows, classes)
        Probabilities.
    truth : ndarray of int, shape (rows,)
        Class numbers.
    """
    rows = np.arange(len(truth))
    own = chances[rows, truth]
    total = float((chances**2).sum() - (own**2).sum() + ((1.0 - own) ** 2).sum())
    return total / 2 if chances.shape[1] == 2 else total


def _by_class(counts: LabelCounts) -> dict[str, Array]:
    return {
        "precision": _ratio(counts.hits, counts.predicted),
        "recall": _ratio(counts.hits, counts.actual),
        "f1_score": _ratio(2 * counts.hits, counts.actual + counts.predicted),
    }


def _mcc(counts: LabelCounts) -> float:
    """Return the correlation of truth and prediction (Gorodkin, 2004); 0 where one of them does not vary."""
    rows = counts.actual.sum()
    both = counts.hits.sum() * rows - (counts.actual * counts.predicted).sum()
    spread = (rows**2 - (counts.predicted**2).sum()) * (rows**2 - (counts.actual**2).sum())
    return float(both / np.sqrt(spread)) if spread > 0 else 0.0


def _ratio(above: Array, below: Array) -> Array:
    return np.divide(above, below, out=np.zeros(len(above)), where=below > 0)
