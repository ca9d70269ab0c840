"""What the arrays of trees have to keep."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

MAX_DEPTH: Final = 4096
"""Levels below the root."""

_LIMIT: Final = 2**31 - 1
_KINDS: Final[dict[str, tuple[tuple[type, ...], int, bool]]] = {
    "starts": ((np.int64,), 1, False),
    "feature": ((np.int32,), 1, False),
    "threshold": ((np.float64,), 1, False),
    "left": ((np.int32,), 1, False),
    "right": ((np.int32,), 1, False),
    "missing_left": ((np.uint8, np.bool_), 1, False),
    "values": ((np.float64,), 2, False),
    "target": ((np.int32,), 1, True),
    "base": ((np.float64,), 1, True),
    "cover": ((np.float64,), 1, True),
    "category": ((np.int32,), 1, True),
    "set_starts": ((np.int64,), 1, True),
    "set_words": ((np.uint32,), 1, True),
    "outside_left": ((np.uint8, np.bool_), 1, True),
}


def check_arrays(features: int, outputs: int, given: dict[str, Any], divide: float) -> None:
    """Check that arrays are trees.

    Parameters
    ----------
    features, outputs : int
        Numbers of a row, and scores of one.
    given : dict of str to ndarray or None
        The arrays of `Trees`.
    divide : float
        What scores are divided by.

    Raises
    ------
    TypeError
        If an array has another dtype or number of dimensions.
    ValueError
        If anything else is wrong.
    """
    for name, (dtypes, dimensions, optional) in _KINDS.items():
        array = given[name]
        if array is None and optional:
            continue
        if not isinstance(array, np.ndarray) or array.dtype.type not in dtypes or array.ndim != dimensions:
            raise TypeError(f"{name} must be an array of {np.dtype(dtypes[0])} with {dimensions} dimensions")
    trees, nodes = len(given["starts"]) - 1, len(given["feature"])
    sizes = {"starts": trees + 1, "target": trees, "base": outputs, "set_starts": None, "set_words": None}
    for name in _KINDS:
        wanted = sizes.get(name, nodes)
        if given[name] is not None and wanted is not None and len(given[name]) != wanted:
            raise ValueError(f"{name} must have {wanted} rows, got {len(given[name])}")
    _require(trees >= 0, "starts must have a row for each tree, and one more")
    _check_sets(given)
    _require(1 <= features < _LIMIT, f"features must be from 1 to {_LIMIT - 1}, got {features}")
    _require(1 <= outputs < _LIMIT, f"outputs must be from 1 to {_LIMIT - 1}, got {outputs}")
    _require(given["values"].shape[1] in {1, outputs}, "values must have one number a node, or one for each output")
    _require(bool(np.isfinite(divide)) and divide != 0.0, "divide must be finite and not 0")
    starts = given["starts"]
    _require(
        starts[0] == 0 and starts[-1] == nodes, f"starts must begin with 0 and end with the number of nodes, {nodes}"
    )
    _require(bool((np.diff(starts) > 0).all()), "starts must grow")
    target = given["target"]
    _require(target is None or bool(((target >= 0) & (target < outputs)).all()), "target must be one of the outputs")
    for tree in range(trees):
        _check_tree(features, given, int(starts[tree]), int(starts[tree + 1]), tree)


def _require(kept: bool, rule: str) -> None:
    if not kept:
        raise ValueError(rule)


def _check_sets(given: dict[str, Any]) -> None:
    parts = [given[name] for name in ("category", "set_starts", "set_words")]
    if all(part is None for part in parts):
        return
    _require(all(part is not None for part in parts), "category, set_starts and set_words belong together")
    starts, words = given["set_starts"], given["set_words"]
    _require(len(starts) >= 1, "set_starts must have a row for each set, and one more")
    ends = starts[0] == 0 and starts[-1] == len(words)
    _require(ends, f"set_starts must begin with 0 and end with the number of words, {len(words)}")
    steps = np.diff(starts)
    _require(
        bool(((steps >= 0) & (steps <= _LIMIT // 32)).all()), "set_starts must not fall, nor a set have 67108864 words"
    )


def _check_tree(features: int, given: dict[str, Any], start: int, end: int, tree: int) -> None:
    left, right = given["left"][start:end], given["right"][start:end]
    inner = ~((left == -1) & (right == -1))
    at = np.flatnonzero(inner)
    later = (left[at] > at) & (right[at] > at) & (left[at] < end - start) & (right[at] < end - start)
    _require(
        bool((later & (left[at] != right[at])).all()), "left and right must be two later nodes of the tree, or both -1"
    )
    children = np.concatenate([left[at], right[at]])
    _require(len(np.unique(children)) == len(children), "a node must be the child of one")
    feature = given["feature"][start:end][at]
    _require(bool(((feature >= 0) & (feature < features)).all()), "feature must be one of the features")
    numeric = at
    if given["category"] is not None:
        category = given["category"][start:end][at]
        sets = len(given["set_starts"]) - 1
        _require(bool(((category >= -1) & (category < sets)).all()), "category must be the number of a set, or -1")
        numeric = at[category < 0]
    reached = reached_levels(left, right)
    _require(int(reached.max()) <= MAX_DEPTH, f"a tree must be at most {MAX_DEPTH} deep; tree {tree} is not")
    nan = np.isnan(given["threshold"][start:end][numeric]) & (reached[numeric] >= 0)
    _require(not nan.any(), "threshold must be a number")
    if given["cover"] is not None:
        _check_cover(given["cover"][start:end], left, right, at[reached[at] >= 0])


def _check_cover(cover: NDArray[np.float64], left: Any, right: Any, at: NDArray[np.intp]) -> None:
    whole = cover[at]
    _require(bool(((whole > 0) & np.isfinite(whole)).all()), "cover must be above 0 and finite where a node splits")
    with np.errstate(all="ignore"):
        parts = np.concatenate([cover[left[at]] / whole, cover[right[at]] / whole])
    _require(bool(((parts >= 0) & np.isfinite(parts)).all()), "cover must be at least 0 and finite")


def reached_levels(left: NDArray[np.int32], right: NDArray[np.int32]) -> NDArray[np.int64]:
    """Return the level of each node of a tree, -1 for nodes that the root does not reach.

    Parameters
    ----------
    left, right : ndarray of int32, shape (nodes,)
        Later nodes, or -1.

    Returns
    -------
    ndarray of int64, shape (nodes,)
        The root's level is 0.
    """
    levels = np.full(len(left), -1)
    levels[0] = 0
    now = np.zeros(1, np.int64)
    while len(now):
        split = now[left[now] >= 0]
        level = levels[now[0]] + 1
        now = np.concatenate([left[split], right[split]]).astype(np.int64)
        levels[now] = level
    return levels
