"""The shape of a season, by classical decomposition: what smoothing begins with and the theta method takes out."""

from __future__ import annotations

import warnings

import numpy as np

from motadata_ml_server.forecasting.panel import Array


def moving_average(values: Array, width: int) -> Array:
    """Return the centred mean of a season's values, the two at the ends by half where the width is even.

    Parameters
    ----------
    values : ndarray of float64, shape (times, series)
        NaN where there is none.
    width : int
        Steps of the season.

    Returns
    -------
    ndarray of float64, shape (times, series)
        NaN where the window is not full.
    """
    times = len(values)
    missing = np.isnan(values)
    sums = np.zeros((times + 1, values.shape[1]))
    np.cumsum(np.where(missing, 0.0, values), axis=0, out=sums[1:])
    gaps = np.zeros((times + 1, values.shape[1]), np.int64)
    np.cumsum(missing, axis=0, out=gaps[1:])
    found = np.full(values.shape, np.nan)
    half = width // 2
    if times < 2 * half + 1:
        return found
    span = 2 * half + 1
    total = sums[span:] - sums[:-span]
    if width % 2 == 0:
        total = total - 0.5 * (np.where(missing, 0.0, values)[: times - 2 * half] + np.nan_to_num(values[2 * half :]))
    found[half : times - half] = np.where(gaps[span:] > gaps[:-span], np.nan, total / width)
    return found


def season_profile(values: Array, season: int, *, ratio: bool) -> Array:
    """Return the effect of each phase of a season.

    Parameters
    ----------
    values : ndarray of float64, shape (times, series)
        NaN where there is none.
    season : int
        Steps of a season, at least 2.
    ratio : bool
        Whether an effect multiplies, so that their mean is 1; else it adds, and their mean is 0.

    Returns
    -------
    ndarray of float64, shape (season, series)
        By the row's number modulo the season; without effect where too little is known.
    """
    trend = moving_average(values, season)
    with np.errstate(divide="ignore", invalid="ignore"):
        moved = values / trend if ratio else values - trend
    moved[~np.isfinite(moved)] = np.nan
    cycles = -(-len(values) // season)
    whole = np.full((cycles * season, values.shape[1]), np.nan)
    whole[: len(values)] = moved
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # the mean of nothing is NaN, and meant
        effect: Array = np.nanmean(whole.reshape(cycles, season, -1), axis=0)
        middle = np.nanmean(effect, axis=0)
    effect = effect / middle if ratio else effect - middle
    neutral = 1.0 if ratio else 0.0
    effect[~np.isfinite(effect)] = neutral
    return np.maximum(effect, 1e-3) if ratio else effect


def spread(effect: Array, times: int, first: int = 0) -> Array:
    """Return the effects of some steps in a row, from the number of the first: shape (times, series)."""
    return effect[(first + np.arange(times)) % len(effect)]
