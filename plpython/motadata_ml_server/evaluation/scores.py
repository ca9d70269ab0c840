"""Scores of predictions by scikit-learn's definitions, gathered chunk by chunk with NumPy alone.

A session must not pay for importing scikit-learn to score a compiled model. Names and meanings are those of
`worker.metrics`; a test compares the values with ``sklearn.metrics``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.columns import TextValues
from motadata_ml_server.errors import UnsupportedOperationError
from motadata_ml_server.prediction.predictions import BatchPrediction
from motadata_ml_server.training.label_scores import (
    RANKED_DECIMALS,
    LabelCounts,
    brier_sum,
    class_details,
    label_scores,
)

Array = NDArray[np.float64]

_LABEL_BYTES: Final = 250
"""What a label that the model has not learned takes beside its text, and what a pair of labels takes, about."""

_EPSILON: Final = float(np.finfo(np.float64).eps)


class ClassificationScores:
    """Confusion counts, and as much of the probabilities as fits, of the rows seen so far.

    Parameters
    ----------
    classes : sequence of str
        The model's labels, in the order of its probabilities.
    max_bytes : int
        The most memory for probabilities; beyond it ``roc_auc`` and ``average_precision`` are given up. Labels and
        their pairs beyond it are an error.
    positive : int or None
        Position of the positive class of two.

    Attributes
    ----------
    labels : list of str
        The model's labels, then those of rows that it has not learned.
    rows : int
        Rows taken in.
    """

    def __init__(self, classes: Sequence[str], max_bytes: int, positive: int | None = None) -> None:
        self.labels = list(classes)
        self._positive = 1 if positive is None and len(self.labels) == 2 else positive
        self._known = len(self.labels)
        self._position = {label: number for number, label in enumerate(self.labels)}
        self._pairs: Counter[int] = Counter()
        self._room = max_bytes
        self._truth: list[NDArray[np.intp]] = []
        self._ranking: list[Array] | None = []
        self._loss: float | None = 0.0
        self._brier = 0.0
        self._most, self._unknown_bytes = max_bytes, 0
        self.rows = 0

    def add(self, truth: TextValues, predicted: BatchPrediction) -> None:
        """Take in some rows, none of whose true labels is NULL.

        Raises
        ------
        UnsupportedOperationError
            ML020: there are more labels than fit into memory.
        """
        assert predicted.codes is not None  # noqa: S101 - the caller predicts with a classifier
        numbers = np.array([self._number(label) for label in truth.dictionary], dtype=np.intp)
        actual = numbers[truth.codes]
        self.rows += len(actual)
        pairs, counts = np.unique(actual * self._known + predicted.codes, return_counts=True)
        self._pairs.update(dict(zip(pairs.tolist(), counts.tolist(), strict=True)))
        if self._unknown_bytes + _LABEL_BYTES * len(self._pairs) > self._most:
            raise UnsupportedOperationError(
                f"the labels of the first {self.rows} rows do not fit into session_cache_mb: "
                f"{len(self.labels) - self._known} of them the model has not learned",
                hint="Is the target the column that the model predicts?",
            )
        self._rank(actual, predicted.probabilities)

    def _number(self, label: str) -> int:
        """Return a label's number; one the model has not learned comes after those it has."""
        found = self._position.setdefault(label, len(self.labels))
        if found == len(self.labels):
            self.labels.append(label)
            self._unknown_bytes += _LABEL_BYTES + len(label)
        return found

    def _rank(self, actual: NDArray[np.intp], chances: Array | None) -> None:
        if chances is None or (actual >= self._known).any():
            self._loss = self._ranking = None
            return
        if self._loss is not None:
            own = np.clip(chances[np.arange(len(actual)), actual], _EPSILON, 1.0 - _EPSILON)
            self._loss -= float(np.log(own).sum())
            self._brier += brier_sum(chances, actual)
        kept = np.asarray(chances[:, 1:] if self._known == 2 else chances, dtype=np.float64).round(RANKED_DECIMALS)
        self._room -= kept.nbytes + actual.nbytes
        if self._room < 0:
            self._ranking = None
        if self._ranking is not None:
            self._truth.append(actual)
            self._ranking.append(kept)

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
        counts = self._counts()
        found = label_scores(counts, self._positive)
        if self._ranking and (counts.actual[: self._known] > 0).all():
            found |= self._ranked()
        if self._loss is not None:
            found["log_loss"] = self._loss / self.rows
            found["brier"] = self._brier / self.rows
        return found

    def details(self) -> dict[str, Any]:
        """Return what is to be known of each class, and which one is positive; see `class_details`."""
        return class_details(self._counts(), self.labels, self._positive)

    def _counts(self) -> LabelCounts:
        counts = LabelCounts.none(len(self.labels))
        for pair, count in self._pairs.items():
            truth, label = divmod(pair, self._known)
            counts.actual[truth] += count
            counts.predicted[label] += count
            if truth == label:
                counts.hits[truth] += count
        return counts

    def _ranked(self) -> dict[str, float]:
        assert self._ranking  # noqa: S101 - the caller looked
        truth, ranking = np.concatenate(self._truth), np.vstack(self._ranking)
        if self._known == 2:
            positive, score = truth == self._positive, ranking[:, 0] * (1.0 if self._positive == 1 else -1.0)
            return {
                "roc_auc": area_under_curve(positive, score),
                "average_precision": average_precision(positive, score),
            }
        return {
            "roc_auc": float(np.mean([area_under_curve(truth == j, ranking[:, j]) for j in range(self._known)])),
            "average_precision": float(
                np.mean([average_precision(truth == j, ranking[:, j]) for j in range(self._known)])
            ),
        }


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


