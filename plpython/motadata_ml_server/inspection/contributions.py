"""What each number of an encoded row adds to a model's score, by the form that the model is stored in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server import _native
from motadata_ml_server.errors import ArtifactError, UnsupportedOperationError
from motadata_ml_server.inspection.tree_tables import TreeTables, of_output, suited
from motadata_ml_server.loops.quadrature import gauss_legendre
from motadata_ml_server.postgres.resources import require_memory
from motadata_ml_server.prediction.runtimes import link
from motadata_ml_server.prediction.runtimes.base import Runtime
from motadata_ml_server.prediction.runtimes.linear_model import LinearModel
from motadata_ml_server.prediction.runtimes.tree_model import TreeModel

Array = NDArray[np.float64]
Breathe = Callable[[], None]

EXACT: Final = "exact"
SAMPLED: Final = "sampled"

UNITS: Final = {
    "identity": "value",
    "exp": "log of value",
    "logit": "log-odds",
    "logit_ge": "log-odds",
    "softmax": "log-odds",
    "ovr": "log-odds",
    "modified_huber": "score",
    "sign": "score",
    "argmax": "score",
    "probability1": "probability",
    "probabilities": "probability",
    "isolation": "path length",
}
"""What a raw score is, by its link; log-odds of several classes are up to a number that all of them share."""

NODES: Final = 100_000
"""Nodes of the trees that the compiled loops go through in one call, which no cancel interrupts: some 30 ms."""

NODES_PURE: Final = 1_000
"""The same for the loops in NumPy, which are slower by a factor for few rows."""

MANY: Final = 2_000
"""Rows of a model explained in a session from which tables of its trees pay for themselves."""

MANY_PURE: Final = 64
"""The same beside the loops in NumPy."""

EVALUATIONS: Final = 20_000
"""Rows that a model predicts to explain one row by samples, about."""

FEWEST: Final = 10
"""Background rows that samples use at least, however many features there are: from fewer no error can be told."""

BLOCK_BYTES: Final = 2 << 20
"""Encoded rows that a sampled explanation has predicted at once."""


@dataclass(frozen=True)
class Contributions:
    """What adds up to the score of one output, for some rows.

    Attributes
    ----------
    base : ndarray of float64, shape (rows,)
        The score without any feature known.
    parts : ndarray of float64, shape (rows, numbers) or (rows, columns)
        What each encoded number adds, or each column where `Explainer.by_column`.
    errors : ndarray of float64 or None
        The standard error of each part; None where they are exact.
    """

    base: Array
    parts: Array
    errors: Array | None = None


class Explainer(Protocol):
    """Takes encoded rows apart.

    Attributes
    ----------
    method : str
        'exact' or 'sampled'.
    unit : str
        What is taken apart: see `UNITS`.
    by_column : bool
        Whether parts are of whole columns.
    """

    method: str
    unit: str
    by_column: bool

    def explain(self, encoded: Array, chosen: NDArray[np.intp], breathe: Breathe) -> Contributions:
        """Take the score of one output of each row apart.

        Parameters
        ----------
        encoded : ndarray of float64, shape (rows, width)
            Some rows.
        chosen : ndarray of int, shape (rows,)
            The class to explain, by position; zeros where there are no classes.
        breathe : callable
            Called between steps, so that a cancel is answered.
        """


def _signs(link_name: str, outputs: int, chosen: NDArray[np.intp], classes: int | None) -> tuple[Array, Array, Any]:
    """Return the factor of each row's score, what is added to its base, and the output that is its score.

    The one score of two classes is that of the second; the first has it with the other sign.
    """
    ones = np.ones(len(chosen))
    if classes is None or outputs > 1:
        return ones, np.zeros(len(chosen)), chosen
    first = chosen == 0
    shift = np.where(first, 1.0, 0.0) if link_name == "probability1" else np.zeros(len(chosen))
    return np.where(first, -1.0, 1.0), shift, np.zeros(len(chosen), np.intp)


class LinearExplainer:
    """Scores that are linear: a number adds its weight times its distance from the training rows' mean.

    Parameters
    ----------
    model : LinearModel
        The model.
    mean : ndarray of float64, shape (width,)
        Of the encoded training rows.
    classes : int or None
        How many there are; None for another model type.
    """

    method = EXACT
    by_column = False

    def __init__(self, model: LinearModel, mean: Array, classes: int | None) -> None:
        if len(mean) != model.weights.shape[1]:
            raise ArtifactError("background rows are damaged: another width", hint="Train the model again.")
        self.model, self.mean = model, mean
        self.unit = UNITS[model.link]
        self.base: Array = model.scores(mean[None, :])[0]
        self._classes = classes

    def explain(self, encoded: Array, chosen: NDArray[np.intp], breathe: Breathe) -> Contributions:
        """Take the score of one output of each row apart."""
        sign, shift, output = _signs(self.model.link, len(self.base), chosen, self._classes)
        weights = self.model.weights[output]
        # a missing value of a feature without weight must not make the score missing
        parts = np.where(weights == 0.0, 0.0, (encoded - self.mean) * weights) * sign[:, None]
        return Contributions(self.base[output] * sign + shift, parts)

    def one(self, chosen: int) -> tuple[float, list[float], list[float]]:
        """Return the base, the weights and the means of one class as plain numbers, for single rows."""
        sign, shift, output = _signs(self.model.link, len(self.base), np.array([chosen]), self._classes)
        weights = self.model.weights[output[0]] * sign[0]
        return float(self.base[output[0]] * sign[0] + shift[0]), weights.tolist(), self.mean.tolist()


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
        sign, shift, output = _signs(self._link, self._outputs, chosen, self._classes)
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
        rows = np.ascontiguousarray(encoded, dtype=np.float64)
        require_memory((16 << 20) + 32 * len(rows) * self._outputs * self._width)
        out = np.empty((len(rows), self._outputs, self._width))
        total = np.zeros_like(out) if len(self._trees) > 1 else out
        for trees, (points, weights) in zip(self._trees, self._rules, strict=True):
            trees.reasons(rows, out, points, weights)
            if total is not out:
                total += out
                breathe()
        return np.asarray(total[np.arange(len(rows)), output])


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


class SampledExplainer:
    """Any model: Shapley's values over rows of the training, estimated.

    For each background row the columns are replaced by the row's own, one after another, in an order drawn at random
    and in its reverse (Castro, Gómez and Tejada, 2009; pairs as Mitchell et al., 2022). The differences add up to the
    score's distance from the mean score of the background rows, whatever was drawn; the standard error is that of their
    mean over the background rows. The orders are drawn once: a row is explained alike one by one and in a table.

    Parameters
    ----------
    runtime : Runtime
        The model.
    background : ndarray of float64, shape (rows, width)
        Encoded training rows.
    widths : sequence of int
        Encoded numbers of each column.
    classes : int or None
        How many there are; None for another model type.

    Raises
    ------
    UnsupportedOperationError
        ML020: the model gives labels alone.
    """

    method = SAMPLED
    by_column = True

    def __init__(self, runtime: Runtime, background: Array, widths: Sequence[int], classes: int | None) -> None:
        if background.shape[1] != sum(widths):
            raise ArtifactError("background rows are damaged: another width", hint="Train the model again.")
        self._runtime, self._classes = runtime, classes
        columns = max(1, len(widths))
        keep = min(len(background), max(FEWEST, EVALUATIONS // (2 * columns)))
        self._background = np.ascontiguousarray(background[:keep])
        self._number_of = np.repeat(np.arange(len(widths)), widths)
        random = np.random.default_rng(0)
        self._orders = [random.permutation(len(widths)) for _ in range(keep)]
        self._columns = len(widths)
        if classes is None:
            self.unit = "value"
        elif link.has_probabilities(runtime.link, runtime.outputs):
            self.unit = "probability"
        elif runtime.link == "label_first":
            raise UnsupportedOperationError(
                "the model gives labels alone, and a label is no sum of contributions",
                hint="Train an algorithm with probabilities, such as hist_gradient_boosting.",
            )
        else:
            self.unit = UNITS[runtime.link]
        self._base: Array | None = None

    def _answers(self, rows: Array) -> Array:
        """Return what is explained, of shape (rows, outputs)."""
        raw = self._runtime.encoded(rows)
        if self._classes is None:
            return link.batch_value(self._runtime.link, self._runtime.parameters, raw)[:, None]
        found = link.batch_probabilities(self._runtime.link, raw)
        return raw if found is None else found

    def explain(self, encoded: Array, chosen: NDArray[np.intp], breathe: Breathe) -> Contributions:
        """Take the score of one output of each row apart."""
        if self._base is None:
            self._base = self._many(self._background, breathe)
        base = self._base
        own = self._many(encoded, breathe)
        output, sign = chosen, np.ones(len(encoded))
        if self._classes is not None and base.shape[1] == 1:
            sign, _, output = _signs("sign", 1, chosen, self._classes)
        parts = np.zeros((len(encoded), self._columns))
        errors = np.zeros_like(parts)
        for at, row in enumerate(encoded):
            deltas = np.array(
                [
                    self._one(row, number, int(output[at]), base[number, output[at]], own[at, output[at]], breathe)
                    for number in range(len(self._background))
                ]
            )
            parts[at] = deltas.mean(axis=0) * sign[at]
            if len(deltas) > 1:
                errors[at] = deltas.std(axis=0, ddof=1) / len(deltas) ** 0.5
            else:
                errors[at] = np.nan
        return Contributions(base.mean(axis=0)[output] * sign, parts, errors)

    def _one(self, row: Array, number: int, output: int, start: float, end: float, breathe: Breathe) -> Array:
        """Return what each column adds on the way from one background row to this row, the mean of both orders."""
        order = self._orders[number]
        if self._columns < 2:
            return np.full(self._columns, end - start)
        total = np.zeros(self._columns)
        for way in (order, order[::-1]):
            place = np.empty(self._columns, np.intp)
            place[way] = np.arange(self._columns)
            # of the step s the columns at the places up to s are the row's own
            placed = place[self._number_of]
            scores = [start]
            size = max(1, BLOCK_BYTES // (8 * max(1, len(row))))
            for first in range(0, self._columns - 1, size):
                steps = np.arange(first, min(first + size, self._columns - 1))
                rows = np.where(placed[None, :] <= steps[:, None], row, self._background[number])
                scores += self._answers(rows)[:, output].tolist()
                breathe()
            scores.append(end)
            total[way] += np.diff(scores)
        return total / 2.0

    def _many(self, rows: Array, breathe: Breathe) -> Array:
        size = max(1, BLOCK_BYTES // (8 * max(1, rows.shape[1])))
        found = []
        for at in range(0, len(rows), size):
            found.append(self._answers(rows[at : at + size]))
            breathe()
        return np.vstack(found)
