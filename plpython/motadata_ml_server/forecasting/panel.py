"""Some series side by side, as every model of the room takes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float64]
Breathe: TypeAlias = Callable[[], None]
"""Called between short steps of the work: there a cancel is answered."""


@dataclass(frozen=True)
class Panel:
    """Series of about one length that end together.

    Attributes
    ----------
    values : ndarray of float64, shape (times, series)
        One row a step of time; a series that begins later has NaN before its first value, and none after it.
    start : ndarray of int, shape (series,)
        The row of each series' first value.
    season : int
        Steps of a season; 1 is none.
    """

    values: Array
    start: NDArray[np.intp]
    season: int = 1

    @property
    def times(self) -> int:
        """How many rows there are."""
        return len(self.values)

    @property
    def count(self) -> int:
        """How many series there are."""
        return int(self.values.shape[1])

    def take(self, series: NDArray[np.intp] | NDArray[np.bool_]) -> Panel:
        """Return the panel restricted to some series."""
        return Panel(np.ascontiguousarray(self.values[:, series]), self.start[series], self.season)


def panel_of(series: list[Array], season: int = 1) -> Panel:
    """Return a panel of series, of any lengths, that end together.

    Parameters
    ----------
    series : list of ndarray of float64, each of shape (n,)
        Without NaN.
    season : int
        Steps of a season; 1 is none.
    """
    times = max(len(one) for one in series)
    values = np.full((times, len(series)), np.nan)
    for number, one in enumerate(series):
        values[times - len(one) :, number] = one
    return Panel(values, np.array([times - len(one) for one in series], np.intp), season)


def origins_of(panel: Panel, horizon: int, windows: int) -> tuple[NDArray[np.intp], int]:
    """Return the rolling origins of a panel: how many rows each forecast knows, the last one all.

    What is known before the first origin is what parameters are chosen on. At least two seasons and four values are
    left there; a horizon that leaves too little is shortened.

    Parameters
    ----------
    panel : Panel
        The series.
    horizon : int
        Steps that are wanted.
    windows : int
        How many horizons are to be tested, at the most; the origins lie closer together than that.

    Returns
    -------
    origins : ndarray of int, shape (m,)
        Ascending, the last one ``panel.times``; that alone where nothing can be tested.
    tested : int
        Steps that are tested, at most `horizon`; 0 where none is.
    """
    shortest = panel.times - int(panel.start.max())
    least = max(4, 2 * panel.season if panel.season > 1 else 0)
    room = shortest - least
    if room < 1:
        return np.array([panel.times], np.intp), 0
    tested = max(1, min(horizon, (room + 1) // 2 if room < horizon + 2 else horizon))
    region = min(room, max(tested + 8, windows * tested), max(tested + 2, shortest // 2))
    first = panel.times - region
    most = 60 if tested <= 60 else 24
    count = min(region, most)
    found = np.unique(np.linspace(first, panel.times - 1, count).astype(np.intp))
    return np.append(found, panel.times), tested
