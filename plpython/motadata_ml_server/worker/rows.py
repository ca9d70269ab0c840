"""The rows of a training: those that can be used, those to learn from, and those to score on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.columns import Column, ColumnTable
from motadata_ml_server.errors import InsufficientDataError, InvalidArgumentError
from motadata_ml_server.training.specification import TrainingSpec
from motadata_ml_server.worker import target
from motadata_ml_server.worker.splits import Split, split_rows
from motadata_ml_server.worker.target import EncodedTarget


@dataclass(frozen=True)
class UsableRows:
    """Rows ready to be split: without those that lack a target."""

    table: ColumnTable
    target: EncodedTarget | None
    dropped: int


def usable_rows(spec: TrainingSpec, table: ColumnTable, classes: list[str] | None) -> UsableRows:
    """Leave out rows without a target, and refuse what is left if it is too little."""
    dropped = 0
    if spec.target is not None:
        there = target.present(spec, table)
        dropped = table.rows - int(there.sum())
        if dropped:
            table = table.take(there)
    if table.rows == 0:
        why = (
            f"target {spec.target.name!r} is NULL in every row"
            if dropped and spec.target
            else "there is no row to train on"
        )
        raise InsufficientDataError(why, hint="Check the table, the WHERE clause and your row security policies.")
    if table.rows == 1 and classes is None:
        raise InsufficientDataError("one row is not enough to train on", hint="Training needs two rows at the least.")
    if spec.target is None:
        return UsableRows(table, None, dropped)
    return UsableRows(table, target.encode(spec, table.columns[spec.target.name], classes), dropped)


def with_group(rows: UsableRows, name: str) -> tuple[UsableRows, int]:
    """Leave out rows whose group is NULL; return how many."""
    there = rows.table.columns[name].texts.codes >= 0
    without = int((~there).sum())
    if not without:
        return rows, 0
    if not there.any():
        raise InsufficientDataError(f"group_by column {name!r} is NULL in every row", hint="Group by another column.")
    goal = None if rows.target is None else rows.target.take(np.flatnonzero(there))
    return UsableRows(rows.table.take(there), goal, rows.dropped), without


def sample_weights(column: Column) -> NDArray[np.float64]:
    """Return what each row counts.

    Raises
    ------
    InvalidArgumentError
        ML009: a weight is NULL, negative or infinite.
    """
    weights = column.numbers
    if not (np.isfinite(weights) & (weights >= 0)).all():
        raise InvalidArgumentError(
            f"weight column {column.schema.name!r} must be 0 or more in every row, and not NULL",
            hint="Replace what is missing in a SELECT: coalesce(column, 1).",
        )
    if not weights.any():
        raise InvalidArgumentError(
            f"weight column {column.schema.name!r} must not be 0 in every row", hint="A row of weight 0 counts nothing."
        )
    return weights


def divide(spec: TrainingSpec, rows: UsableRows, validation: ColumnTable | None) -> tuple[Split, ColumnTable | None]:
    """Return the split, and the validation rows where they were given instead."""
    if validation is not None:
        everything = np.arange(rows.table.rows)
        return Split(everything, everything, held_out=True), validation
    codes = rows.target.values if rows.target is not None and rows.target.classes is not None else None
    if spec.group is not None:
        groups = rows.table.columns[spec.group.name].texts.codes.astype(np.intp)
        strata = groups if codes is None else groups * (int(codes.max()) + 1) + codes.astype(np.intp)
        codes = np.unique(strata, return_inverse=True)[1]
    supervised = rows.target is not None
    if not supervised and spec.split is None:
        everything = np.arange(rows.table.rows)
        return Split(everything, everything, held_out=False), None
    return split_rows(spec, rows.table, None if codes is None else codes.astype(np.intp)), None


def sides(
    spec: TrainingSpec, rows: UsableRows, split: Split, validation: ColumnTable | None, notices: list[str]
) -> tuple[ColumnTable, EncodedTarget | None, ColumnTable, EncodedTarget | None]:
    """Return the rows to learn from and those to score on, with classes as the first have them."""
    if validation is None and not split.held_out:
        return rows.table, rows.target, rows.table, rows.target
    learn = rows.table if len(split.train) == rows.table.rows else rows.table.take(split.train)
    learn_target = None if spec.target is None else target.encode(spec, learn.columns[spec.target.name])
    classes = None if learn_target is None else learn_target.classes
    if validation is None:
        held, held_target = rows.table.take(split.test), None
        if spec.target is not None:
            held_target = target.encode(spec, held.columns[spec.target.name], classes)
    else:
        other = usable_rows(spec, validation, classes or [])
        held, held_target = other.table, other.target
    if held_target is not None and classes is not None:
        known = held_target.values < len(classes)
        if not known.all():
            notices.append(f"{int((~known).sum())} rows to score on have a class that training has not seen")
            if not known.any():
                raise InsufficientDataError(
                    "no row to score on has a class that training has seen", hint="Choose another split."
                )
            held, held_target = held.take(known), held_target.take(np.flatnonzero(known))
    return learn, learn_target, held, held_target
