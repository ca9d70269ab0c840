"""What each feature adds to the scores of trees, for many rows: TreeSHAP looked up in tables.

A leaf gives a feature something that depends on the row in a few bits only: for each feature on its path, whether the
row follows all of the path's edges of that feature. So all that a part of a tree can give is tabulated once, and a row
costs a look-up for each part and feature. A part is a subtree that needs few bits: one for each feature of the path
above it, one for each of its own splits.

The tables hold what `motadata_ml_server.loops.tree_reasons` computes for each row: see there for the formula.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.loops.quadrature import gauss_legendre
from motadata_ml_server.prediction.runtimes.tree_model import TreeModel

BITS: Final = 8
"""Of a part's index, so that it fits into a byte; a single leaf's may have no more either."""

MAX_BYTES: Final = 64 << 20
"""Of all tables."""

MAX_NODES: Final = 1 << 16
"""Of all trees: from more of them tables would take minutes to make."""

BLOCK_ROWS: Final = 8192
"""Rows looked up at a time: few enough for what is worked with to stay in the processor's cache."""

Array = NDArray[np.float64]
Patterns = NDArray[np.uint8]
Breathe = Callable[[], None]


@dataclass(frozen=True)
class _Path:
    """The edges from the root to a node: distinct features, and the share of training rows that follow theirs."""

    features: tuple[int, ...] = ()
    shares: tuple[float, ...] = ()

    def down(self, feature: int, share: float) -> _Path:
        if feature not in self.features:
            return _Path((*self.features, feature), (*self.shares, share))
        at = self.features.index(feature)
        return _Path(self.features, (*self.shares[:at], self.shares[at] * share, *self.shares[at + 1 :]))


def _follow(path: _Path, feature: int, patterns: Patterns, goes: Patterns) -> Patterns:
    """Return which features' edges rows follow one edge further down; `goes` is 1 where a row takes the edge."""
    if feature not in path.features:
        return patterns | (goes << np.uint8(len(path.features)))
    bit = np.uint8(path.features.index(feature))
    return patterns & ((goes << bit) | np.uint8(255 ^ (1 << int(bit))))


@dataclass
class _Part:
    """A subtree that is looked up: its splits in order, the features that it gives to, and what it gives."""

    splits: tuple[int, ...]
    features: tuple[int, ...]
    table: Array


class TreeTables:
    """Trees of one score and of one number a leaf, tabulated.

    Parameters
    ----------
    model : TreeModel
        With covers: what `of_output` returns.
    breathe : callable
        Called now and then while tables are made.
    """

    def __init__(self, model: TreeModel, breathe: Breathe) -> None:
        arrays = model.arrays
        self._features, self._divide = model.features, model.divide
        self._roots: list[int] = arrays["starts"][:-1].tolist()
        starts = np.repeat(arrays["starts"][:-1], np.diff(arrays["starts"]))
        inner = arrays["left"] >= 0
        self._left: list[int] = np.where(inner, starts + arrays["left"], -1).tolist()
        self._right: list[int] = np.where(inner, starts + arrays["right"], -1).tolist()
        self._feature: list[int] = arrays["feature"].tolist()
        self._threshold: list[float] = arrays["threshold"].tolist()
        self._missing: list[int] = arrays["missing_left"].tolist()
        self._cover: list[float] = arrays["cover"].tolist()
        self._values: list[float] = arrays["values"][:, 0].tolist()
        self._parts: dict[int, _Part] = {}
        self._splits_below = _splits_below(self._left, self._right)
        self._breathe = breathe
        for root in self._roots:
            self._tabulate(root, _Path())

    @property
    def nbytes(self) -> int:
        """What the tables take."""
        return sum(part.table.nbytes for part in self._parts.values())

    def _tabulate(self, at: int, path: _Path) -> None:
        if self._left[at] >= 0 and len(path.features) + self._splits_below[at] > BITS:
            for child in (self._left[at], self._right[at]):
                self._tabulate(child, path.down(self._feature[at], self._cover[child] / self._cover[at]))
            return
        self._parts[at] = self._part(at, path)
        self._breathe()

    def _part(self, at: int, path: _Path) -> _Part:
        splits: list[int] = []
        leaves: list[tuple[int, _Path, Patterns]] = []
        known = len(path.features)
        every = np.arange(1 << (known + self._splits_below[at]), dtype=np.uint16).astype(np.uint8)
        waiting = [(at, path, every & np.uint8((1 << known) - 1))]
        while waiting:
            node, above, patterns = waiting.pop()
            if self._left[node] < 0:
                leaves.append((node, above, patterns))
                continue
            left = (every >> np.uint8(known + len(splits))) & np.uint8(1)
            splits.append(node)
            for child, goes in ((self._left[node], left), (self._right[node], left ^ np.uint8(1))):
                share = self._cover[child] / self._cover[node]
                follows = _follow(above, self._feature[node], patterns, goes)
                waiting.append((child, above.down(self._feature[node], share), follows))
        features = tuple(dict.fromkeys(feature for _, own, _ in leaves for feature in own.features))
        table = np.zeros((len(features), len(every)))
        for leaf, own, patterns in leaves:
            given = _leaf_table(own.shares) * self._values[leaf]
            for number, feature in enumerate(own.features):
                table[features.index(feature)] += given[number][patterns]
        return _Part(tuple(splits), features, table)

    def reasons(self, rows: Array, breathe: Breathe) -> Array:
        """Return what each feature adds to the score, of shape (rows, features)."""
        found = np.empty((len(rows), self._features))
        for first in range(0, len(rows), BLOCK_ROWS):
            block = slice(first, min(first + BLOCK_ROWS, len(rows)))
            found[block] = self._block(np.ascontiguousarray(rows[block].T), breathe).T
        return found

    def _block(self, columns: Array, breathe: Breathe) -> Array:
        total = np.zeros((self._features, columns.shape[1]))
        missing = np.isnan(columns)
        self._nulls = [row if row.any() else None for row in missing]
        self._breathe = breathe
        for root in self._roots:
            self._down(root, _Path(), np.zeros(columns.shape[1], np.uint8), columns, total)
        total /= self._divide
        return total

    def _goes_left(self, at: int, columns: Array) -> Patterns:
        feature = self._feature[at]
        left = columns[feature] <= self._threshold[at]
        nulls = self._nulls[feature]
        if nulls is not None and self._missing[at]:
            left |= nulls
        return np.asarray(left).view(np.uint8)

    def _down(self, at: int, path: _Path, patterns: Patterns, columns: Array, total: Array) -> None:
        part = self._parts.get(at)
        if part is not None:
            index = patterns
            for number, split in enumerate(part.splits, len(path.features)):
                index = index | (self._goes_left(split, columns) << np.uint8(number))
            places = index.astype(np.intp)
            for row, feature in zip(part.table, part.features, strict=True):
                total[feature] += row.take(places, mode="clip")
            self._breathe()
            return
        left = self._goes_left(at, columns)
        for child, goes in ((self._left[at], left), (self._right[at], left ^ np.uint8(1))):
            below = path.down(self._feature[at], 0.0)
            self._down(child, below, _follow(path, self._feature[at], patterns, goes), columns, total)


