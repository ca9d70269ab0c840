"""Checks of what a rebuilt estimator will index with, which scikit-learn's compiled code does not check."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from motadata_ml_server.persistence.refusal import reject


def check_structure(estimator: object) -> None:
    """Refuse decision trees whose nodes point outside of themselves or of the input.

    Parameters
    ----------
    estimator : object
        A rebuilt estimator, not used yet.

    Raises
    ------
    ArtifactError
        If a child or feature index is out of bounds, or children do not follow their parent
        (which also rules out cycles).
    """
    for holder in _walk(estimator):
        width = getattr(holder, "n_features_in_", None)
        tree: Any = getattr(holder, "tree_", None)
        if hasattr(tree, "children_left"):
            _check_links(tree.children_left, tree.children_right, tree.feature, int(tree.n_features))
            if width is not None and int(width) != int(tree.n_features):
                raise reject("a tree expects another number of features than its estimator")
        nodes = getattr(holder, "nodes", None)
        if isinstance(nodes, np.ndarray) and nodes.dtype.names and "feature_idx" in nodes.dtype.names:
            leaf = nodes["is_leaf"].astype(bool)
            left = np.where(leaf, -1, nodes["left"].astype(np.int64))
            right = np.where(leaf, -1, nodes["right"].astype(np.int64))
            _check_links(left, right, nodes["feature_idx"].astype(np.int64), None)
            _check_bitsets(holder, nodes)


def _check_links(
    left: np.ndarray[Any, Any], right: np.ndarray[Any, Any], feature: np.ndarray[Any, Any], width: int | None
) -> None:
    position = np.arange(len(left))
    inner = (left >= 0) | (right >= 0)
    for child in (left[inner], right[inner]):
        if np.any(child <= position[inner]) or np.any(child >= len(left)):
            raise reject("a tree's node points outside of the tree")
    used = feature[inner]
    if np.any(used < 0) or (width is not None and np.any(used >= width)):
        raise reject("a tree's node uses a feature that does not exist")


def _check_bitsets(holder: object, nodes: np.ndarray[Any, Any]) -> None:
    categorical = nodes["is_categorical"].astype(bool) & ~nodes["is_leaf"].astype(bool)
    sets = getattr(holder, "raw_left_cat_bitsets", None)
    count = 0 if sets is None else len(sets)
    if np.any(nodes["bitset_idx"][categorical].astype(np.int64) >= count):
        raise reject("a tree's node uses a category set that does not exist")


def _walk(root: object) -> Iterator[object]:
    seen: set[int] = set()
    pending: list[object] = [root]
    while pending:
        value = pending.pop()
        if value is None or isinstance(value, (str, bytes, int, float)) or id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, dict):
            pending.extend(value.values())
        elif isinstance(value, (list, tuple, set)):
            pending.extend(value)
        elif isinstance(value, np.ndarray):
            if value.dtype == object:
                pending.extend(value.ravel().tolist())
        elif type(value).__module__.startswith("sklearn."):
            yield value
            pending.extend(getattr(value, "__dict__", {}).values())
