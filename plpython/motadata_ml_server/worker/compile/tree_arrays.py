"""An ensemble of trees as the arrays that a session predicts with."""

from __future__ import annotations

from itertools import takewhile

import numpy as np

from motadata_ml_server.prediction.runtimes.tree_model import TreeModel
from motadata_ml_server.worker.compile.tree import Ensemble, Tree


def tree_model(ensemble: Ensemble, features: int) -> TreeModel:
    """Return the stored form of an ensemble.

    Trees of one leaf that come first, where boosting begins, become the sums' first terms: the same sums in the same
    order.

    Parameters
    ----------
    ensemble : Ensemble
        Trees of a fitted estimator.
    features : int
        Encoded numbers of a row.

    Returns
    -------
    TreeModel
        With the cover of nodes where every tree has it.
    """
    base = np.zeros(ensemble.outputs)
    trees = ensemble.trees
    if not ensemble.wide:
        for tree in takewhile(lambda tree: len(tree.left) == 1 and base[tree.target] == 0.0, trees):
            base[tree.target] += tree.values[0, 0]
            trees = trees[1:]
    arrays = {
        "starts": np.cumsum([0, *(len(tree.left) for tree in trees)], dtype=np.int64),
        "feature": _joined(trees, "feature", np.int32),
        "threshold": _joined(trees, "threshold", np.float64),
        "left": _joined(trees, "left", np.int32),
        "right": _joined(trees, "right", np.int32),
        "missing_left": _joined(trees, "missing_left", np.uint8),
        "values": np.vstack([tree.values for tree in trees]) if trees else np.zeros((0, 1)),
        "target": np.array([0 if ensemble.wide else tree.target for tree in trees], dtype=np.int32),
        "base": base,
    }
    covers = [tree.cover for tree in trees if tree.cover is not None and _weighs(tree)]
    if len(covers) == len(trees):
        arrays["cover"] = np.concatenate([*covers, np.zeros(0)])
    return TreeModel(features, ensemble.outputs, ensemble.link, ensemble.divide, arrays, ensemble.parameters)


def _joined(trees: list[Tree], name: str, dtype: type[np.generic]) -> np.ndarray[tuple[int], np.dtype[np.generic]]:
    return np.concatenate([*(getattr(tree, name) for tree in trees), np.zeros(0)]).astype(dtype)


def _weighs(tree: Tree) -> bool:
    """Whether every split has rows, as reasons need it: hessians and weights may be zero."""
    cover = tree.cover
    if cover is None or not np.isfinite(cover).all() or (cover < 0).any():
        return False
    return bool((cover[tree.left >= 0] > 0).all())
