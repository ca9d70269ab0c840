"""Curves of a classifier: what each threshold on the probability of a class would give.

All of them come from one tally, gathered chunk by chunk: of each distinct probability how many rows have it, and how
many of those are of the class. So memory is bounded, whatever the table's length. Definitions are those of
``sklearn.metrics`` and ``sklearn.calibration``; tests compare.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.errors import InsufficientDataError, InvalidArgumentError
from motadata_ml_server.training.label_scores import RANKED_DECIMALS

Array = NDArray[np.float64]
Counts = NDArray[np.int64]

MOST_POINTS: Final = 1_000
"""Points of a curve at the most; each that is left out lies within about 2 / `MOST_POINTS` of one that is kept."""

MOST_DISTINCT: Final = 500_000
"""With more distinct probabilities they are rounded to `COARSE_DECIMALS`, so that there are few more."""

COARSE_DECIMALS: Final = 6

MOST_BINS: Final = 100
"""Bins of a calibration curve at the most."""


class ClassTally:
    """How many rows have each probability of a class, and how many of those are of the class.

    Parameters
    ----------
    label : str
        The class.
    most_distinct : int
        So many distinct probabilities are kept apart.

    Attributes
    ----------
    rows : int
        Rows taken in.
    coarse : bool
        Whether probabilities were rounded to `COARSE_DECIMALS`.
    """

    def __init__(self, label: str, most_distinct: int = MOST_DISTINCT) -> None:
        self.label = label
        self.rows = 0
        self.coarse = False
        self._most = most_distinct
        self._scores: Array = np.empty(0)
        self._counts: Counts = np.empty(0, np.int64)
        self._hits: Counts = np.empty(0, np.int64)

    def add(self, chances: Array, positive: NDArray[np.bool_]) -> None:
        """Take in some rows.

        Parameters
        ----------
        chances : ndarray of float64, shape (rows,)
            Probability of the class.
        positive : ndarray of bool, shape (rows,)
            Whether the row is of the class.
        """
        self.rows += len(chances)
        self._merge(self._rounded(chances), np.ones(len(chances), np.int64), positive.astype(np.int64))
        if len(self._scores) > self._most and not self.coarse:
            self.coarse = True
            scores, counts, hits = self._scores, self._counts, self._hits
            self._scores, self._counts, self._hits = np.empty(0), counts[:0], hits[:0]
            self._merge(self._rounded(scores), counts, hits)

    def _rounded(self, chances: Array) -> Array:
        # rows that tie in one form of a model tie in all of them
        return np.asarray(chances, np.float64).round(COARSE_DECIMALS if self.coarse else RANKED_DECIMALS)

    def _merge(self, chances: Array, counts: Counts, hits: Counts) -> None:
        together = np.concatenate([self._scores, chances])
        self._scores, place = np.unique(together, return_inverse=True)
        size = len(self._scores)
        # sums in float64 are exact far beyond any table's rows
        self._counts = np.bincount(place, np.concatenate([self._counts, counts]), size).astype(np.int64)
        self._hits = np.bincount(place, np.concatenate([self._hits, hits]), size).astype(np.int64)

    @property
    def positives(self) -> int:
        """Rows of the class."""
        return int(self._hits.sum())

    def calibration(self, bins: int) -> list[tuple[float, float, Counts, float]]:
        """Return each bin that has rows: its bounds, rows and rows of the class, summed probability."""
        edges = np.linspace(0.0, 1.0, bins + 1)
        of = np.searchsorted(edges[1:-1], self._scores)
        rows = np.bincount(of, self._counts, bins)
        hits = np.bincount(of, self._hits, bins)
        summed = np.bincount(of, self._scores * self._counts, bins)
        return [
            (float(edges[at]), float(edges[at + 1]), np.array([rows[at], hits[at]], np.int64), float(summed[at]))
            for at in np.flatnonzero(rows).tolist()
        ]

    def cuts(self) -> Cuts:
        """Return what each distinct probability gives as a threshold, from the highest to the lowest."""
        counts, hits = self._counts[::-1], self._hits[::-1]
        tp, chosen = np.cumsum(hits), np.cumsum(counts)
        return Cuts(self._scores[::-1], tp, chosen - tp)


@dataclass(frozen=True)
class Cuts:
    """What each threshold gives: a row is taken for the class where its probability is at least the threshold.

    Attributes
    ----------
    thresholds : ndarray of float64, shape (cuts,)
        Falling.
    tp, fp : ndarray of int64, shape (cuts,)
        Rows taken for the class that are, and that are not, of it.
    """

    thresholds: Array
    tp: Counts
    fp: Counts

    @property
    def positives(self) -> int:
        """Rows of the class."""
        return int(self.tp[-1])

    @property
    def negatives(self) -> int:
        """Rows of other classes."""
        return int(self.fp[-1])

    def with_none(self) -> Cuts:
        """Return the same behind a threshold of infinity, which takes no row for the class."""
        return Cuts(
            np.concatenate([[np.inf], self.thresholds]),
            np.concatenate([[0], self.tp]),
            np.concatenate([[0], self.fp]),
        )

    def take(self, at: NDArray[np.intp]) -> Cuts:
        """Return some of them."""
        return Cuts(self.thresholds[at], self.tp[at], self.fp[at])


def roc_curve(tally: ClassTally) -> Iterator[dict[str, Any]]:
    """Yield the ROC curve: ``threshold``, ``fpr`` and ``tpr``, from the highest threshold to the lowest.

    Points on a straight line between others are left out, as scikit-learn does by default.

    Raises
    ------
    InsufficientDataError
        ML005: all rows are of the class, or none.
    """
    cuts = tally.cuts()
    _require_positives(tally)
    if not cuts.negatives:
        raise InsufficientDataError(
            f"every row is of class {tally.label!r}", hint="A ROC curve needs rows of another class too."
        )
    if len(cuts.tp) > 2:
        bends = np.concatenate([[True], (np.diff(cuts.fp, 2) != 0) | (np.diff(cuts.tp, 2) != 0), [True]])
        cuts = cuts.take(np.flatnonzero(bends))
    cuts = cuts.with_none()
    cuts = cuts.take(_few(cuts.fp / cuts.negatives, cuts.tp / cuts.positives))
    for threshold, tp, fp in zip(cuts.thresholds.tolist(), cuts.tp.tolist(), cuts.fp.tolist(), strict=True):
        yield {"threshold": threshold, "fpr": fp / cuts.negatives, "tpr": tp / cuts.positives}


def precision_recall_curve(tally: ClassTally) -> Iterator[dict[str, Any]]:
    """Yield the curve of precision and recall: ``threshold``, ``precision`` and ``recall``, from the lowest threshold.

    The last point, precision 1 at recall 0, has a threshold of infinity.

    Raises
    ------
    InsufficientDataError
        ML005: no row is of the class.
    """
    _require_positives(tally)
    cuts = tally.cuts()
    precision, recall = cuts.tp / (cuts.tp + cuts.fp), cuts.tp / cuts.positives
    for at in _few(recall, precision)[::-1].tolist():
        yield {
            "threshold": float(cuts.thresholds[at]),
            "precision": float(precision[at]),
            "recall": float(recall[at]),
        }
    yield {"threshold": math.inf, "precision": 1.0, "recall": 0.0}


def bins_of(n_bins: int | None) -> int:
    """Return how many bins a calibration curve is to have, or refuse it."""
    if n_bins is None or not 1 <= n_bins <= MOST_BINS:
        raise InvalidArgumentError(
            f"n_bins must be a whole number from 1 to {MOST_BINS}, got {n_bins}", hint="10 is usual."
        )
    return n_bins


def calibration_curve(tally: ClassTally, n_bins: int) -> Iterator[dict[str, Any]]:
    """Yield each bin of probabilities that has rows: its bounds, the mean probability, the share that is true, rows."""
    for lower, upper, counted, summed in tally.calibration(n_bins):
        rows, hits = counted.tolist()
        yield {
            "lower": lower,
            "upper": upper,
            "predicted": summed / rows,
            "observed": hits / rows,
            "rows": rows,
        }


def lift_curve(tally: ClassTally) -> Iterator[dict[str, Any]]:
    """Yield the share of rows at or above each threshold, the share of the class's rows among them, and their ratio.

    Raises
    ------
    InsufficientDataError
        ML005: no row is of the class.
    """
    _require_positives(tally)
    cuts = tally.cuts()
    share, gain = (cuts.tp + cuts.fp) / tally.rows, cuts.tp / cuts.positives
    for at in _few(share, gain).tolist():
        yield {
            "threshold": float(cuts.thresholds[at]),
            "share": float(share[at]),
            "gain": float(gain[at]),
            "lift": float(gain[at] / share[at]),
        }


COSTS: Final = {"tp": 0.0, "fp": 1.0, "fn": 1.0, "tn": 0.0}
"""What a row of each outcome costs where it is not said."""


def costs_of(given: Mapping[str, Any]) -> dict[str, float]:
    """Return what a row of each outcome costs; what is not named costs as `COSTS` says.

    Raises
    ------
    InvalidArgumentError
        ML009: an unknown outcome, or a cost that is no finite number.
    """
    for name, value in given.items():
        if name not in COSTS:
            raise InvalidArgumentError(
                f"costs has no key {name!r}"[:300],
                hint="Its keys are tp, fp, fn and tn: rows rightly and wrongly taken for the class, and left.",
            )
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= MOST_COST:
            raise InvalidArgumentError(
                f"costs.{name} must be a number within {MOST_COST:.0e}, got {value!r}"[:300],
                hint="A negative cost is a gain.",
            )
    return {**COSTS, **{name: float(value) for name, value in given.items()}}


MOST_COST: Final = 1e100
"""Of a row: the cost of a table stays finite."""


def thresholds(tally: ClassTally, costs: Mapping[str, float]) -> Iterator[dict[str, Any]]:
    """Yield the cost of each threshold, the first that costs least marked, from the highest threshold to the lowest.

    Parameters
    ----------
    tally : ClassTally
        The rows.
    costs : mapping of str to float
        What a row of each outcome costs, as `costs_of` returns it.
    """
    cuts = tally.cuts().with_none()
    fn, tn = cuts.positives - cuts.tp, cuts.negatives - cuts.fp
    total = costs["tp"] * cuts.tp + costs["fp"] * cuts.fp + costs["fn"] * fn + costs["tn"] * tn
    best = int(total.argmin())
    shown = _few(cuts.fp / max(1, cuts.negatives), cuts.tp / max(1, cuts.positives))
    for at in np.union1d(shown, [best]).tolist():
        yield {
            "threshold": float(cuts.thresholds[at]),
            "cost": float(total[at]),
            "tp": int(cuts.tp[at]),
            "fp": int(cuts.fp[at]),
            "fn": int(fn[at]),
            "tn": int(tn[at]),
            "best": at == best,
        }


def _few(x: Array, y: Array) -> NDArray[np.intp]:
    """Return the positions of at most `MOST_POINTS` points of a curve, both ends among them, evenly along its way."""
    if len(x) <= MOST_POINTS:
        return np.arange(len(x))
    way = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(x)) + np.abs(np.diff(y)))])
    wanted = np.linspace(0.0, way[-1], MOST_POINTS)
    found = np.searchsorted(way, wanted)
    found[-1] = len(x) - 1
    return np.unique(np.minimum(found, len(x) - 1))


def _require_positives(tally: ClassTally) -> None:
    if not tally.positives:
        raise InsufficientDataError(
            f"no row is of class {tally.label!r}", hint="Choose rows of it, or another class as class => '...'."
        )
