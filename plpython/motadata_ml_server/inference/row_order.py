"""Rows in an order in which neighbours take the same branches of a model's trees.

Most of what a tree costs is waiting for branches that the processor guessed wrong. It guesses by what the rows before
did, so rows that are alike in what the trees split on first are predicted about twice as fast one after another.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from motadata_ml_server.inference.tree_sources import Tree

MIN_TREES: Final = 10
"""Trees below which the order costs about what it saves."""
MIN_ROWS: Final = 1000
"""Rows below which there are too few alike."""
_FEATURES: Final = 3
_CELLS: Final = 8
"""Into how many cells of about as many rows each feature's numbers are divided."""
_LEVELS: Final = 12
_SAMPLE: Final = 1000


def splitting_features(trees: Sequence[Tree]) -> list[int]:
    """Return the features that trees split most rows on.

    Parameters
    ----------
    trees : sequence of Tree
        Every split is taken to halve its rows.

    Returns
    -------
    list of int
        Positions among a row's encoded numbers, the most used first; empty where an order would not pay.
    """
    if len(trees) < MIN_TREES:
        return []
    used = np.zeros(1 + max(int(tree.feature.max()) for tree in trees))
    for tree in trees:
        level, share = np.zeros(1, dtype=np.int64), 1.0
        for _ in range(_LEVELS):
            level = level[tree.left[level] >= 0]
            used += share * np.bincount(tree.feature[level], minlength=len(used))
            level, share = np.concatenate([tree.left[level], tree.right[level]]), share / 2
    most: list[int] = np.argsort(-used, kind="stable")[:_FEATURES].tolist()
    return [feature for feature in most if used[feature] > 0]


def alike_together(rows: NDArray[np.float64], features: Sequence[int]) -> NDArray[np.intp]:
    """Return an order of rows by which rows alike in some features are neighbours.

    Parameters
    ----------
    rows : ndarray of shape (rows, width)
        Encoded rows, one at the least.
    features : sequence of int
        What they are compared by, the most important first.

    Returns
    -------
    ndarray of int, shape (rows,)
        Positions of all rows.
    """
    cells = np.zeros(len(rows), dtype=np.int16)
    step = 1 + len(rows) // _SAMPLE
    for feature in features:
        column = np.ascontiguousarray(rows[:, feature])
        sample = np.sort(column[::step])
        cuts = sample[np.arange(1, _CELLS) * len(sample) // _CELLS]
        cells = cells * np.int16(_CELLS) + np.searchsorted(cuts, column).astype(np.int16)
    return np.argsort(cells, kind="stable")
