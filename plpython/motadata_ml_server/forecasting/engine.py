"""Series in, forecasts out: like series side by side, all models, rolling origins, selection, intervals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.forecasting.candidates import CANDIDATES, forecasts_of
from motadata_ml_server.forecasting.intervals import half_widths
from motadata_ml_server.forecasting.panel import Array, Breathe, Panel, origins_of, panel_of
from motadata_ml_server.forecasting.selection import Backtest, actual_values, combined, weights_of

WINDOWS: Final = 5
"""How many horizons back the rolling origins go, where the series are long enough."""

SIDE_BY_SIDE: Final = 256
"""How many series are forecast in one go."""

CELLS: Final = 4_000_000
"""Forecasts of one model that are held at once: series times origins times steps."""

ALIKE: Final = 1.25
"""How many times as long as the shortest the longest series of a panel may be."""


@dataclass(frozen=True)
class Asked:
    """What is asked of every series.

    Attributes
    ----------
    horizon : int
        Steps ahead.
    level : float
        Share of what comes that is to lie in an interval.
    model : str or None
        One of `CANDIDATES`; None chooses by error.
    windows : int
        How many horizons are tested.
    """

    horizon: int
    level: float = 0.9
    model: str | None = None
    windows: int = WINDOWS


@dataclass(frozen=True)
class Outlook:
    """What is expected of one series.

    Attributes
    ----------
    model : str
        The models' names, those of most weight first.
    value, lower, upper : ndarray of float64, shape (horizon,)
        Expected, and the ends of the interval.
    errors : dict of str to ndarray, shape (origins, tested)
        What each model was off at the rolling origins, the chosen mean under ``'auto'``.
    actual : ndarray of float64, shape (origins, tested)
        What came at the rolling origins; NaN where that is not known.
    first : int
        How many values were known at the first of them.
    """

    model: str
    value: Array
    lower: Array
    upper: Array
    errors: dict[str, Array]
    actual: Array
    first: int


def outlooks(series: Sequence[Array], seasons: Sequence[int], asked: Asked, breathe: Breathe) -> list[Outlook]:
    """Forecast series, each by itself.

    Parameters
    ----------
    series : sequence of ndarray of float64, each of shape (n,)
        Regular, without NaN, n at least 1.
    seasons : sequence of int
        Steps of each one's season; 1 is none.
    asked : Asked
        What is asked.
    breathe : callable
        Called between steps of a few milliseconds.

    Returns
    -------
    list of Outlook
        In the order of the series.
    """
    found: list[Outlook | None] = [None] * len(series)
    for rows in _alike(series, seasons, asked.horizon):
        scales = [_scale(series[row]) for row in rows]
        panel = panel_of([series[row] / scale for row, scale in zip(rows, scales, strict=True)], seasons[rows[0]])
        for row, scale, one in zip(rows, scales, _of_panel(panel, asked, breathe), strict=True):
            found[row] = _scaled(one, scale)
    return [one for one in found if one is not None]


def _scale(values: Array) -> float:
    """Return the power of two below the largest value: squares of what it divides stay within what floats hold."""
    largest = float(np.abs(values).max())
    return 2.0 ** int(np.floor(np.log2(largest))) if largest > 0 else 1.0


def _scaled(one: Outlook, scale: float) -> Outlook:
    errors = {name: each * scale for name, each in one.errors.items()}
    return Outlook(
        one.model, one.value * scale, one.lower * scale, one.upper * scale, errors, one.actual * scale, one.first
    )


def _alike(series: Sequence[Array], seasons: Sequence[int], horizon: int) -> Iterator[list[int]]:
    """Yield the numbers of series that are forecast together: of one season, of about one length."""
    order = sorted(range(len(series)), key=lambda row: (seasons[row], len(series[row])))
    most = max(1, min(SIDE_BY_SIDE, CELLS // (62 * max(horizon, 1))))
    group: list[int] = []
    for row in order:
        first = group[0] if group else row
        fits = seasons[row] == seasons[first] and len(series[row]) <= ALIKE * len(series[first])
        if group and (not fits or len(group) >= most):
            yield group
            group = []
        group.append(row)
    if group:
        yield group


def _of_panel(panel: Panel, asked: Asked, breathe: Breathe) -> list[Outlook]:
    origins, tested = origins_of(panel, asked.horizon, asked.windows)
    names = list(CANDIDATES) if asked.model is None else [asked.model]
    if asked.model is None and panel.times - int(panel.start.max()) < 4:
        names = ["naive"]
    given = forecasts_of(panel, names, origins, asked.horizon, breathe)
    names = list(given)
    test = Backtest(names, np.stack(list(given.values())), actual_values(panel, origins, tested), tested)
    if tested:
        weights = weights_of(test.scores())
    else:
        weights = np.zeros((len(names), panel.count))
        weights[names.index("naive") if "naive" in names else 0] = 1.0
    return _told(panel, test, weights, asked, int(origins[0]))


def _told(panel: Panel, test: Backtest, weights: Array, asked: Asked, first: int) -> list[Outlook]:
    values = combined(test.forecasts, weights)
    errors = test.actual - values[:, :-1, : test.tested]
    widths = half_widths(errors, _roughness(panel), asked.level, asked.horizon)
    centre = values[:, -1]
    floor = np.where(np.nanmin(panel.values, axis=0) >= 0, 0.0, -np.inf)[:, None]
    centre = np.maximum(centre, floor)
    lower, upper = np.maximum(centre - widths, floor), centre + widths
    each = test.errors
    found = []
    for number in range(panel.count):
        by_model = {
            name: each[place, number]
            for place, name in enumerate(test.names)
            if not np.isnan(test.forecasts[place, number, -1, 0])
        }
        if asked.model is None:
            by_model["auto"] = errors[number]
        found.append(
            Outlook(
                _name(test.names, weights[:, number]),
                centre[number],
                lower[number],
                upper[number],
                by_model,
                test.actual[number],
                first - int(panel.start[number]),
            )
        )
    return found


def _name(names: list[str], weights: NDArray[np.float64]) -> str:
    order = np.argsort(-weights, kind="stable")
    return " + ".join(names[number] for number in order if weights[number] > 0)


def _roughness(panel: Panel) -> Array:
    """Return the root mean square of each series' steps from one value to the next."""
    steps = np.diff(panel.values, axis=0)
    known = ~np.isnan(steps)
    squares = np.where(known, steps, 0.0) ** 2
    found: Array = np.sqrt(squares.sum(axis=0) / np.maximum(known.sum(axis=0), 1))
    return found
