"""The theta method of Assimakopoulos and Nikolopoulos (2000): half a line through all, half a smoothed bend."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.forecasting.panel import Array, Breathe, Panel
from motadata_ml_server.forecasting.profile import season_profile, spread
from motadata_ml_server.forecasting.smoothing import SIMPLE, fit


def theta(panel: Panel, origins: NDArray[np.intp], horizon: int, breathe: Breathe) -> Array:
    """Return forecasts; a season is taken out before, and multiplies where all series are positive.

    Line and season are those of what the first origin knows, and for the last origin those of all.
    """
    ratio = bool(np.nanmin(panel.values) > 0)
    last = origins[-1:]
    ahead = [_part(panel, last, horizon, int(last[0]), breathe, ratio=ratio)]
    if len(origins) > 1:
        ahead.insert(0, _part(panel, origins[:-1], horizon, int(origins[0]), breathe, ratio=ratio))
    return np.concatenate(ahead, axis=1)


def _part(panel: Panel, origins: NDArray[np.intp], horizon: int, known: int, breathe: Breathe, *, ratio: bool) -> Array:
    values = panel.values
    effect = np.zeros((1, panel.count))
    if panel.season > 1:
        effect = season_profile(values[:known], panel.season, ratio=ratio)
        over = spread(effect, panel.times)
        values = values / over if ratio else values - over
    level, slope = line(values[:known])
    bent = 2.0 * values - (level + slope * np.arange(panel.times)[:, None])
    flat = Panel(bent, panel.start)
    smoothed = fit(flat, SIMPLE, np.append(origins, panel.times), horizon, breathe).forecasts[:, :-1]
    if origins[-1] == panel.times:
        smoothed = fit(flat, SIMPLE, origins, horizon, breathe).forecasts
    steps = origins[:, None] + np.arange(horizon)
    found = 0.5 * (smoothed + level[:, None, None] + slope[:, None, None] * steps)
    if panel.season == 1:
        return found
    ahead = effect[steps % panel.season].transpose(2, 0, 1)
    given: Array = found * ahead if ratio else found + ahead
    return given


def line(values: Array) -> tuple[Array, Array]:
    """Return level at row 0 and slope of the line of least squares through each series.

    Parameters
    ----------
    values : ndarray of float64, shape (times, series)
        NaN where there is none.
    """
    known = ~np.isnan(values)
    rows = np.arange(len(values))[:, None] * known
    numbers = np.where(known, values, 0.0)
    count = np.maximum(known.sum(axis=0), 1)
    middle, mean = rows.sum(axis=0) / count, numbers.sum(axis=0) / count
    away = np.where(known, rows - middle, 0.0)
    slope = (away * numbers).sum(axis=0) / np.maximum((away**2).sum(axis=0), 1e-12)
    return mean - slope * middle, slope
