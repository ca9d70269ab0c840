"""``ml.decompose`` and ``ml.series_anomalies``: what a series was made of, and which of its values stand out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from motadata_ml_server.forecasting.arguments import Columns
from motadata_ml_server.forecasting.batches import batches
from motadata_ml_server.forecasting.decomposition import decompose
from motadata_ml_server.forecasting.intervals import normal_quantile
from motadata_ml_server.forecasting.packing import Answers
from motadata_ml_server.forecasting.panel import Array
from motadata_ml_server.forecasting.prepare import Prepared, Rules
from motadata_ml_server.postgres.breath import Breath
from motadata_ml_server.postgres.database import Database

LEAST: Final = 4
"""Values that a series must have for it."""

_TO_NORMAL: Final = 1.4826
"""Standard deviation of a normal distribution in units of its median absolute deviation."""


def decompose_chunks(db: Database, input_data: str, columns: Columns, rules: Rules) -> Iterator[dict[str, Any]]:
    """Yield value, trend, season and remainder of each step of a relation's series, packed.

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
    """
    breathe = Breath(db)
    for batch in batches(db, input_data, columns, rules, breathe):
        answers = Answers(4)
        for name, one in zip(batch.names, batch.prepared, strict=True):
            if not _long_enough(one, name, answers):
                continue
            trend, season = decompose(one.values, one.season, breathe)
            numbers = np.stack([one.observed, trend, season, one.values - trend - season])
            _add(answers, name, one, numbers)
        yield answers.packed()


def anomaly_chunks(
    db: Database, input_data: str, columns: Columns, rules: Rules, level: float
) -> Iterator[dict[str, Any]]:
    """Yield value, expected value, its bounds and the score of each step of a relation's series, packed.

    Parameters
    ----------
    db, input_data, columns, rules
        As for `decompose_chunks`.
    level : float
        Share of ordinary values that lie within the bounds.
    """
    breathe = Breath(db)
    for batch in batches(db, input_data, columns, rules, breathe):
        answers = Answers(5)
        for name, one in zip(batch.names, batch.prepared, strict=True):
            if not _long_enough(one, name, answers):
                continue
            trend, season = decompose(one.values, one.season, breathe)
            expected = trend + season
            scale = scale_of(one.values - expected)
            width = normal_quantile(0.5 + level / 2.0) * scale
            lower, upper = expected - width, expected + width
            if one.values.min() >= 0:
                lower = np.maximum(lower, 0.0)
            score = np.abs(one.observed - expected) / max(scale, 1e-300)
            score = np.where(one.observed == expected, 0.0, score)
            _add(answers, name, one, np.stack([one.observed, expected, lower, upper, score]))
        yield answers.packed()


def scale_of(remainder: Array) -> float:
    """Return the spread of ordinary remainders: a median's, or where most are zero the mean's."""
    away = np.abs(remainder - np.median(remainder))
    found = _TO_NORMAL * float(np.median(away))
    floor = 1e-9 * float(np.abs(remainder).max(initial=0.0))
    return found if found > floor else float(np.sqrt((away**2).mean()))


def _long_enough(one: Prepared, name: str, answers: Answers) -> bool:
    if one.refusal is not None:
        answers.add(name, None, one.refused_as("no decomposition"))
        return False
    if len(one.values) < LEAST:
        answers.add(name, None, f"no decomposition: {len(one.values)} values, at least {LEAST} are needed")
        return False
    return True


def _add(answers: Answers, name: str, one: Prepared, numbers: Array) -> None:
    count = len(one.values)
    answers.add(name, None, one.status, numbers, one.times(1 - count, count), wall=one.wall)
