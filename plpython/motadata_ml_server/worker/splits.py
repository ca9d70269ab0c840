"""Which rows a model learns from and which it is scored on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.columns import ColumnTable
from motadata_ml_server.errors import InsufficientDataError
from motadata_ml_server.training.specification import TrainingSpec

MIN_SPLIT_ROWS = 5
"""Below this many rows nothing is held out."""


SPLIT_STREAM = 1
"""Splits are drawn from a stream of their own, so that data made with the same seed does not follow them."""


@dataclass(frozen=True)
class Split:
    """Row positions of both sides.

    Attributes
    ----------
    train, test : ndarray of int
        Positions; both name all rows where nothing is held out.
    held_out : bool
        Whether the test rows were kept from the fit.
    notice : str or None
        What differs from what was asked for.
    """

    train: NDArray[np.intp]
    test: NDArray[np.intp]
    held_out: bool
    notice: str | None = None


def split_rows(spec: TrainingSpec, table: ColumnTable, codes: NDArray[np.intp] | None) -> Split:
    """Split the rows as the specification says.

    Parameters
    ----------
    spec : TrainingSpec
        split, test_size and random_state.
    table : ColumnTable
        The rows, with the split's column where it names one.
    codes : ndarray of int or None
        Class of each row, or class and group together, for stratification.

    Raises
    ------
    InsufficientDataError
        ML005: a side of the split is empty.
    """
    everything = np.arange(table.rows)
    how, _, column = (spec.split or "").partition(":")
    if how == "column":
        chosen = table.columns[column].numbers == 1.0
        return _checked(everything[~chosen], everything[chosen], f"split column {column!r}")
    if spec.test_size == 0 or how == "none":
        return Split(everything, everything, held_out=False)
    if table.rows < MIN_SPLIT_ROWS:
        return Split(
            everything,
            everything,
            False,
            f"{table.rows} rows are too few to hold any out: scored on the training rows",
        )
    held = min(max(1, round(table.rows * spec.test_size)), table.rows - 1)
    if how == "time":
        order = np.argsort(table.columns[column].numbers, kind="stable")
        return Split(np.sort(order[:-held]), np.sort(order[-held:]), held_out=True)
    return _drawn(spec, table, codes, held)


def _drawn(spec: TrainingSpec, table: ColumnTable, codes: NDArray[np.intp] | None, held: int) -> Split:
    """Split by chance: whole groups, the same share of each class, or any rows."""
    how, _, column = (spec.split or "").partition(":")
    random = np.random.default_rng(None if spec.random_state is None else [spec.random_state, SPLIT_STREAM])
    if how == "group":
        return _by_group(table.columns[column].texts.codes, column, held, random)
    if codes is not None and how in ("", "stratified"):
        keep = 2 if spec.group is not None and spec.model_type != "classification" else 1
        return _stratified(codes, spec.test_size, random, keep, asked=how == "stratified")
    order = random.permutation(table.rows)
    return Split(np.sort(order[held:]), np.sort(order[:held]), held_out=True)


def _by_group(codes: NDArray[np.int32], column: str, held: int, random: np.random.Generator) -> Split:
    """Hold out whole groups, as many as come nearest to so many rows; rows without a group are one."""
    groups, of_row, sizes = np.unique(codes, return_inverse=True, return_counts=True)
    if len(groups) < 2:
        raise InsufficientDataError(
            f"split column {column!r} has one group only",
            hint="Both sides of the split need a group; name a column with more values.",
        )
    drawn = random.permutation(len(groups))
    reached = np.cumsum(sizes[drawn])[:-1]
    chosen = drawn[: 1 + int(np.abs(reached - held).argmin())]
    test = np.isin(of_row, chosen)
    return Split(np.flatnonzero(~test), np.flatnonzero(test), held_out=True)


def _stratified(codes: NDArray[np.intp], share: float, random: np.random.Generator, keep: int, asked: bool) -> Split:
    """Hold out the same share of each class, and keep at least so many rows of each in training."""
    counts = np.bincount(codes)
    exact = counts * share
    held = np.floor(exact).astype(np.intp)
    # What rounding down lost goes to the largest remainders.
    missing = round(float(exact.sum())) - int(held.sum())
    held[np.argsort(-(exact - held), kind="stable")[: max(missing, 0)]] += 1
    held = np.minimum(held, np.maximum(counts - keep, 0))
    if not held.sum():
        if counts.max() <= keep:
            everything = np.arange(len(codes))
            return Split(everything, everything, False, "no class has two rows to divide: scored on the training rows")
        held[counts.argmax()] = 1
    order = random.permutation(len(codes))
    rank = np.empty(len(codes), np.intp)
    by_class = order[np.argsort(codes[order], kind="stable")]
    rank[by_class] = np.arange(len(codes)) - np.repeat(np.cumsum(counts) - counts, counts)
    test = rank < held[codes]
    single = int((counts == 1).sum())
    notice = f"{single} classes have one row only, which stays in training" if asked and single else None
    return Split(np.flatnonzero(~test), np.flatnonzero(test), held_out=True, notice=notice)


def _checked(train: NDArray[np.intp], test: NDArray[np.intp], what: str) -> Split:
    if not len(train) or not len(test):
        raise InsufficientDataError(
            f"{what} leaves no row to {'train' if not len(train) else 'score'} on",
            hint="Both sides of the split need rows.",
        )
    return Split(train, test, held_out=True)
