"""How far predictions were from the truth, as it is stored: what makes intervals and sets of labels of them.

Split conformal prediction (Papadopoulos et al., 2002; Vovk, Gammerman and Shafer, 2005): rows that the model did not
learn from have scores, high where the truth was far from the prediction. Of ``n`` such scores the one at rank
``ceil((n + 1) * level)`` is passed by the score of a new row of the same kind with probability ``1 - level`` at most.

==========  =================================================================================
method      score of a row
==========  =================================================================================
absolute    distance of the true value from the prediction
normalised  the same, divided by the distance that is usual for such a prediction (`Scale`)
lac         1 - probability of the true class (Sadinle, Lei and Wasserman, 2019)
aps         sum of the probabilities down to the true class's (Romano, Sesia and Candès, 2020)
==========  =================================================================================

Plain data, stored as JSON beside the feature plan.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil, inf
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

FORMAT: Final = 1
"""Version of the JSON form."""

VALUES: Final = ("absolute", "normalised")
"""Methods of regression."""

LABELS: Final = ("lac", "aps")
"""Methods of classification."""

MOST_SCORES: Final = 2_000
"""Scores that are stored of one part at the most; between two of them the greater counts."""

OTHERS: Final = -1
"""The part of all groups or classes that have too few rows for one of their own."""

ROUNDING: Final = 1e-9
"""A rank is a whole number, but for the last digits of a level such as 0.9."""


def least_rows(level: float) -> int:
    """Return how many scores a level needs: with fewer, only the whole line would hold so many new rows."""
    return max(1, ceil(level / (1.0 - level) - ROUNDING))


@dataclass(frozen=True)
class Quantiles:
    """Sorted scores, those of many rows thinned.

    Attributes
    ----------
    n : int
        Rows that they are of.
    ranks : list of int
        Rank of each stored score, from 1.
    scores : list of float
        Rising.
    """

    n: int
    ranks: Sequence[int]
    scores: Sequence[float]

    @classmethod
    def of(cls, scores: Array) -> Quantiles:
        """Return the quantiles of some scores."""
        n = len(scores)
        ranks = np.unique(np.ceil(np.linspace(1, n, min(n, MOST_SCORES))).astype(np.int64)) if n else np.empty(0, int)
        return cls(n, ranks.tolist(), np.sort(scores)[ranks - 1].tolist() if n else [])

    def at(self, level: float) -> float:
        """Return what a new row's score passes with probability 1 - level at most; infinity where rows are too few."""
        rank = max(1, ceil((self.n + 1) * level - ROUNDING))
        return inf if rank > self.n else float(self.scores[bisect_left(self.ranks, rank)])


@dataclass(frozen=True)
class Scale:
    """How far predictions of about a value usually are from the truth: straight lines between a few points.

    Attributes
    ----------
    at : list of float
        Predictions, rising.
    distance : list of float
        Mean distance of the rows that the model has learned, above 0.
    """

    at: Sequence[float]
    distance: Sequence[float]

    def many(self, values: Array) -> Array:
        """Return the usual distance at some predictions; that of the nearest end beyond the ends."""
        return np.asarray(np.interp(values, self.at, self.distance), dtype=np.float64)

    def one(self, value: float) -> float:
        """Return the usual distance at a prediction, as `many` does."""
        at, distance = self.at, self.distance
        place = bisect_left(at, value)
        if place == 0:
            return distance[0]
        if place == len(at):
            return distance[-1]
        before = distance[place - 1]
        slope = (distance[place] - before) / (at[place] - at[place - 1])
        return slope * (value - at[place - 1]) + before