def average_precision(positive: NDArray[np.bool_], score: Array) -> float:
    """Return the area under the curve of precision over recall, in steps: guessing reaches the share of positive rows.

    Parameters
    ----------
    positive : ndarray of bool, shape (rows,)
        One has to be true.
    score : ndarray of float64, shape (rows,)
        Higher for rows that are more likely positive; rows of one score share a threshold.
    """
    order = np.argsort(-score, kind="stable")
    ranked = score[order]
    last = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
    found = np.cumsum(positive[order])[last]
    recall = found / found[-1]
    return float((np.diff(recall, prepend=0.0) * found / (last + 1)).sum())


class RegressionScores:
    """Errors of the rows seen so far; means and squares are merged as Chan, Golub and LeVeque (1979) do.

    Parameters
    ----------
    max_bytes : int
        The most memory for errors; beyond it ``median_absolute_error`` is given up.
    quantile : float or None
        The quantile that the model predicts, for ``pinball_loss``.

    Attributes
    ----------
    rows : int
        Rows taken in.
    """

    def __init__(self, max_bytes: int = 1 << 30, quantile: float | None = None) -> None:
        self.rows = 0
        self._truth, self._error = _Spread(), _Spread()
        self._squares = self._absolute = self._relative = self._pinball = 0.0
        self._nonzero = 0
        self._quantile = quantile
        self._room = max_bytes
        self._errors: list[Array] = []

    @property
    def median_given_up(self) -> bool:
        """Whether errors took more memory than allowed."""
        return self._room < 0

    def add(self, truth: Array, predicted: Array) -> None:
        """Take in some rows, none of whose true values is NULL."""
        if not len(truth):
            return
        error = predicted - truth
        self._truth.add(truth)
        self._error.add(error)
        self.rows += len(truth)
        self._squares += float((error**2).sum())
        self._absolute += float(np.abs(error).sum())
        there = truth != 0
        self._nonzero += int(np.count_nonzero(there))
        self._relative += float(np.abs(error[there] / truth[there]).sum())
        if self._quantile is not None:
            self._pinball += float(np.maximum(-self._quantile * error, (1.0 - self._quantile) * error).sum())
        self._room -= error.nbytes
        if self._room < 0:
            self._errors = []
        else:
            self._errors.append(np.abs(error))

    def scores(self) -> dict[str, float]:
        """Return the scores by their names in ``ml.train``; there must be a row."""
        found = {"rmse": (self._squares / self.rows) ** 0.5, "mae": self._absolute / self.rows}
        if self._errors:
            found["median_absolute_error"] = float(np.median(np.concatenate(self._errors)))
        if self._truth.squares > 0:
            found["r2"] = 1.0 - self._squares / self._truth.squares
            found["explained_variance"] = 1.0 - self._error.squares / self._truth.squares
        if self._nonzero:
            found["mape"] = self._relative / self._nonzero
        if self._quantile is not None:
            found["pinball_loss"] = self._pinball / self.rows
        return found


class _Spread:
    """Sum of squared distances from the mean, of values that come in parts."""

    def __init__(self) -> None:
        self.squares = 0.0
        self._rows = 0
        self._mean = 0.0

    def add(self, values: Array) -> None:
        mean = float(values.mean())
        together = self._rows + len(values)
        distance = mean - self._mean
        self.squares += float(((values - mean) ** 2).sum()) + distance**2 * self._rows * len(values) / together
        self._mean += distance * len(values) / together
        self._rows = together
