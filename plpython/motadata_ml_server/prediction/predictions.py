"""What a model answers: for one row, and for a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Prediction:
    """The answer for one row.

    Attributes
    ----------
    prediction : object
        The label as it was in the table, the value, the cluster, whether the row is an outlier,
        or the list of components.
    probabilities : list of float or None
        In the order of the model's classes.
    confidence : float or None
        The largest probability.
    score : float or None
        The anomaly score: the lower, the more unusual, below 0 an outlier. None for other model types.
    """

    prediction: Any
    probabilities: list[float] | None = None
    confidence: float | None = None
    score: float | None = None


@dataclass(frozen=True, slots=True)
class BatchPrediction:
    """The answers for a table, in its order.

    Attributes
    ----------
    codes : ndarray of int32, shape (rows,), or None
        Positions in `names`, -1 for a row without a prediction; None for regression and decomposition.
    names : list of str
        Labels as text.
    values : ndarray of shape (rows,) or None
        Numbers: the value, the cluster, the anomaly score, or a label that is a number.
    probabilities : ndarray of shape (rows, classes) or None
        In the order of the model's classes.
    components : ndarray of shape (rows, components) or None
        Of a decomposition.
    """

    codes: NDArray[np.int32] | None = None
    names: Sequence[str] = ()
    values: NDArray[np.float64] | None = None
    probabilities: NDArray[np.float64] | None = None
    components: NDArray[np.float64] | None = None

    @property
    def labels(self) -> list[str | None] | None:
        """Each row's label as text; None for regression and decomposition."""
        if self.codes is None:
            return None
        labels: list[str | None] = np.array([*self.names, None], dtype=object)[self.codes].tolist()
        return labels

    @property
    def confidence(self) -> NDArray[np.float64] | None:
        """The probability of each row's label; None where there are no probabilities."""
        if self.probabilities is None or self.codes is None:
            return None
        return np.asarray(np.take_along_axis(self.probabilities, self.codes[:, None].astype(np.intp), 1)[:, 0])

    @property
    def answered(self) -> NDArray[np.bool_]:
        """Which rows have a prediction: one whose group has no model has none."""
        if self.codes is not None:
            return np.asarray(self.codes >= 0)
        assert self.values is not None  # noqa: S101 - a decomposition is not asked
        return np.asarray(~np.isnan(self.values))

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> BatchPrediction:
        """Return the answers of some rows."""
        return BatchPrediction(
            codes=None if self.codes is None else self.codes[rows],
            names=self.names,
            values=None if self.values is None else self.values[rows],
            probabilities=None if self.probabilities is None else self.probabilities[rows],
            components=None if self.components is None else self.components[rows],
        )

    @classmethod
    def joined(cls, parts: Sequence[BatchPrediction]) -> BatchPrediction:
        """Return the answers of tables one behind the other, of one model; there must be one."""
        return cls(
            codes=_joined([part.codes for part in parts]),
            names=parts[0].names,
            values=_joined([part.values for part in parts]),
            probabilities=_joined([part.probabilities for part in parts]),
            components=_joined([part.components for part in parts]),
        )


def _joined(parts: Sequence[NDArray[Any] | None]) -> NDArray[Any] | None:
    given = [part for part in parts if part is not None]
    return np.concatenate(given) if given else None