@dataclass(frozen=True)
class Conformal:
    """What was measured of a version's predictions on rows that it did not learn from.

    Attributes
    ----------
    method : str
        One of `VALUES` or `LABELS`.
    residuals : str
        held_out, or cross_fitted: of rows that models of the other folds have not learned from.
    levels : list of float
        Those that were verified.
    pooled : Quantiles
        Of all rows.
    parts : dict of int to Quantiles
        Of the groups of a model per group, or of the classes, that have rows enough; by position. Those of the rest
        together are under `OTHERS`, if these have rows enough: it is not for the easy ones to say how wide theirs are.
    scale : Scale or None
        Of ``normalised``.
    """

    method: str
    residuals: str
    levels: Sequence[float]
    pooled: Quantiles
    parts: Mapping[int, Quantiles] = field(default_factory=dict)
    scale: Scale | None = None

    def dump(self) -> bytes:
        """Return the stored form."""
        stored = {
            "format": FORMAT,
            "method": self.method,
            "residuals": self.residuals,
            "levels": list(self.levels),
            "pooled": vars(self.pooled),
            "parts": {str(part): vars(own) for part, own in self.parts.items()},
            "scale": None if self.scale is None else vars(self.scale),
        }
        return json.dumps(stored).encode()

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Conformal:
        """Read the stored form.

        Raises
        ------
        ValueError
            It is of a newer format, or its numbers are not in order.
        """
        if stored["format"] != FORMAT or stored["method"] not in (*VALUES, *LABELS):
            raise ValueError("unknown format")
        scale = None if stored["scale"] is None else Scale(**_floats(stored["scale"]))
        if (scale is None) == (stored["method"] == "normalised"):
            raise ValueError("scale")
        if scale is not None:
            _require(len(scale.at) == len(scale.distance) > 0 and min(scale.distance) > 0)
            _require(all(a < b for a, b in zip(scale.at, scale.at[1:], strict=False)))
        return cls(
            stored["method"],
            str(stored["residuals"]),
            _floats({"levels": stored["levels"]})["levels"],
            _quantiles(stored["pooled"]),
            {int(part): _quantiles(own) for part, own in stored["parts"].items()},
            scale,
        )

    def quantile(self, level: float, part: int | None = None) -> float:
        """Return the score at a level: a part's where it has rows enough; infinity where all rows are too few."""
        for own in () if part is None else (self.parts.get(part), self.parts.get(OTHERS)):
            found = inf if own is None else own.at(level)
            if found < inf:
                return found
        return self.pooled.at(level)

    def half_widths(self, values: Array, level: float, parts: NDArray[Any] | None = None) -> Array:
        """Return how far the interval of each predicted value reaches to both sides.

        Parameters
        ----------
        values : ndarray of float64, shape (rows,)
            Predictions.
        level : float
            Share of rows whose true value the intervals are to hold.
        parts : ndarray of shape (rows,) or None
            Position of each row's group; NaN for none.
        """
        if parts is None or not self.parts:
            reach = np.full(len(values), self.quantile(level))
        else:
            reach = np.empty(len(values))
            distinct, place = np.unique(parts, return_inverse=True)
            reach = np.array([self.quantile(level, None if np.isnan(p) else int(p)) for p in distinct])[place]
        return reach if self.scale is None else reach * self.scale.many(values)

    def members(self, chances: Array, level: float) -> NDArray[np.bool_]:
        """Return which classes belong to each row's set; the most probable always does.

        Parameters
        ----------
        chances : ndarray of float64, shape (rows, classes)
            Probabilities.
        level : float
            Share of rows whose true class the sets are to hold.

        Returns
        -------
        ndarray of bool, shape (rows, classes)
        """
        reach = np.array([self.quantile(level, at) for at in range(chances.shape[1])])
        inside = class_scores(self.method, chances) <= reach + ROUNDING
        inside[np.arange(len(chances)), chances.argmax(axis=1)] = True
        return np.asarray(inside)


def class_scores(method: str, chances: Array) -> Array:
    """Return the score that each class would have, were it the true one; shape (rows, classes)."""
    if method == "lac":
        return np.asarray(1.0 - chances)
    order = np.argsort(-chances, axis=1, kind="stable")
    found = np.empty_like(chances)
    np.put_along_axis(found, order, np.cumsum(np.take_along_axis(chances, order, 1), axis=1), 1)
    return found


def _floats(stored: Mapping[str, Any]) -> dict[str, list[float]]:
    return {name: [float(value) for value in values] for name, values in stored.items()}


def _quantiles(stored: Mapping[str, Any]) -> Quantiles:
    found = Quantiles(int(stored["n"]), [int(r) for r in stored["ranks"]], [float(s) for s in stored["scores"]])
    _require(len(found.ranks) == len(found.scores) and (not found.n or found.ranks[-1] == found.n))
    _require(list(found.ranks) == sorted(found.ranks) and list(found.scores) == sorted(found.scores))
    return found


def _require(holds: bool) -> None:
    if not holds:
        raise ValueError("numbers that do not fit together")
