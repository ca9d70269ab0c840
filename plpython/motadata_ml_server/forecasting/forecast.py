"""``ml.forecast`` and ``ml.backtest``: what is expected of series, and how far that was off before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

import numpy as np

from motadata_ml_server.forecasting.arguments import Columns
from motadata_ml_server.forecasting.batches import Batch, batches
from motadata_ml_server.forecasting.candidates import CANDIDATES
from motadata_ml_server.forecasting.engine import Asked, Outlook, outlooks
from motadata_ml_server.forecasting.intervals import half_widths
from motadata_ml_server.forecasting.packing import Answers
from motadata_ml_server.forecasting.panel import Array, panel_of
from motadata_ml_server.forecasting.prepare import Prepared, Rules
from motadata_ml_server.postgres.breath import Breath
from motadata_ml_server.postgres.database import Database

FURTHEST: Final = 9.0e12
"""Seconds since 1970 that PostgreSQL's timestamps reach, about."""


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


def backtest_chunks(
    db: Database, input_data: str, columns: Columns, asked: Asked, rules: Rules
) -> Iterator[dict[str, Any]]:
    """Yield how far each model was off at each step, for each of a relation's series, packed.

    Parameters
    ----------
    db, input_data, columns, asked, rules
        As for `forecast_chunks`.
    """
    breathe = Breath(db)
    for batch in batches(db, input_data, columns, rules, breathe):
        answers = Answers(5)
        for name, one, outlook in answered(batch, asked, breathe):
            if outlook is None or not outlook.actual.size:
                why = "too short to be tested" if one.refusal is None else one.refusal
                answers.add(name, None, f"no backtest: {why}")
                continue
            for model, errors in outlook.errors.items():
                breathe()
                answers.add(name, model, one.status, step_scores(one, outlook, errors, asked.level))
        yield answers.packed()


def step_scores(one: Prepared, outlook: Outlook, errors: Array, level: float) -> Array:
    """Return step, mase, smape, rmse and coverage of each step of a model's backtest: shape (5, tested).

    An interval that is tested comes from errors of the other half of the origins.
    """
    known = ~np.isnan(errors)
    count = np.maximum(known.sum(axis=0), 1)
    away = np.where(known, np.abs(errors), 0.0)
    actual = np.where(known, outlook.actual, 0.0)
    size = np.abs(actual) + np.abs(actual - np.where(known, errors, 0.0))
    relative = np.where(size > 0, 200.0 * away / np.where(size > 0, size, 1.0), 0.0)
    mase = away.sum(axis=0) / count / one_step_scale(one.values[: outlook.first], one.season)
    rmse = np.sqrt((away**2).sum(axis=0) / count)
    steps = np.arange(1.0, errors.shape[1] + 1.0)
    return np.stack([steps, mase, relative.sum(axis=0) / count, rmse, _coverage(errors, level)])


def one_step_scale(known: Array, season: int) -> float:
    """Return the mean absolute error of the last season's value on what was known, NaN where that is zero.

    It is what MASE counts in (Hyndman and Koehler, 2006).
    """
    lag = season if len(known) > season else 1
    found = float(np.abs(known[lag:] - known[:-lag]).mean()) if len(known) > lag else 0.0
    return found if found > 0 else np.nan


def _coverage(errors: Array, level: float) -> Array:
    """Return which share of values lay in intervals of the other half of the origins; NaN where there is none."""
    middle = len(errors) // 2
    if middle < 1:
        return np.full(errors.shape[1], np.nan)
    inside = np.zeros(errors.shape[1])
    for tested, other in ((errors[:middle], errors[middle:]), (errors[middle:], errors[:middle])):
        widths = half_widths(other[None], np.full(1, np.nan), level, errors.shape[1])[0]
        inside += (np.abs(tested) <= widths).sum(axis=0)
    given: Array = inside / np.maximum((~np.isnan(errors)).sum(axis=0), 1)
    return given
