"""Decision trees as plain arrays."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Tree:
    """One decision tree: go left where x[feature] <= threshold.

    Attributes
    ----------
    left, right : ndarray of int, shape (nodes,)
        Children; -1 for a leaf.
    feature : ndarray of int, shape (nodes,)
        Encoded number that is compared.
    threshold : ndarray of float64, shape (nodes,)
        For comparison in double precision.
    missing_left : ndarray of bool, shape (nodes,)
        Where NaN goes left.
    values : ndarray of float64, shape (nodes, numbers)
        What a leaf holds.
    target : int
        The output that the tree adds to, where a leaf holds one number.
    cover : ndarray of float64, shape (nodes,), or None
        Weight of the training rows that came to a node, as its library counts it; None where that is not known.
    """

    left: NDArray[np.int64]
    right: NDArray[np.int64]
    feature: NDArray[np.int64]
    threshold: NDArray[np.float64]
    missing_left: NDArray[np.bool_]
    values: NDArray[np.float64]
    target: int = 0
    cover: NDArray[np.float64] | None = None

    def with_root_split(self) -> Tree:
        """Return a tree of one leaf as a split whose two branches are that leaf."""
        ids = np.array([1, -1, -1])
        return Tree(
            ids,
            np.array([2, -1, -1]),
            np.zeros(3, dtype=np.int64),
            np.zeros(3),
            np.ones(3, dtype=bool),
            np.repeat(self.values, 3, axis=0),
            self.target,
        )


@dataclass(frozen=True)
class Ensemble:
    """Trees whose leaves are added up.

    Attributes
    ----------
    trees : list of Tree
        In the order of addition.
    outputs : int
        How many scores come out.
    link : str
        What they mean, a name in `links`.
    divide : float
        Scores are divided by this.
    parameters : dict
        The link's own.
    """

    trees: list[Tree]
    outputs: int
    link: str
    divide: float = 1.0
    parameters: dict[str, Any] = field(default_factory=dict)

    @property
    def wide(self) -> bool:
        """Whether a leaf holds several numbers."""
        return bool(self.trees[0].values.shape[1] > 1)


def float32_threshold(threshold: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the largest doubles whose float32 is not above a threshold.

    Parameters
    ----------
    threshold : ndarray of float64
        Compared by scikit-learn with float32(x).

    Returns
    -------
    ndarray of float64
        t' such that x <= t' for a double x exactly where float32(x) <= threshold: the midpoint
        between the float32 at or below the threshold and the next one, or the double before the
        midpoint where that rounds up (round half to even).
    """
    with np.errstate(over="ignore"):
        floor = threshold.astype(np.float32)
        low = np.float32(-np.inf)
        floor = np.where(floor.astype(np.float64) > threshold, np.nextafter(floor, low), floor)
        following = np.nextafter(floor, np.float32(np.inf))
        midpoint = (floor.astype(np.float64) + following.astype(np.float64)) / 2.0
        rounds_down = midpoint.astype(np.float32) == floor
    exact = np.where(rounds_down, midpoint, np.nextafter(midpoint, -np.inf))
    return np.where(np.isfinite(exact), exact, threshold)


def constant_tree(value: float, target: int) -> Tree:
    """Return a tree of one leaf."""
    return Tree(
        np.array([-1]),
        np.array([-1]),
        np.zeros(1, dtype=np.int64),
        np.zeros(1),
        np.ones(1, dtype=bool),
        np.array([[value]]),
        target,
    )
