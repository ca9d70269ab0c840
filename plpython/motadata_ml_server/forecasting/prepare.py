"""Rows of one series become regular values: doubles aggregated, gaps filled, and a sentence of what was done."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.forecasting.clock import Clock, Whole, find_clock
from motadata_ml_server.forecasting.panel import Array
from motadata_ml_server.forecasting.season import seasons_of

MOST_STEPS: Final = 2_000
"""How many steps back a series is looked at: what it was before says little, and costs as much."""

DUPLICATES: Final[tuple[str, ...]] = ("mean", "sum", "min", "max", "first", "last")
GAPS: Final[tuple[str, ...]] = ("interpolate", "zero", "last")


@dataclass(frozen=True)
class Rules:
    """How rows are made regular.

    Attributes
    ----------
    duplicates, gaps : str
        Of `DUPLICATES`, `GAPS`.
    season : int or None
        Steps of a season; None looks for one.
    """

    duplicates: str = "mean"
    gaps: str = "interpolate"
    season: int | None = None


@dataclass(frozen=True)
class Prepared:
    """A regular series, or why there is none.

    Attributes
    ----------
    values : ndarray of float64, shape (n,)
        Without NaN; empty where `refusal` says why.
    observed : ndarray of float64, shape (n,)
        The same, with NaN where a gap was filled.
    clock : Clock or None
        Its step.
    last : int
        The place of the last value.
    wall : bool
        Whether times are those of a wall clock.
    season : int
        Steps of its season; 1 is none.
    notes : list of str
        What was done.
    refusal : str or None
        Why there is no forecast.
    """

    values: Array
    observed: Array
    clock: Clock | None = None
    last: int = 0
    wall: bool = True
    season: int = 1
    notes: list[str] = field(default_factory=list)
    refusal: str | None = None

    @property
    def status(self) -> str:
        """Return 'ok', or a sentence."""
        if self.refusal is not None:
            return self.refused_as("no forecast")
        return "; ".join(self.notes) or "ok"

    def refused_as(self, what: str) -> str:
        """Return why there is none of something."""
        return f"{what}: {self.refusal}"

    def times(self, first: int, count: int) -> Array:
        """Return the times of some places in a row, from the one so many after the last value."""
        assert self.clock is not None  # noqa: S101 - there only for series that are refused
        return self.clock.times(np.arange(self.last + first, self.last + first + count, dtype=np.int64))


def refused(why: str) -> Prepared:
    """Return what stands for a series without a forecast."""
    return Prepared(np.empty(0), np.empty(0), refusal=why)


def prepare(times: Array, values: Array, offsets: Array | None, rules: Rules, like: Clock | None = None) -> Prepared:
    """Make the rows of a series regular.

    Parameters
    ----------
    times, values : ndarray of float64, shape (n,)
        Seconds since 1970, ascending, NaN last; values with NaN for NULL.
    offsets : ndarray of float64, shape (n,), or None
        What makes wall-clock time of a time, where the two differ.
    rules : Rules
        How.
    like : Clock or None
        The step where the series is too short to tell.
    """
    notes: list[str] = []
    there = np.isfinite(times)
    if not there.all():
        notes.append(f"{_number(int((~there).sum()), 'row')} without a time left out")
    infinite = int(np.isinf(values).sum())
    if infinite:
        notes.append(f"{_number(infinite, 'infinite value')} left out")
    there &= np.isfinite(values)
    if not there.any():
        return refused("there is no row with a time and a value" if len(times) else "there is no row")
    times, values = times[there], values[there]
    wall = True
    if offsets is not None:
        on_wall = np.sort(times + offsets[there], kind="stable")
        clock = find_clock(_distinct(on_wall))
        wall = clock is None or clock.unit != "second"
        times = times + offsets[there] if wall else times
        order = np.argsort(times, kind="stable")
        times, values = times[order], values[order]
    clock = find_clock(_distinct(times)) or like
    if clock is None:
        return refused("one time only, and no other series of its kind to tell the step")
    return _regular(times, values, clock, wall, rules, notes)


def _distinct(ascending: Array) -> Array:
    if len(ascending) < 2:
        return ascending
    given: Array = ascending[np.concatenate([[True], np.diff(ascending) > 0])]
    return given


def _regular(times: Array, values: Array, clock: Clock, wall: bool, rules: Rules, notes: list[str]) -> Prepared:
    places = clock.places(times)
    off = float(np.mean(np.abs(clock.times(places) - times) > 1.0))
    if off > 0.1 and clock.unit == "second":
        notes.append(f"irregular times were put on a grid of {clock.name}")
    first = int(places[-1]) - MOST_STEPS + 1
    if places[0] < first:
        notes.append(f"only the last {MOST_STEPS:,} steps were used")
        values, places = values[places >= first], places[places >= first]
    distinct, values, doubled = _one_each(places, values, rules.duplicates)
    if doubled:
        notes.append(f"{_number(doubled, 'row')} of times that others have: the {rules.duplicates} was taken")
    filled, gaps = _without_gaps(distinct, values, rules.gaps)
    if gaps:
        notes.append(f"{_number(gaps, 'missing step')} filled ({rules.gaps})")
    season = _season(filled, clock, rules, notes)
    if len(filled) > 1 and np.ptp(filled) == 0:
        notes.append("all values are the same")
    observed = np.full(len(filled), np.nan)
    observed[(distinct - distinct[0]).astype(np.intp)] = values
    return Prepared(filled, observed, clock, int(distinct[-1]), wall, season, notes)


def _season(values: Array, clock: Clock, rules: Rules, notes: list[str]) -> int:
    if rules.season is None:
        found = seasons_of(values, clock.seasons()) if np.ptp(values) > 0 else []
        return found[0] if found else 1
    if rules.season > 1 and len(values) < 2 * rules.season + 4:
        notes.append(f"too short for a season of {rules.season} steps, which was left out")
        return 1
    return rules.season


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


_AGGREGATES: Final[Mapping[str, Callable[[Array, NDArray[np.intp]], Array]]] = {
    "mean": lambda values, starts: np.add.reduceat(values, starts) / np.diff(np.append(starts, len(values))),
    "sum": np.add.reduceat,
    "min": np.minimum.reduceat,
    "max": np.maximum.reduceat,
    "first": lambda values, starts: values[starts],
    "last": lambda values, starts: values[np.append(starts[1:], len(values)) - 1],
}


def _one_each(places: Whole, values: Array, rule: str) -> tuple[Whole, Array, int]:
    """Return the distinct places, a value of each, and how many rows were more than one of a place."""
    fresh = np.concatenate([[True], np.diff(places) > 0])
    if fresh.all():
        return places, values, 0
    starts = np.flatnonzero(fresh)
    return places[fresh], _AGGREGATES[rule](values, starts), int((~fresh).sum())


def _without_gaps(places: Whole, values: Array, rule: str) -> tuple[Array, int]:
    """Return a value of every place from the first to the last, and how many had none."""
    every = np.arange(places[0], places[-1] + 1)
    gaps = len(every) - len(places)
    if not gaps:
        return values.astype(np.float64), 0
    if rule == "interpolate":
        return np.interp(every, places, values), gaps
    filled = np.zeros(len(every))
    where = (places - places[0]).astype(np.intp)
    if rule == "last":
        return values[np.searchsorted(places, every, side="right") - 1], gaps
    filled[where] = values
    return filled, gaps
