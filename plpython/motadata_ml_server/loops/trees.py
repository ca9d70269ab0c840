"""Decision trees over tables and single rows."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.loops.tree_checks import check_arrays, reached_levels
from motadata_ml_server.loops.tree_reasons import Weighed

Array = NDArray[np.float64]


class Trees:
    """Decision trees whose leaves are added up, in the order of the trees.

    A row goes left where its number is at most the threshold; at a node with a set, where the set holds the number cut
    to a whole one. Comparisons with `<` have the next smaller threshold, those of float32 the largest double that
    rounds to no more (`float32_threshold`).

    Parameters
    ----------
    features, outputs : int
        Numbers of a row, and scores of one.
    starts : ndarray of int64, shape (trees + 1,)
        Where each tree's nodes begin; its root is the first.
    feature : ndarray of int32, shape (nodes,)
        The number that is compared.
    threshold : ndarray of float64, shape (nodes,)
        Not NaN.
    left, right : ndarray of int32, shape (nodes,)
        Children, counted within the tree, both later than the node; -1 for a leaf.
    missing_left : ndarray of bool or uint8, shape (nodes,)
        Where NaN goes left.
    values : ndarray of float64, shape (nodes, 1) or (nodes, outputs)
        What a leaf adds: one number to the tree's target, or one to each output.
    target : ndarray of int32, shape (trees,), optional
        The output that a tree adds to; 0 without.
    base : ndarray of float64, shape (outputs,), optional
        Where sums begin; 0 without.
    cover : ndarray of float64, shape (nodes,), optional
        Weight of the training rows that came to a node; reasons need it.
    category : ndarray of int32, shape (nodes,), optional
        The set that a node compares with; -1 for a threshold.
    set_starts : ndarray of int64, shape (sets + 1,), optional
        Where each set's words begin.
    set_words : ndarray of uint32, shape (words,), optional
        A bit for each whole number from 0 on, the lowest first: set where it goes left.
    outside_left : ndarray of bool or uint8, shape (nodes,), optional
        Whether numbers below 0 or beyond the set's words go left; they go right without.
    divide : float
        Sums are divided by it at the end.

    Raises
    ------
    TypeError
        If an array has another dtype or number of dimensions.
    ValueError
        If the arrays are no such trees.
    """

    def __init__(
        self,
        features: int,
        outputs: int,
        *,
        starts: NDArray[np.int64],
        feature: NDArray[np.int32],
        threshold: Array,
        left: NDArray[np.int32],
        right: NDArray[np.int32],
        missing_left: NDArray[Any],
        values: Array,
        target: NDArray[np.int32] | None = None,
        base: Array | None = None,
        cover: Array | None = None,
        category: NDArray[np.int32] | None = None,
        set_starts: NDArray[np.int64] | None = None,
        set_words: NDArray[np.uint32] | None = None,
        outside_left: NDArray[Any] | None = None,
        divide: float = 1.0,
    ) -> None:
        given = {
            name: value for name, value in locals().items() if name not in {"self", "features", "outputs", "divide"}
        }
        check_arrays(features, outputs, given, divide)
        self.features, self.outputs, self.trees = features, outputs, len(starts) - 1
        own = {name: None if array is None else array.copy() for name, array in given.items()}
        self.nbytes = sum(array.nbytes for array in own.values() if array is not None)
        self._own: dict[str, Any] = own
        self._divide = float(divide)
        self._target = np.zeros(self.trees, np.int32) if target is None else target.copy()
        self._base: Array = np.zeros(outputs) if base is None else base.copy()
        self._starts: list[int] = starts.tolist()
        levels = [reached_levels(left[a:b], right[a:b]) for a, b in pairwise(self._starts)]
        self.depth = int(max((level.max() for level in levels), default=0))
        self.nodes = int(sum((level >= 0).sum() for level in levels))
        self._depths = [int(level.max()) for level in levels]
        self._weighed = None if cover is None else Weighed(own, self._target, outputs)
        self.path_features = 0 if self._weighed is None else self._weighed.path_features

    @property
    def expected(self) -> list[float] | None:
        """Scores without any feature known; None without cover."""
        if self._weighed is None:
            return None
        expected: list[float] = (self._weighed.expected(self._base) / self._divide).tolist()
        return expected

    def table(self, rows: Array, out: Array, start: int = 0, stop: int | None = None) -> None:
        """Write the scores of rows.

        Parameters
        ----------
        rows : ndarray of float64, shape (rows, features)
            In any layout.
        out : ndarray of float64, shape (rows, outputs)
            C-contiguous; rows from `start` up to `stop` are written.
        start, stop : int
            The rows to take, so that a caller can share a table out among threads.

        Raises
        ------
        ValueError
            If shapes disagree.
        """
        part = self.check_rows(rows, out, self.outputs, start, stop)
        given = rows[part]
        scores = np.tile(self._base, (len(given), 1))
        values = self._own["values"]
        for tree in range(self.trees):
            leaf = self._leaves(tree, given)
            if values.shape[1] == 1:
                scores[:, self._target[tree]] += values[leaf, 0]
            else:
                scores += values[leaf]
        if self._divide != 1.0:
            scores /= self._divide
        out.reshape(len(rows), self.outputs)[part] = scores

    def bind(self, row: Any) -> TreesRow:
        """Return what scores the row that lies in an array, whenever it is asked.

        Parameters
        ----------
        row : ndarray of float64, shape (features,), or RowEncoder
            Held for as long as the result lives.
        """
        held = np.asarray(memoryview(getattr(row, "buffer", row)))
        if held.dtype != np.float64 or held.ndim != 1:
            raise TypeError("row must be an array of float64 with 1 dimension")
        if len(held) != self.features:
            raise ValueError(f"row must have {self.features} numbers, got {len(held)}")
        return TreesRow(self, held)

    def reasons(
        self, rows: Array, out: Array, points: Array, weights: Array, start: int = 0, stop: int | None = None
    ) -> None:
        """Write what each feature adds to each score: path-dependent TreeSHAP.

        With `expected` they add up to the score.

        Parameters
        ----------
        rows : ndarray of float64, shape (rows, features)
            In any layout.
        out : ndarray of float64, shape (rows, outputs, features)
            C-contiguous; rows from `start` up to `stop` are written.
        points, weights : ndarray of float64, shape (points,)
            Of `gauss_legendre(path_features)`.
        start, stop : int
            The rows to take.

        Raises
        ------
        ValueError
            If the trees have no cover, or shapes disagree, or there are too few points.
        """
        part = self.check_rows(rows, out, self.outputs * self.features, start, stop)
        if self._weighed is None:
            raise ValueError("reasons need trees with cover")
        if len(points) != len(weights) or 2 * len(points) < self.path_features:
            raise ValueError(f"points and weights must be at least {(self.path_features + 1) // 2}, and as many")
        if not ((points > 0) & (points < 1)).all():
            raise ValueError("points must lie between 0 and 1")
        found = self._weighed.reasons(rows[part], points, weights, self.goes_left)
        out.reshape(len(rows), self.outputs, self.features)[part] = found / self._divide

    def check_rows(self, rows: Array, out: Array, numbers: int, start: int, stop: int | None) -> slice:
        """Check the arguments of a table's functions and return the rows to take."""
        if not (isinstance(rows, np.ndarray) and rows.dtype == np.float64 and rows.ndim == 2):
            raise TypeError("rows must be an array of float64 with 2 dimensions")
        if rows.shape[1] != self.features:
            raise ValueError(f"rows must have {self.features} columns, got {rows.shape[1]}")
        if out.dtype != np.float64:
            raise TypeError("out must be an aligned array of float64")
        if len(out) != len(rows) or out.size != len(rows) * numbers:
            raise ValueError(f"out must have {numbers} numbers for each of the {len(rows)} rows")
        end = len(rows) if stop is None else stop
        if not 0 <= start <= end <= len(rows):
            raise ValueError(f"start and stop must lie within the {len(rows)} rows, got {start} and {end}")
        return slice(start, end)

    def _leaves(self, tree: int, rows: Array) -> NDArray[np.int64]:
        own, first = self._own, self._starts[tree]
        at = np.full(len(rows), first, np.int64)
        for _ in range(self._depths[tree]):
            inner = own["left"][at] >= 0
            left = self.goes_left(at, rows)
            below = first + np.where(left, own["left"][at], own["right"][at])
            at = np.where(inner, below, at)
        return at

    def goes_left(self, at: NDArray[np.int64], rows: Array) -> NDArray[np.bool_]:
        """Return whether each row goes left at its node, of shape (rows,)."""
        own = self._own
        feature = np.where(own["left"][at] >= 0, own["feature"][at], 0)
        number = rows[np.arange(len(rows)), feature]
        missing = np.isnan(number)
        left = number <= own["threshold"][at]
        if own["category"] is not None:
            number_of_set = np.where(own["left"][at] >= 0, own["category"][at], -1)
            left = np.where(number_of_set >= 0, self._in_set(at, number, np.maximum(number_of_set, 0)), left)
        return np.asarray(np.where(missing, own["missing_left"][at] != 0, left))

    def _in_set(self, at: NDArray[np.int64], number: Array, sets: NDArray[np.int32]) -> NDArray[np.bool_]:
        starts, words = self._own["set_starts"], self._own["set_words"]
        if len(starts) < 2:
            return np.zeros(len(at), bool)
        first, bits = starts[sets], 32 * (starts[sets + 1] - starts[sets])
        inside = (number > -1.0) & (number < bits) & (bits > 0)
        bit = np.where(inside, number, 0.0).astype(np.int64)
        word = np.append(words, np.uint32(0))[np.where(inside, first + bit // 32, len(words))]
        held = word >> (bit % 32).astype(np.uint32) & np.uint32(1)
        outside = self._own["outside_left"]
        return np.asarray(np.where(inside, held != 0, False if outside is None else outside[at] != 0))


class TreesRow:
    """Trees over one row, which lies in an array that the caller overwrites.

    Parameters
    ----------
    trees : Trees
        The model.
    row : ndarray of float64, shape (features,)
        Read when scores are asked for.
    """

    def __init__(self, trees: Trees, row: Array) -> None:
        self._trees = trees
        self._row = row

    def scores(self) -> list[float]:
        """Return the scores of what the array holds now."""
        out = np.empty((1, self._trees.outputs))
        self._trees.table(self._row[None, :], out)
        found: list[float] = out[0].tolist()
        return found
