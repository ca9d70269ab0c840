"""Series that are zero most of the time: Croston's method, and that of Teunter, Syntetos and Babai."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.forecasting.panel import Array, Breathe, Panel

_ALPHAS = np.array([0.05, 0.1, 0.2, 0.3])


def croston(panel: Panel, origins: NDArray[np.intp], horizon: int, breathe: Breathe) -> Array:
    """Return the smoothed size of a demand over the smoothed time between two, less the bias of that quotient.

    Croston (1972); the factor 1 - alpha / 2 is Syntetos and Boylan's (2005).
    """
    shape = (len(_ALPHAS), panel.count)
    alpha = _ALPHAS[:, None]
    size, interval = _first(panel)
    size, interval = np.broadcast_to(size, shape).copy(), np.broadcast_to(interval, shape).copy()
    since = np.ones(shape)
    rates = np.empty((panel.times + 1, *shape))
    for time in range(panel.times):
        rates[time] = (1.0 - alpha / 2.0) * size / interval
        value, known = panel.values[time], panel.start <= time
        demand = known & (np.nan_to_num(value) > 0)
        size = np.where(demand, size + alpha * (value - size), size)
        interval = np.where(demand, interval + alpha * (since - interval), interval)
        since = np.where(demand, 1.0, since + known)
        breathe()
    rates[-1] = (1.0 - alpha / 2.0) * size / interval
    return _best(panel, rates, origins, horizon)


def tsb(panel: Panel, origins: NDArray[np.intp], horizon: int, breathe: Breathe) -> Array:
    """Return the smoothed size of a demand times its smoothed probability, which falls where demand dies out.

    Teunter, Syntetos and Babai (2011).
    """
    shape = (len(_ALPHAS), panel.count)
    alpha = _ALPHAS[:, None]
    size, interval = _first(panel)
    size, chance = np.broadcast_to(size, shape).copy(), np.broadcast_to(1.0 / interval, shape).copy()
    rates = np.empty((panel.times + 1, *shape))
    for time in range(panel.times):
        rates[time] = size * chance
        value, known = panel.values[time], panel.start <= time
        demand = known & (np.nan_to_num(value) > 0)
        size = np.where(demand, size + alpha * (value - size), size)
        chance = np.where(known, chance + alpha * (demand - chance), chance)
        breathe()
    rates[-1] = size * chance
    return _best(panel, rates, origins, horizon)


def _first(panel: Panel) -> tuple[Array, Array]:
    """Return the size of the first demand, and after how many steps it came."""
    demand = np.nan_to_num(panel.values) > 0
    at = demand.argmax(axis=0)
    size = np.where(demand.any(axis=0), panel.values[at, np.arange(panel.count)], 0.0)
    return size, np.maximum(at - panel.start + 1.0, 1.0)


def _best(panel: Panel, rates: Array, origins: NDArray[np.intp], horizon: int) -> Array:
    """Return the rates of the alpha with the least squared error before the first origin, and before the last."""
    errors = np.nan_to_num(panel.values)[:, None, :] - rates[:-1]
    errors *= (np.arange(panel.times)[:, None] >= panel.start)[:, None, :]
    series = np.arange(panel.count)
    before, whole = ((errors[:cut] ** 2).sum(axis=0).argmin(axis=0) for cut in (int(origins[0]), panel.times))
    chosen = np.where(origins[:, None] < panel.times, before, whole)
    found = rates[origins[:, None], chosen, series].T
    return np.repeat(found[:, :, None], horizon, axis=2)
