"""The forecasts that any other has to beat: the last value, the last season, the line through both ends, the mean."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.forecasting.panel import Array, Breathe, Panel


def naive(panel: Panel, origins: NDArray[np.intp], horizon: int, _: Breathe) -> Array:
    """Return the last value, for every step.

    Parameters
    ----------
    panel : Panel
        The series; so in every model.
    origins : ndarray of int, shape (m,)
        How many rows each forecast knows, ascending.
    horizon : int
        Steps ahead.

    Returns
    -------
    ndarray of float64, shape (series, m, horizon)
    """
    last = panel.values[origins - 1].T
    return np.repeat(last[:, :, None], horizon, axis=2)


def seasonal_naive(panel: Panel, origins: NDArray[np.intp], horizon: int, _: Breathe) -> Array:
    """Return the values of the last season over and over, as `naive` does those of the last step."""
    steps = np.arange(horizon) % panel.season
    rows = np.maximum(origins[:, None] - panel.season + steps[None, :], 0)
    return _filled(panel.values[rows].transpose(2, 0, 1), naive(panel, origins, horizon, _))


def drift(panel: Panel, origins: NDArray[np.intp], horizon: int, _: Breathe) -> Array:
    """Return the line through the first and the last value."""
    last = panel.values[origins - 1].T
    first = panel.values[panel.start, np.arange(panel.count)]
    known = origins[None, :] - 1 - panel.start[:, None]
    slope = (last - first[:, None]) / np.maximum(known, 1)
    given: Array = last[:, :, None] + slope[:, :, None] * np.arange(1, horizon + 1)
    return given


def mean(panel: Panel, origins: NDArray[np.intp], horizon: int, _: Breathe) -> Array:
    """Return the mean of all that is known, for every step."""
    total = np.cumsum(np.nan_to_num(panel.values), axis=0)[origins - 1].T
    known = np.maximum(origins[None, :] - panel.start[:, None], 1)
    return np.repeat((total / known)[:, :, None], horizon, axis=2)


def _filled(found: Array, otherwise: Array) -> Array:
    """Return forecasts, and others where a series was too young for them."""
    return np.where(np.isnan(found), otherwise, found)
