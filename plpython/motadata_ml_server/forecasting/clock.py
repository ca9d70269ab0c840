"""The step of a series' time, found from its times: seconds to hours, days, business days, weeks, months to years.

Times are seconds since 1970 on a wall clock that knows no summer time. A step of whole days counts days and months on
it; a shorter one counts seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.forecasting.panel import Array

DAY: Final = 86_400.0
Whole = NDArray[np.int64]

_NICE: Final = np.array(
    [1, 2, 5, 10, 15, 20, 30]
    + [60 * n for n in (1, 2, 3, 5, 10, 12, 15, 20, 30)]
    + [3600 * n for n in (1, 2, 3, 4, 6, 8, 12)],
    np.float64,
)
"""Steps in seconds that clocks have; one within `_LIKE` of what is found is meant."""

_LIKE: Final = 0.2
_SUMMER_TIME: Final = 7_200.0
"""By how many seconds the time of day may move from day to day and be the same."""

_NAMES: Final = {
    ("day", 1): "day",
    ("day", 7): "week",
    ("day", 14): "2 weeks",
    ("business day", 1): "business day",
    ("month", 1): "month",
    ("month", 3): "quarter",
    ("month", 6): "half-year",
    ("month", 12): "year",
}


@dataclass(frozen=True)
class Clock:
    """A step of time.

    Attributes
    ----------
    unit : str
        ``'second'``, ``'day'``, ``'business day'`` or ``'month'``.
    count : float
        How many units a step has.
    phase : float
        Seconds since 1970 of place 0, within its day; of months, what is added to the first of a month.
    first : int
        Of a step of several months, the month since 1970 that place 0 has.
    month_end : bool
        Whether a step of months ends on the last day of each.
    """

    unit: str
    count: float
    phase: float = 0.0
    first: int = 0
    month_end: bool = False

    @property
    def name(self) -> str:
        """The step, as it is told."""
        if self.unit != "second":
            known = _NAMES.get((self.unit, int(self.count)))
            return known or f"{int(self.count)} {self.unit}s"
        for seconds, unit in ((3600, "hour"), (60, "minute"), (1, "second")):
            number = self.count / seconds
            if number >= 1 and number == int(number):
                return unit if number == 1 else f"{int(number)} {unit}s"
        return f"{self.count:g} seconds"

    def seasons(self) -> list[int]:
        """Return how many steps the calendar's seasons have, shortest first."""
        if self.unit == "second":
            spans = [span / self.count for span in (3600.0, DAY, 7 * DAY)]
            return [round(span) for span in spans if span >= 2 and abs(span - round(span)) < 1e-9]
        if self.unit == "business day":
            return [5]
        if self.unit == "month":
            return [int(12 // self.count)] if 12 % self.count == 0 and self.count < 12 else []
        if self.count == 1:
            return [7, 365]
        return [52] if self.count == 7 else []

    def places(self, times: Array) -> Whole:
        """Return the place of each time on the grid, the nearest one."""
        if self.unit == "second":
            return np.rint((times - self.phase) / self.count).astype(np.int64)
        if self.unit == "month":
            return np.floor_divide(_months(times) - self.first, int(self.count))
        days = np.rint((times - self.phase) / DAY).astype(np.int64)
        if self.unit == "business day":
            return np.asarray(np.busday_count(np.datetime64(0, "D"), days.astype("datetime64[D]")), np.int64)
        return np.rint(days / self.count).astype(np.int64)

    def times(self, places: Whole) -> Array:
        """Return the time of each place."""
        if self.unit == "second":
            return np.asarray(self.phase + places * self.count, np.float64)
        if self.unit == "business day":
            days = np.busday_offset(np.datetime64(0, "D"), places, roll="forward").astype(np.int64)
            return np.asarray(self.phase + days * DAY, np.float64)
        if self.unit == "day":
            return np.asarray(self.phase + places * self.count * DAY, np.float64)
        return self._of_months(places)

    def _of_months(self, places: Whole) -> Array:
        months = places * int(self.count) + self.first
        first = _first_days(months)
        length = _first_days(months + 1) - first
        day = np.floor(self.phase / DAY)
        inside = length - 1 if self.month_end else np.minimum(day, length - 1)
        given: Array = (first + inside) * DAY + (self.phase - day * DAY)
        return given


def _months(times: Array) -> Whole:
    """Return the months since January 1970."""
    return np.floor(times / DAY).astype(np.int64).astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)


def _first_days(months: Whole) -> Whole:
    """Return the days since 1970 on which months begin."""
    return months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)


def find_clock(times: Array) -> Clock | None:
    """Return the step of a series.

    Parameters
    ----------
    times : ndarray of float64, shape (n,)
        Ascending, no two alike.

    Returns
    -------
    Clock or None
        None where there are fewer than two times.
    """
    if len(times) < 2:
        return None
    apart = np.diff(times)
    typical = float(np.median(apart))
    if typical >= DAY - _SUMMER_TIME:
        days = _whole_days(times)
        if days is not None:
            return _of_days(times, days)
        if typical >= 27 * DAY:
            return _of_days(times, np.floor(times / DAY))
    step = _usual(apart, typical)
    return Clock("second", step, _phase(times, step))


def _whole_days(times: Array) -> Array | None:
    """Return the days since 1970 of times that have one time of day; None where they have not."""
    turn = (times - times[-1] + DAY / 2) % DAY - DAY / 2
    if np.abs(turn).max() > _SUMMER_TIME:
        return None
    given: Array = np.floor((times - turn) / DAY)
    return given


def _of_days(times: Array, days: Array) -> Clock:
    apart = np.diff(days)
    phase = float(times[-1] - np.floor(times[-1] / DAY) * DAY)
    typical = float(np.median(apart))
    if typical >= 27:
        return _of_whole_months(times, phase)
    usual = float(_mode(apart))
    if usual == 1:
        weekday = (days + 3) % 7
        if len(days) >= 8 and (weekday < 5).all() and (apart == 3).any():
            return Clock("business day", 1, phase)
        return Clock("day", 1, phase)
    return Clock("day", usual, phase + float(days[-1] % usual) * DAY)


def _of_whole_months(times: Array, phase: float) -> Clock:
    months = _months(times)
    apart = np.diff(months)
    apart = apart[apart > 0]
    count = float(_mode(apart)) if len(apart) else 1.0
    day = np.floor(times / DAY).astype(np.int64)
    first = _first_days(months)
    length = _first_days(months + 1) - first
    inside = day - first
    if (inside == length - 1).all() and len(set(length.tolist())) > 1:
        return Clock("month", count, phase, int(months[-1] % count), month_end=True)
    return Clock("month", count, phase + _mode(inside.astype(np.float64)) * DAY, int(months[-1] % count))


def _mode(numbers: Array) -> float:
    """Return the most frequent number, the smallest of several."""
    found, counts = np.unique(numbers, return_counts=True)
    return float(found[counts.argmax()])


def _usual(apart: Array, typical: float) -> float:
    """Return the step in seconds: the most frequent difference where most are like it, else the median."""
    usual = _mode(np.rint(apart))
    like = np.abs(apart - usual) <= 0.05 * max(usual, 1e-9)
    step = usual if usual > 0 and like.mean() >= 0.5 else typical
    nearest = float(_NICE[np.abs(_NICE - step).argmin()])
    return nearest if abs(nearest - step) <= _LIKE * nearest else max(step, 1e-6)


def _phase(times: Array, step: float) -> float:
    """Return where the grid begins, so that most times are on it: within one step of 1970."""
    return _mode(np.round(times % step, 3))
