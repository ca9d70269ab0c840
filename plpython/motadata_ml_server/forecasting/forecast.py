"""``ml.forecast``: series that are read, made regular and forecast, a batch at a time, none left out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Final

import numpy as np

from motadata_ml_server.administration import options
from motadata_ml_server.forecasting.arguments import Columns
from motadata_ml_server.forecasting.candidates import CANDIDATES
from motadata_ml_server.forecasting.clock import Clock
from motadata_ml_server.forecasting.engine import SIDE_BY_SIDE, Asked, Outlook, outlooks
from motadata_ml_server.forecasting.packing import Answers
from motadata_ml_server.forecasting.panel import panel_of
from motadata_ml_server.forecasting.prepare import Prepared, Rules, prepare
from motadata_ml_server.forecasting.reading import MOST_ROWS, Rows, read_series
from motadata_ml_server.postgres.breath import Breath
from motadata_ml_server.postgres.database import Database

BATCH_ROWS: Final = 500_000
"""Rows of a batch of series, about."""

FURTHEST: Final = 9.0e12
"""Seconds since 1970 that PostgreSQL's timestamps reach, about."""


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


def suited(one: Prepared, asked: Asked) -> Prepared:
    """Return a series, or why the model that is asked for is not for it."""
    if one.refusal is not None or one.clock is None:
        return one
    if float(one.times(asked.horizon, 1)[0]) > FURTHEST:
        return replace(one, refusal="its times would pass what timestamps hold")
    if asked.model is None:
        return one
    candidate = CANDIDATES[asked.model]
    if candidate.suits(panel_of([one.values], one.season)).all():
        return one
    return replace(one, refusal=f"model {asked.model} needs {candidate.needs}")


def answered(batch: Batch, asked: Asked, breathe: Breath) -> list[tuple[str, Prepared, Outlook | None]]:
    """Return what is expected of each series of a batch; None for one that is refused."""
    prepared = [suited(one, asked) for one in batch.prepared]
    rows = [number for number, one in enumerate(prepared) if one.refusal is None]
    found = outlooks([prepared[row].values for row in rows], [prepared[row].season for row in rows], asked, breathe)
    by_row = dict(zip(rows, found, strict=True))
    return [(name, prepared[row], by_row.get(row)) for row, name in enumerate(batch.names)]


def forecast_chunks(
    db: Database, input_data: str, columns: Columns, asked: Asked, rules: Rules
) -> Iterator[dict[str, Any]]:
    """Yield the forecasts of a relation's series, packed, a batch of series at a time.

    Parameters
    ----------
    db : Database
        The caller's session; rows are read with its rights.
    input_data : str
        A table, a view or a SELECT.
    columns : Columns
        Which columns are what.
    asked : Asked
        Horizon, level and model.
    rules : Rules
        How rows are made regular.
    """
    breathe = Breath(db)
    for batch in batches(db, input_data, columns, rules, breathe):
        answers = Answers(3)
        for name, one, outlook in answered(batch, asked, breathe):
            if outlook is None:
                answers.add(name, None, one.status)
                continue
            numbers = np.stack([outlook.value, outlook.lower, outlook.upper])
            answers.add(name, outlook.model, one.status, numbers, one.times(1, asked.horizon), wall=one.wall)
        yield answers.packed()
