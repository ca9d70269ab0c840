"""Any model taken apart: Shapley's values over a few rows of the training, estimated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.errors import ArtifactError, UnsupportedOperationError
from motadata_ml_server.inspection.contributions import SAMPLED, UNITS, Array, Breathe, Contributions, signs
from motadata_ml_server.prediction.runtimes import link
from motadata_ml_server.prediction.runtimes.base import Runtime

EVALUATIONS: Final = 20_000
"""Rows that a model predicts to explain one row by samples, about."""

FEWEST: Final = 10
"""Background rows that samples use at least, however many features there are: from fewer no error can be told."""

BLOCK_BYTES: Final = 2 << 20
"""Encoded rows that a sampled explanation has predicted at once."""


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
            sign, _, output = signs("sign", 1, chosen, self._classes)
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
