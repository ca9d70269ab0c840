"""Scores of predictions by scikit-learn's definitions, gathered chunk by chunk with NumPy alone.

A session must not pay for importing scikit-learn to score a compiled model. Names and meanings are those of
`worker.metrics`; a test compares the values with ``sklearn.metrics``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.columns import TextValues
from motadata_ml_server.prediction.predictions import BatchPrediction

Array = NDArray[np.float64]

_EPSILON: Final = float(np.finfo(np.float64).eps)


class ClassificationScores:
    """Confusion counts, and as much of the probabilities as fits, of the rows seen so far.

    Parameters
    ----------
    classes : sequence of str
        The model's labels, in the order of its probabilities.
    max_bytes : int
        The most memory for probabilities; beyond it ``roc_auc`` is given up.
    """

    def __init__(self, classes: Sequence[str], max_bytes: int) -> None:
        self.labels = list(classes)
        self._known = len(self.labels)
        self._position = {label: number for number, label in enumerate(self.labels)}
        self._pairs: Counter[int] = Counter()
        self._room = max_bytes
        self._truth: list[NDArray[np.intp]] = []
        self._ranking: list[Array] | None = []
        self._loss: float | None = 0.0
        self.rows = 0

    def add(self, truth: TextValues, predicted: BatchPrediction) -> None:
        """Take in some rows, none of whose true labels is NULL."""
        assert predicted.codes is not None  # noqa: S101 - the caller predicts with a classifier
        numbers = np.array([self._number(label) for label in truth.dictionary], dtype=np.intp)
        actual = numbers[truth.codes]
        self.rows += len(actual)
        pairs, counts = np.unique(actual * self._known + predicted.codes, return_counts=True)
        self._pairs.update(dict(zip(pairs.tolist(), counts.tolist(), strict=True)))
        self._rank(actual, predicted.probabilities)

    def _number(self, label: str) -> int:
        """Return a label's number; one the model has not learned comes after those it has."""
        found = self._position.setdefault(label, len(self.labels))
        if found == len(self.labels):
            self.labels.append(label)
        return found

    def _rank(self, actual: NDArray[np.intp], chances: Array | None) -> None:
        if chances is None or (actual >= self._known).any():
            self._loss = self._ranking = None
            return
        if self._loss is not None:
            own = np.clip(chances[np.arange(len(actual)), actual], _EPSILON, 1.0 - _EPSILON)
            self._loss -= float(np.log(own).sum())
        kept = np.asarray(chances[:, 1:] if self._known == 2 else chances, dtype=np.float64)
        self._room -= kept.nbytes + actual.nbytes
        if self._room < 0:
            self._ranking = None
        if self._ranking is not None:
            self._truth.append(actual)
            self._ranking.append(kept.copy())

    @property
    def unknown_rows(self) -> int:
        """Rows whose true label the model has not learned."""
        return sum(count for pair, count in self._pairs.items() if pair // self._known >= self._known)

    @property
    def ranking_given_up(self) -> bool:
        """Whether probabilities took more memory than allowed."""
        return self._room < 0

    def pairs(self) -> list[tuple[str, str, int]]:
        """Return actual label, predicted label and how many rows, for each pair that occurs, in label order."""
        return [
            (self.labels[pair // self._known], self.labels[pair % self._known], count)
            for pair, count in sorted(self._pairs.items())
        ]

    def scores(self) -> dict[str, float]:
        """Return the scores by their names in ``ml.train``; there must be a row."""
        size = len(self.labels)
        actual, predicted, hits = np.zeros(size), np.zeros(size), np.zeros(size)
        for pair, count in self._pairs.items():
            truth, label = divmod(pair, self._known)
            actual[truth] += count
            predicted[label] += count
            if truth == label:
                hits[truth] += count
        found = {"accuracy": float(hits.sum() / self.rows)}
        present = (actual > 0) | (predicted > 0)
        by_label = {
            "precision": _ratio(hits, predicted),
            "recall": _ratio(hits, actual),
            "f1": _ratio(2 * hits, actual + predicted),
        }
        for name, values in by_label.items():
            found["f1_score" if name == "f1" else name] = float((values * actual).sum() / self.rows)
            found[f"{name}_macro"] = float(values[present].mean())
        found["balanced_accuracy"] = found["recall_macro"]
        found["majority_class_accuracy"] = float(actual.max() / self.rows)
        if self._ranking and (actual[: self._known] > 0).all():
            found["roc_auc"] = self._roc_auc()
        if self._loss is not None:
            found["log_loss"] = self._loss / self.rows
        return found

    def _roc_auc(self) -> float:
        assert self._ranking  # noqa: S101 - the caller looked
        truth, ranking = np.concatenate(self._truth), np.vstack(self._ranking)
        if self._known == 2:
            return area_under_curve(truth == 1, ranking[:, 0])
        return float(np.mean([area_under_curve(truth == j, ranking[:, j]) for j in range(self._known)]))


def _ratio(above: Array, below: Array) -> Array:
    return np.divide(above, below, out=np.zeros(len(above)), where=below > 0)


def area_under_curve(positive: NDArray[np.bool_], score: Array) -> float:
    """Return the area under the ROC curve: how often a positive row scores above a negative one, ties half.

    Parameters
    ----------
    positive : ndarray of bool, shape (rows,)
        Both kinds must occur.
    score : ndarray of float64, shape (rows,)
        Higher for rows that are more likely positive.

    Notes
    -----
    The Mann-Whitney statistic from average ranks (Hanley and McNeil, 1982).
    """
    _, place, counts = np.unique(score, return_inverse=True, return_counts=True)
    rank = np.cumsum(counts) - (counts - 1) / 2
    ones = float(np.count_nonzero(positive))
    zeros = len(positive) - ones
    return float((rank[place][positive].sum() - ones * (ones + 1) / 2) / (ones * zeros))


class RegressionScores:
    """Errors of the rows seen so far; means and squares are merged as Chan, Golub and LeVeque (1979) do."""

    def __init__(self) -> None:
        self.rows = 0
        self._mean = self._spread = self._squares = self._absolute = self._relative = 0.0
        self._nonzero = 0

    def add(self, truth: Array, predicted: Array) -> None:
        """Take in some rows, none of whose true values is NULL."""
        if not len(truth):
            return
        mean = float(truth.mean())
        together = self.rows + len(truth)
        distance = mean - self._mean
        self._spread += float(((truth - mean) ** 2).sum()) + distance**2 * self.rows * len(truth) / together
        self._mean += distance * len(truth) / together
        self.rows = together
        error = predicted - truth
        self._squares += float((error**2).sum())
        self._absolute += float(np.abs(error).sum())
        there = truth != 0
        self._nonzero += int(np.count_nonzero(there))
        self._relative += float(np.abs(error[there] / truth[there]).sum())

    def scores(self) -> dict[str, float]:
        """Return the scores by their names in ``ml.train``; there must be a row."""
        found = {"rmse": (self._squares / self.rows) ** 0.5, "mae": self._absolute / self.rows}
        if self._spread > 0:
            found["r2"] = 1.0 - self._squares / self._spread
        if self._nonzero:
            found["mape"] = self._relative / self._nonzero
        return found
