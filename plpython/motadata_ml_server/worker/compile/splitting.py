"""The features that the upper levels of trees split most rows by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from motadata_ml_server.worker.compile.tree import Tree


MIN_TREES: Final = 10
"""Trees below which the order costs about what it saves."""


_FEATURES: Final = 3


_LEVELS: Final = 12


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
