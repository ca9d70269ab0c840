"""A linear model folded into its feature plan: one row costs a look-up and a product per column.

Numbers keep their shift apart, (value - shift) * weight, because folding it into the intercept
would cancel digits of large values such as epoch seconds. A category becomes a table from its
text to its share of the scores, free text a table from token to weights.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import isnan
from operator import mul, sub
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.features.category import category_reader, category_rows
from motadata_ml_server.features.check import array_splitter, missing_features
from motadata_ml_server.features.number import BOOLEAN, NUMBER, read_number
from motadata_ml_server.features.numeric import NumericKind
from motadata_ml_server.features.plan_column import PlanColumn
from motadata_ml_server.features.text import TextWeights, text_reader
from motadata_ml_server.features.timestamp import TIMESTAMP
from motadata_ml_server.features.vector import VECTOR
from motadata_ml_server.prediction.runtimes.linear_model import LinearModel

Share = Callable[[Any], Sequence[float]]
"""From a feature's value to what it adds to each score."""


class LinearRow:
    """Raw scores of single rows under a linear model.

    Parameters
    ----------
    columns : sequence of PlanColumn
        The feature plan.
    model : LinearModel
        The model over the encoded features.
    """

    def __init__(self, columns: Sequence[PlanColumn], model: LinearModel) -> None:
        self._columns = list(columns)
        self._intercepts: list[float] = model.intercepts.tolist()
        self._numbers: list[tuple[str, float, float]] = []
        self._shares: list[tuple[str, Share]] = []
        weights: list[list[float]] = []
        for column in columns:
            block = model.weights[:, column.part]
            if column.one_number:
                # a missing value of a feature without weight must not make the score missing
                impute = float(column.impute[0]) if block.any() else float(column.shift[0])
                self._numbers.append((column.name, float(column.shift[0]), impute))
                weights.append((block[:, 0] / column.scale[0]).tolist())
            else:
                self._shares.append((column.name, column_share(column, block)))
        self._weights = [list(row) for row in zip(*weights, strict=True)] or [[] for _ in self._intercepts]
        self._shifts = [shift for _, shift, _ in self._numbers]
        self._split = array_splitter(columns)
        self._direct = not self._shares
        self._single = (
            [
                (name, shift, weight, (impute - shift) * weight)
                for (name, shift, impute), weight in zip(self._numbers, self._weights[0], strict=True)
            ]
            if len(self._intercepts) == 1
            else None
        )

    def scores(self, row: Mapping[str, Any] | Sequence[Any]) -> list[float]:
        """Return the raw scores of one row.

        Parameters
        ----------
        row : mapping or sequence
            Parsed JSON values by feature name, or the numbers of an all-numeric model in order.

        Returns
        -------
        list of float
            One per output of the model.

        Raises
        ------
        InvalidInputError
            If features are missing, or a value does not suit its feature.
        """
        if not isinstance(row, dict):
            return self._scores_of_array(row)  # type: ignore[arg-type]  # the other half of the union
        return self._scores_of_one(row) if self._single is not None else self._scores_of_many(row)

    def _scores_of_array(self, values: Sequence[Any]) -> list[float]:
        if self._direct and len(values) == len(self._shifts):
            try:
                # None and text raise; NaN and infinity make a score that differs from itself
                moved = list(map(sub, values, self._shifts))
                scores = [
                    sum(map(mul, weights, moved), intercept)
                    for weights, intercept in zip(self._weights, self._intercepts, strict=True)
                ]
            except (TypeError, OverflowError):
                return self._scores_carefully(self._split(values))
            if scores[0] - scores[0] == 0.0:
                return scores
        return self._scores_carefully(self._split(values))

    def _scores_of_one(self, row: Mapping[str, Any]) -> list[float]:
        score = self._intercepts[0]
        try:
            for name, shift, weight, missing in self._single or ():
                value = row[name]
                kind = value.__class__
                if kind is float or kind is int:
                    score += (value - shift) * weight
                elif value is None:
                    score += missing
                else:
                    return self._scores_carefully(row)
            for name, share in self._shares:
                score += share(row[name])[0]
        except (KeyError, OverflowError):
            return self._scores_carefully(row)
        if score - score != 0.0:
            return self._scores_carefully(row)
        return [score]

    def _scores_of_many(self, row: Mapping[str, Any]) -> list[float]:
        moved: list[float] = []
        try:
            for name, shift, impute in self._numbers:
                value = row[name]
                kind = value.__class__
                if kind is float or kind is int:
                    moved.append(value - shift)
                elif value is None:
                    moved.append(impute - shift)
                else:
                    return self._scores_carefully(row)
            scores = [
                sum(map(mul, weights, moved), intercept)
                for weights, intercept in zip(self._weights, self._intercepts, strict=True)
            ]
            for name, share in self._shares:
                scores = [score + part for score, part in zip(scores, share(row[name]), strict=True)]
        except (KeyError, OverflowError):
            return self._scores_carefully(row)
        if scores[0] - scores[0] != 0.0:
            return self._scores_carefully(row)
        return scores

    def _scores_carefully(self, row: Mapping[str, Any]) -> list[float]:
        absent = missing_features(self._columns, row)
        if absent is not None:
            raise absent
        moved = [
            (impute if isnan(number) else number) - shift
            for name, shift, impute in self._numbers
            for number in (read_number(name, row[name]),)
        ]
        scores = [
            sum(map(mul, weights, moved), intercept)
            for weights, intercept in zip(self._weights, self._intercepts, strict=True)
        ]
        for name, share in self._shares:
            scores = [score + part for score, part in zip(scores, share(row[name]), strict=True)]
        return scores


