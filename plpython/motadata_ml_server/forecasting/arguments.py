"""The arguments of forecasts, checked before a row is read."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from motadata_ml_server.errors import InvalidArgumentError
from motadata_ml_server.forecasting.candidates import CANDIDATES
from motadata_ml_server.forecasting.prepare import DUPLICATES, GAPS, Rules

MOST_AHEAD: Final = 2_000
"""The longest horizon, in steps: no series is looked at for longer."""

MOST_COLUMNS: Final = 16
"""The most columns that may name a series."""

MOST_WINDOWS: Final = 50


@dataclass(frozen=True)
class Columns:
    """Which columns of the input are what."""

    time: str
    value: str
    series: tuple[str, ...]


def columns(time_column: str | None, value_column: str | None, series: Sequence[str | None] | None) -> Columns:
    """Return which columns are what.

    Raises
    ------
    InvalidArgumentError
        ML009: one is NULL, one is named twice, or too many name a series.
    """
    for name, given in (("time_column", time_column), ("value_column", value_column)):
        if not given:
            raise InvalidArgumentError(f"{name} must name a column, got {given!r}", hint=f"Name it: {name} => '...'.")
    names = [] if series is None else list(series)
    if any(name is None or not name for name in names):
        raise InvalidArgumentError("series must not have a NULL or an empty name", hint="Name columns of input_data.")
    if len(names) > MOST_COLUMNS:
        raise InvalidArgumentError(
            f"series must have at most {MOST_COLUMNS} columns, got {len(names)}",
            hint="Name those that tell series apart.",
        )
    every = [str(time_column), str(value_column), *map(str, names)]
    twice = sorted({name for name in every if every.count(name) > 1})
    if twice:
        raise InvalidArgumentError(
            f"column {twice[0]!r} is named more than once",
            hint="time_column, value_column and each column of series are different columns.",
        )
    return Columns(every[0], every[1], tuple(every[2:]))


def horizon(given: int | None) -> int:
    """Return the horizon; ML009 where it is none."""
    return _within("horizon", given, 1, MOST_AHEAD, "It is the number of steps ahead, such as 28 days or 12 months.")


def windows(given: int | None) -> int:
    """Return how many horizons are tested; ML009 where it is no such number."""
    return _within("windows", given, 1, MOST_WINDOWS, "It says how many horizons back forecasts are tested.")


def level(given: float | None) -> float:
    """Return the level of the intervals; ML009 where it is none."""
    if given is None or not math.isfinite(given) or not 0.0 < given < 1.0:
        raise InvalidArgumentError(
            f"level must be above 0 and below 1, got {given}", hint="0.9 is the interval that holds nine of ten values."
        )
    return given


def model(given: str | None) -> str | None:
    """Return the model that is forced; ML009 where there is none of the name."""
    if given is None or given in CANDIDATES:
        return given
    raise InvalidArgumentError(
        f"model must be a forecasting model, got {given!r}",
        hint=f"NULL chooses for each series; the models are: {', '.join(CANDIDATES)}.",
    )


def rules(duplicates: str | None, gaps: str | None, season: int | None) -> Rules:
    """Return how rows are made regular; ML009 where an argument names no rule."""
    for name, given, known in (("duplicates", duplicates, DUPLICATES), ("gaps", gaps, GAPS)):
        if given not in known:
            raise InvalidArgumentError(
                f"{name} must be one of {', '.join(known)}, got {given!r}", hint=f"Leave it out for {known[0]!r}."
            )
    if season is not None:
        _within("season", season, 1, 1_000, "It is the number of steps of a season; 1 is none, NULL looks for one.")
    return Rules(str(duplicates), str(gaps), season)


def _within(name: str, given: int | None, low: int, high: int, hint: str) -> int:
    if given is None or not low <= given <= high:
        raise InvalidArgumentError(f"{name} must be between {low} and {high:,}, got {given}", hint=hint)
    return given
