"""What each feature adds to each score of trees: path-dependent TreeSHAP, exact.

A leaf reached over edges of features j gives feature i the Shapley value

    value * (one_i - zero_i) * integral over t from 0 to 1 of the product over j != i of (zero_j (1 - t) + one_j t)

where zero_j is the share of training rows that follow the edges of j, and one_j is 1 where this row follows them all,
else 0: the weights of Shapley's sum, s! (n - s - 1)! / n!, are integrals of t^s (1 - t)^(n - s - 1). The product is a
polynomial, and Gauss-Legendre's rule integrates it exactly. A tree is gone through once: downwards the product at each
point grows by a factor an edge, upwards the products of all leaves below an edge are summed, and the edge's feature
gets its part by a division. Where a feature occurs again further down, its lower edge replaces the upper one, whose
part is taken back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
GoesLeft = Callable[[NDArray[np.int64], Array], NDArray[np.bool_]]


@dataclass(frozen=True)
class _Edge:
    """From a node to a child; `one` has the shape (rows,)."""

    zero: float
    one: Array

    def factor(self, points: Array) -> Array:
        """Return what it multiplies, of shape (points, rows)."""
        return np.asarray((self.zero * (1.0 - points))[:, None] + self.one * points[:, None])


class Weighed:
    """Trees whose nodes know what share of their parent's rows they took.

    Parameters
    ----------
    own : dict of str to ndarray
        Arrays of `Trees`, checked.
    target : ndarray of int32, shape (trees,)
        The output that each tree adds to, where a leaf holds one number.
    outputs : int
        Scores of a row.
    """

    def __init__(self, own: dict[str, Any], target: NDArray[np.int32], outputs: int) -> None:
        self._own, self._target, self._outputs = own, target, outputs
        self._roots: list[int] = own["starts"][:-1].tolist()
        self._left: list[int] = own["left"].tolist()
        self._right: list[int] = own["right"].tolist()
        self._feature: list[int] = own["feature"].tolist()
        self._cover: list[float] = own["cover"].tolist()
        self.path_features = 0
        self._leaves = [self._weigh(root) for root in self._roots]

    def _weigh(self, root: int) -> list[tuple[int, float]]:
        """Return the leaves of a tree, breadth first, and the share of rows that each has."""
        leaves = []
        waiting: list[tuple[int, float, frozenset[int]]] = [(root, 1.0, frozenset())]
        for at, weight, known in waiting:
            if self._left[at] < 0:
                leaves.append((at, weight))
                self.path_features = max(self.path_features, len(known))
                continue
            beyond = known | {self._feature[at]}
            for child in (root + self._left[at], root + self._right[at]):
                waiting.append((child, weight * (self._cover[child] / self._cover[at]), beyond))  # noqa: PERF401
        return leaves

    def expected(self, base: Array) -> Array:
        """Return the sums of leaves without any feature known, of shape (outputs,)."""
        total, values = base.copy(), self._own["values"]
        for tree, leaves in enumerate(self._leaves):
            for leaf, weight in leaves:
                if values.shape[1] == 1:
                    total[self._target[tree]] += weight * values[leaf, 0]
                else:
                    total += weight * values[leaf]
        return total

    def reasons(self, rows: Array, points: Array, weights: Array, goes_left: GoesLeft) -> Array:
        """Return what each feature adds to the sums, of shape (rows, outputs, features)."""
        total = np.zeros((self._outputs, rows.shape[1], len(rows)))
        for tree, root in enumerate(self._roots):
            width = self._own["values"].shape[1]
            target = slice(self._target[tree], self._target[tree] + 1) if width == 1 else slice(None)
            _Descent(self, root, rows, points, weights, goes_left, total[target]).run()
        return np.moveaxis(total, 2, 0)


class _Descent:
    """One tree gone through for all rows; `total` has the shape (width, features, rows)."""

    def __init__(
        self, of: Weighed, root: int, rows: Array, points: Array, weights: Array, goes_left: GoesLeft, total: Array
    ) -> None:
        self._of, self._root, self._rows, self._goes_left, self._total = of, root, rows, goes_left, total
        self._points, self._weights = points, weights
        self._last: dict[int, _Edge] = {}

    def run(self) -> None:
        """Add the tree's reasons to the total."""
        if self._of._left[self._root] >= 0:
            self._below(self._root, np.ones((len(self._points), len(self._rows))))

    def _below(self, at: int, product: Array) -> Array:
        """Return the sum over the leaves below a node of value times product, of shape (width, points, rows)."""
        of = self._of
        if of._left[at] < 0:
            return np.asarray(product * of._own["values"][at][:, None, None])
        feature = of._feature[at]
        left = self._goes_left(np.full(len(self._rows), at, np.int64), self._rows).astype(np.float64)
        above = self._last.get(feature)
        sums = np.zeros((len(self._total), *product.shape))
        for child, follows in ((of._left[at], left), (of._right[at], 1.0 - left)):
            child += self._root  # noqa: PLW2901
            ratio = of._cover[child] / of._cover[at]
            edge = _Edge(
                ratio * (1.0 if above is None else above.zero), follows * (1.0 if above is None else above.one)
            )
            if edge.zero == 0.0 and not edge.one.any():
                continue
            before = product if above is None else _quotient(product, above.factor(self._points))
            self._last[feature] = edge
            part = self._below(child, before * edge.factor(self._points))
            self._give(feature, edge, part, 1.0)
            if above is not None:
                self._give(feature, above, part, -1.0)
                self._last[feature] = above
            else:
                del self._last[feature]
            sums += part
        return sums

    def _give(self, feature: int, edge: _Edge, below: Array, sign: float) -> None:
        parts = _quotient(below, edge.factor(self._points))
        total = np.zeros((len(below), below.shape[2]))
        for point, weight in enumerate(self._weights):
            total += weight * parts[:, point]
        self._total[:, feature] += sign * (edge.one - edge.zero) * total


def _quotient(a: Array, b: Array) -> Array:
    return np.divide(a, b, out=np.zeros(np.broadcast_shapes(a.shape, b.shape)), where=b > 0.0)
