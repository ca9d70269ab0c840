"""The folds of a cross-validation and of a search: drawn as the split says, the same for both."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.columns import ColumnTable
from motadata_ml_server.errors import InsufficientDataError
from motadata_ml_server.training.specification import TrainingSpec
from motadata_ml_server.worker.target import EncodedTarget

Positions = NDArray[np.intp]

FOLD_STREAM = 2
"""Folds are drawn from a stream of their own, so that data made with the same seed does not follow them."""


@dataclass(frozen=True)
class Folds:
    """Which rows are learned from and which are scored on, fold by fold.

    Attributes
    ----------
    pairs : list of (ndarray of int, ndarray of int)
        Row positions of both sides, ascending.
    notices : list of str
        What differs from what was asked for.
    """

    pairs: list[tuple[Positions, Positions]]
    notices: list[str]

    def lack_classes(self, goal: EncodedTarget | None) -> bool:
        """Tell whether a fold learns from rows that lack a class of the target."""
        if goal is None or goal.classes is None:
            return False
        return any(len(np.unique(goal.values[train])) < len(goal.classes) for train, _ in self.pairs)


def folds(spec: TrainingSpec, table: ColumnTable, goal: EncodedTarget | None, count: int) -> Folds:
    """Divide rows into folds.

    ``time:<column>`` scores each fold on rows later than all that it learns from, ``group:<column>`` on groups that it
    has not seen. Otherwise the rows are shuffled, and every fold has the same share of each class; a class of one row
    stays on the side that is learned from.

    Parameters
    ----------
    spec : TrainingSpec
        split and random_state.
    table : ColumnTable
        The rows, with the split's column where it names one.
    goal : EncodedTarget or None
        Their target.
    count : int
        How many folds.

    Raises
    ------
    InsufficientDataError
        ML005: the rows do not make two folds to learn from.
    """
    how, _, column = (spec.split or "").partition(":")
    random = np.random.default_rng(None if spec.random_state is None else [spec.random_state, FOLD_STREAM])
    notices: list[str] = []
    if how == "time":
        pairs = _in_time(table.columns[column].numbers, count)
    elif how == "group":
        pairs = _apart(_by_group(table.columns[column].texts.codes, column, count, random, notices))
    elif goal is not None and goal.classes is not None:
        pairs = _apart(_by_class(goal.values.astype(np.intp), count, random))
    else:
        pairs = _apart(_dealt(random.permutation(table.rows), count))
    if goal is not None and goal.classes is not None:
        able = [pair for pair in pairs if len(np.unique(goal.values[pair[0]])) > 1]
        if len(able) < len(pairs):
            notices.append(
                f"{len(pairs) - len(able)} of {len(pairs)} folds would learn from one class and are left out"
            )
        pairs = able
    pairs = [(train, test) for train, test in pairs if len(train) and len(test)]
    if not pairs:
        raise InsufficientDataError(
            f"the rows do not make {count} folds to learn from and to score on",
            hint="Ask for fewer folds, or choose another split.",
        )
    return Folds(pairs, notices)


def _in_time(at: NDArray[np.float64], count: int) -> list[tuple[Positions, Positions]]:
    """Return folds that each score on the rows next after those learned from; rows without a time come last."""
    order = np.argsort(at, kind="stable")
    size = max(1, len(order) // (count + 1))
    starts = [start for start in range(len(order) - count * size, len(order), size) if start > 0]
    return [(np.sort(order[:start]), np.sort(order[start : start + size])) for start in starts]


def _by_group(
    codes: NDArray[np.int32], column: str, count: int, random: np.random.Generator, notices: list[str]
) -> Positions:
    """Return each row's fold: whole groups, the largest first, each into the fold with the fewest rows so far."""
    groups, of_row, sizes = np.unique(codes, return_inverse=True, return_counts=True)
    if len(groups) < 2:
        raise InsufficientDataError(
            f"split column {column!r} has one group only", hint="Folds need two groups at the least."
        )
    if len(groups) < count:
        notices.append(f"{len(groups)} folds instead of {count}: {column!r} has no more groups")
    drawn = random.permutation(len(groups))
    rows_of = np.zeros(min(count, len(groups)), np.intp)
    fold_of = np.empty(len(groups), np.intp)
    for group in drawn[np.argsort(-sizes[drawn], kind="stable")]:
        fold_of[group] = rows_of.argmin()
        rows_of[fold_of[group]] += sizes[group]
    return fold_of[of_row]


def _by_class(codes: Positions, count: int, random: np.random.Generator) -> Positions:
    """Return each row's fold, dealt class by class; -1 for the only row of a class."""
    drawn = random.permutation(len(codes))
    drawn = drawn[np.argsort(codes[drawn], kind="stable")]
    single = np.bincount(codes)[codes[drawn]] == 1
    found = np.full(len(codes), -1, np.intp)
    dealt = drawn[~single]
    found[dealt] = np.arange(len(dealt)) % count
    return found


def _dealt(drawn: Positions, count: int) -> Positions:
    found = np.empty(len(drawn), np.intp)
    found[drawn] = np.arange(len(drawn)) % count
    return found


def _apart(fold_of: Positions) -> list[tuple[Positions, Positions]]:
    return [
        (np.flatnonzero(fold_of != fold), np.flatnonzero(fold_of == fold)) for fold in range(int(fold_of.max()) + 1)
    ]