def column_share(column: PlanColumn, block: NDArray[np.float64]) -> Share:
    """Fold one column's encoding into the model's weights.

    Parameters
    ----------
    column : PlanColumn
        A column of the plan.
    block : ndarray of shape (outputs, width)
        The model's weights for it.

    Returns
    -------
    callable
        From a parsed JSON value to what it adds to each score.
    """
    return ROW_SHARES[column.kind](column, block)


def _numeric_share(kind: NumericKind, column: PlanColumn, block: NDArray[np.float64]) -> Share:
    read = kind.reader(column)
    shifts: list[float] = column.shift.tolist()
    weights: list[list[float]] = (block / column.scale).tolist()

    if len(shifts) == 1 and len(weights) == 1:
        shift, weight = shifts[0], weights[0][0]
        return lambda value: ((read(value)[0] - shift) * weight,)

    def scalar_share(value: Any) -> Sequence[float]:
        moved = list(map(sub, read(value), shifts))
        return [sum(map(mul, row, moved)) for row in weights]

    return scalar_share


def _category_share(column: PlanColumn, block: NDArray[np.float64]) -> Share:
    table, unknown = category_shares(column, block)
    find = table.get
    read, own = category_reader(column)

    def category_share(value: Any) -> Sequence[float]:
        if not own or value.__class__ is not str:
            value = read(value)
        return find(value, unknown)

    return category_share


def category_shares(
    column: PlanColumn, block: NDArray[np.float64]
) -> tuple[dict[str | None, Sequence[float]], Sequence[float]]:
    """Return what each category adds to each score.

    Parameters
    ----------
    column : PlanColumn
        A column of kind "category".
    block : ndarray of shape (outputs, width)
        The model's weights for it.

    Returns
    -------
    (dict of str to sequence of float, sequence of float)
        By category, and for NULL or an unknown one.
    """
    if column.spec["encode"] == "onehot":
        # all-zero row first, then one weight more per category: no width x width matrix
        base = block @ column.encode(np.zeros(column.width))
        steps = (block / column.scale).T + base
        shares = dict(zip(column.spec["categories"], steps.tolist(), strict=True))
        return shares, base.tolist()
    rows, other = category_rows(column)
    return {category: (block @ row).tolist() for category, row in rows.items()}, (block @ other).tolist()


def _text_share(column: PlanColumn, block: NDArray[np.float64]) -> Share:
    weigh, read = TextWeights(column.spec).weigh, text_reader(column)
    base: list[float] = (block @ column.encode(np.zeros(column.width))).tolist()
    scaled = block / column.scale
    if len(base) == 1:
        single: list[float] = scaled[0].tolist()
        start = base[0]

        def one_share(value: Any) -> Sequence[float]:
            return (sum([single[at] * weight for at, weight in weigh(read(value))], start),)

        return one_share
    by_token: list[list[float]] = scaled.T.tolist()

    def many_shares(value: Any) -> Sequence[float]:
        scores = base.copy()
        for at, weight in weigh(read(value)):
            for output, coefficient in enumerate(by_token[at]):
                scores[output] += coefficient * weight
        return scores

    return many_shares


ROW_SHARES: Final[Mapping[str, Callable[[PlanColumn, NDArray[np.float64]], Share]]] = {
    "number": partial(_numeric_share, NUMBER),
    "boolean": partial(_numeric_share, BOOLEAN),
    "timestamp": partial(_numeric_share, TIMESTAMP),
    "vector": partial(_numeric_share, VECTOR),
    "text": _text_share,
    "category": _category_share,
}
"""By kind of feature, what folds its encoding into the weights; arguments are those of `column_share`."""
