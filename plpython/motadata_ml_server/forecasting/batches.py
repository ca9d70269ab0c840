"""Series of a relation, made regular, some hundred at a time; none is left out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final

from motadata_ml_server.administration import options
from motadata_ml_server.forecasting.arguments import Columns
from motadata_ml_server.forecasting.clock import Clock
from motadata_ml_server.forecasting.engine import SIDE_BY_SIDE
from motadata_ml_server.forecasting.prepare import Prepared, Rules, prepare
from motadata_ml_server.forecasting.reading import MOST_ROWS, Rows, read_series
from motadata_ml_server.postgres.breath import Breath
from motadata_ml_server.postgres.database import Database

BATCH_ROWS: Final = 500_000
"""Rows of a batch of series, about."""


@dataclass(frozen=True)
class Batch:
    """Some series, regular, with what they are called."""

    names: list[str]
    prepared: list[Prepared]


def batches(db: Database, input_data: str, columns: Columns, rules: Rules, breathe: Breath) -> Iterator[Batch]:
    """Yield the series of a relation as regular ones, some hundred at a time.

    Parameters
    ----------
    db : Database
        The caller's session; rows are read with its rights.
    input_data : str
        A table, a view or a SELECT.
    columns : Columns
        Which columns are what.
    rules : Rules
        How rows are made regular.
    breathe : Breath
        Called for each series.
    """
    series = read_series(db, input_data, columns, options.integer(db, "chunk_rows"))
    while rows := list(_some(series)):
        yield Batch([one.name for one in rows], _regular(rows, rules, breathe))


def _some(series: Iterator[Rows]) -> Iterator[Rows]:
    count = 0
    for one in islice(series, SIDE_BY_SIDE):
        yield one
        count += len(one.times)
        if count >= BATCH_ROWS:
            return


def _regular(rows: list[Rows], rules: Rules, breathe: Breath) -> list[Prepared]:
    """Return the series made regular; one of a single time takes the step that most others have."""
    found = []
    for one in rows:
        found.append(_noted(prepare(one.times, one.values, one.offsets, rules), one))
        breathe()
    clocks = [each.clock for each in found if each.clock is not None]
    if not clocks:
        return found
    usual = _usual(clocks)
    for number, one in enumerate(rows):
        if found[number].clock is None:
            found[number] = _noted(prepare(one.times, one.values, one.offsets, rules, usual), one)
    return found


def _usual(clocks: list[Clock]) -> Clock:
    steps = [(clock.unit, clock.count) for clock in clocks]
    counts: dict[tuple[str, float], int] = {}
    for step in steps:
        counts[step] = counts.get(step, 0) + 1
    return clocks[steps.index(max(counts, key=lambda step: counts[step]))]


def _noted(found: Prepared, rows: Rows) -> Prepared:
    if not rows.left_out or found.refusal:
        return found
    return replace(found, notes=[f"only the last {MOST_ROWS:,} rows were read", *found.notes])