def _leaf_table(shares: tuple[float, ...]) -> Array:
    """Return what a leaf of value 1 gives to each feature of its path, for every pattern of edges followed."""
    count = len(shares)
    points, weights = _rule(count)
    every = np.arange(1 << count)
    bits = (every[None, :] >> np.arange(count)[:, None]) & 1
    zero = np.array(shares)[:, None, None]
    factors = zero * (1.0 - points) + bits[:, :, None] * points
    before = np.ones((count + 1, 1 << count, len(points)))
    after = np.ones_like(before)
    for number in range(count):
        before[number + 1] = before[number] * factors[number]
        after[count - number - 1] = after[count - number] * factors[count - number - 1]
    others = (before[:-1] * after[1:]) @ weights
    return np.asarray((bits - np.array(shares)[:, None]) * others)


@lru_cache(maxsize=BITS + 1)
def _rule(count: int) -> tuple[Array, Array]:
    return gauss_legendre(count)


def _splits_below(left: list[int], right: list[int]) -> list[int]:
    """Return how many splits the subtree of each node has."""
    found = [0] * len(left)
    for at in range(len(left) - 1, -1, -1):  # children lie behind their parents
        if left[at] >= 0:
            found[at] = 1 + found[left[at]] + found[right[at]]
    return found


def of_output(model: TreeModel, output: int) -> TreeModel:
    """Return what adds to one score of an ensemble, as an ensemble of one score and one number a leaf."""
    arrays = dict(model.arrays)
    if arrays["values"].shape[1] > 1:
        arrays["values"] = arrays["values"][:, output : output + 1]
        arrays["target"] = np.zeros_like(arrays["target"])
    elif model.outputs > 1:
        chosen = arrays["target"] == output
        sizes = np.diff(arrays["starts"])
        nodes = np.repeat(chosen, sizes)
        for name in set(arrays) - {"starts", "target", "base"}:
            arrays[name] = arrays[name][nodes]
        arrays["starts"] = np.append(0, np.cumsum(sizes[chosen]))
        arrays["target"] = np.zeros(int(chosen.sum()), arrays["target"].dtype)
    arrays["base"] = model.arrays["base"][output : output + 1]
    return TreeModel(model.features, 1, model.link, model.divide, arrays, model.parameters)


def suited(model: TreeModel) -> bool:
    """Whether what `of_output` returns can be tabulated: no path of many features, tables of bounded size."""
    arrays = model.arrays
    starts = arrays["starts"].tolist()
    if starts[-1] > MAX_NODES:
        return False
    total = 0
    for tree, root in enumerate(starts[:-1]):
        size = starts[tree + 1] - root
        left, right = arrays["left"][root : root + size].tolist(), arrays["right"][root : root + size].tolist()
        feature = arrays["feature"][root : root + size].tolist()
        below = _splits_below(left, right)
        waiting = [(0, frozenset[int]())]
        while waiting:
            at, known = waiting.pop()
            bits = len(known) + below[at]
            if bits <= BITS:
                total += (8 << bits) * bits
                continue
            if left[at] < 0:
                return False  # a leaf behind more features than an index has bits
            beyond = known | {feature[at]}
            waiting += [(left[at], beyond), (right[at], beyond)]
        if total > MAX_BYTES:
            return False
    return True
