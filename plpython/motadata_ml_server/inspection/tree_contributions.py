"""Decision trees taken apart: path-dependent TreeSHAP, by the hot loops for few rows and by tables for many."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server import _native
from motadata_ml_server.inspection.contributions import EXACT, UNITS, Array, Breathe, Contributions, signs
from motadata_ml_server.inspection.tree_tables import TreeTables, of_output, suited
from motadata_ml_server.loops.quadrature import gauss_legendre
from motadata_ml_server.postgres.resources import require_memory
from motadata_ml_server.prediction.runtimes.tree_model import TreeModel

NODES: Final = 100_000
"""Nodes of the trees that the compiled loops go through in one call, which no cancel interrupts: some 30 ms."""

NODES_PURE: Final = 1_000
"""The same for the loops in NumPy, which are slower by a factor for few rows."""

ROWS: Final = 8
"""Rows that the loops go through together, for such many nodes."""

MANY: Final = 2_000
"""Rows of a model explained in a session from which tables of its trees pay for themselves."""

MANY_PURE: Final = 1
"""The same beside the loops in NumPy: to make the tables takes no longer than one call of those."""


class TreesExplainer:
    """Decision trees: path-dependent TreeSHAP with the covers that were stored at training.

    Parameters
    ----------
    model : TreeModel
        With covers.
    classes : int or None
        How many there are; None for another model type.
    """

    method = EXACT
    by_column = False

    def __init__(self, model: TreeModel, classes: int | None) -> None:
        self._link, self._outputs, self._width = model.link, model.outputs, model.features
        self._classes = classes
        self.unit = UNITS[model.link]
        most = NODES if _native.compiled is not None else NODES_PURE
        self._trees = [part.open(_native.loops()) for part in in_parts(model, most)]
        self._rules = [gauss_legendre(trees.path_features) for trees in self._trees]
        self._base: Array = np.sum([trees.expected for trees in self._trees], axis=0)
        self._few = ROWS * max(1, most // max(1, *(int(trees.nodes) for trees in self._trees)))
        self._model = model
        self._tables: dict[int, TreeTables | None] = {}
        self._asked = 0

    @property
    def nbytes(self) -> int:
        """Estimate of the memory it holds."""
        tables = sum(tables.nbytes for tables in self._tables.values() if tables is not None)
        return 2 * sum(int(trees.nbytes) for trees in self._trees) + tables

    def explain(self, encoded: Array, chosen: NDArray[np.intp], breathe: Breathe) -> Contributions:
        """Take the score of one output of each row apart."""
        sign, shift, output = signs(self._link, self._outputs, chosen, self._classes)
        self._asked += len(encoded)
        few = self._asked < (MANY if _native.compiled is not None else MANY_PURE)
        parts = self._by_loops(encoded, output, breathe) if few else self._by_tables(encoded, output, breathe)
        return Contributions(self._base[output] * sign + shift, parts * sign[:, None])

    def _by_tables(self, encoded: Array, output: NDArray[np.intp], breathe: Breathe) -> Array:
        """Look up what is tabulated of each row's output, where that can be."""
        parts = np.empty((len(encoded), self._width))
        for number in np.unique(output).tolist():
            if number not in self._tables:
                own = of_output(self._model, number)
                self._tables[number] = TreeTables(own, breathe) if suited(own) else None
            rows, tables = np.flatnonzero(output == number), self._tables[number]
            if tables is None:
                parts[rows] = self._by_loops(encoded[rows], output[rows], breathe)
            else:
                parts[rows] = tables.reasons(encoded[rows], breathe)
        return parts

    def _by_loops(self, encoded: Array, output: NDArray[np.intp], breathe: Breathe) -> Array:
        """Go through the trees for a few rows at a time, so that a cancel is answered."""
        rows = np.ascontiguousarray(encoded, dtype=np.float64)
        parts = np.empty_like(rows)
        for first in range(0, len(rows), self._few):
            block = slice(first, first + self._few)
            some = rows[block]
            require_memory((16 << 20) + 16 * len(some) * self._outputs * self._width)
            out = np.empty((len(some), self._outputs, self._width))
            parts[block] = 0.0
            for trees, (points, weights) in zip(self._trees, self._rules, strict=True):
                trees.reasons(some, out, points, weights)
                parts[block] += out[np.arange(len(some)), output[block]]
                breathe()
        return parts


def in_parts(model: TreeModel, most: int) -> list[TreeModel]:
    """Cut an ensemble into ones of few nodes, whose sums add up to its own.

    Parameters
    ----------
    model : TreeModel
        The whole.
    most : int
        Nodes of a part at most; a tree stays whole.
    """
    starts = model.arrays["starts"]
    if starts[-1] <= most or len(starts) <= 2:
        return [model]
    parts, first = [], 0
    while first < len(starts) - 1:
        last = max(first + 1, int(np.searchsorted(starts, starts[first] + most, side="right")) - 1)
        nodes = slice(int(starts[first]), int(starts[last]))
        arrays = {
            name: array[nodes] for name, array in model.arrays.items() if name not in {"starts", "target", "base"}
        }
        arrays["starts"] = starts[first : last + 1] - starts[first]
        arrays["target"] = model.arrays["target"][first:last]
        arrays["base"] = model.arrays["base"] * (first == 0)
        parts.append(TreeModel(model.features, model.outputs, model.link, model.divide, arrays, model.parameters))
        first = last
    return parts
