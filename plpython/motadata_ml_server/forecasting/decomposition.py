"""A series as trend, season and remainder: seasonal and trend decomposition by local regression, as Cleveland's STL.

Local regression takes all points within a window of fixed width, also at the ends, where STL takes a fixed number.
Outliers lose their weight in two rounds (Cleveland et al., 1990).
"""

from __future__ import annotations

from typing import Final

import numpy as np

from motadata_ml_server.forecasting.panel import Array, Breathe
from motadata_ml_server.forecasting.profile import moving_average

ROUNDS: Final = 2
"""Rounds in which outliers lose weight, after the first."""

CYCLES: Final = 7
"""How many seasons a season's effect is smoothed over; with fewer it stays the same throughout."""


def smooth_line(values: Array, weights: Array, half: int) -> Array:
    """Return a local straight line's value at each point.

    Parameters
    ----------
    values, weights : ndarray of float64, shape (n,)
        Regular; weights not negative.
    half : int
        Points on each side that count, less the farther they are (tricube).
    """
    steps = np.arange(-half, half + 1, dtype=np.float64)
    kernel = (1.0 - np.abs(steps / (half + 1.0)) ** 3) ** 3

    def total(of: Array, power: int) -> Array:
        # np.convolve turns the kernel around, so the odd power changes its sign
        found = np.convolve(of, (kernel * (-steps) ** power), mode="full")
        return found[half : half + len(values)]

    s0, s1, s2 = (total(weights, power) for power in range(3))
    y0, y1 = total(weights * values, 0), total(weights * values, 1)
    spread = s0 * s2 - s1 * s1
    flat = spread <= 1e-10 * np.maximum(s0 * s2, 1e-300)
    slope = np.where(flat, 0.0, (s0 * y1 - s1 * y0) / np.where(flat, 1.0, spread))
    base = np.where(s0 > 0, s0, 1.0)
    return np.where(s0 > 0, (y0 - slope * s1) / base, 0.0)


def decompose(values: Array, season: int, breathe: Breathe, rounds: int = ROUNDS) -> tuple[Array, Array]:
    """Return trend and season of a series; what is left is the remainder.

    Parameters
    ----------
    values : ndarray of float64, shape (n,)
        Regular, without NaN.
    season : int
        Steps of a season; 1 is none.
    breathe : callable
        Called between rounds.
    rounds : int
        Rounds in which outliers lose weight.

    Returns
    -------
    trend, season : ndarray of float64, shape (n,)
    """
    count = len(values)
    trend, seasonal = np.zeros(count), np.zeros(count)
    weights = np.ones(count)
    half = season if season > 1 else max(2, count // 10)
    if season > 1:
        trend = smooth_line(values, weights, half)
    for _ in range(rounds + 1):
        for _ in range(2):
            if season > 1:
                seasonal = _seasonal(values - trend, weights, season)
            trend = smooth_line(values - seasonal, weights, half)
            breathe()
        weights = _weights(values - trend - seasonal)
    return trend, seasonal


def _seasonal(detrended: Array, weights: Array, season: int) -> Array:
    count = len(detrended)
    found = np.empty(count)
    for place in range(season):
        of_place, weight = detrended[place::season], weights[place::season]
        if len(of_place) < CYCLES:
            found[place::season] = (of_place * weight).sum() / max(float(weight.sum()), 1e-12)
        else:
            found[place::season] = smooth_line(of_place, weight, CYCLES // 2 + 1)
    return found - _level(found, season)


def _level(values: Array, season: int) -> Array:
    """Return the mean of a season around each point; at the ends that of the first and the last whole one."""
    level = moving_average(values[:, None], season)[:, 0]
    known = np.flatnonzero(~np.isnan(level))
    if not len(known):
        return np.full(len(values), values.mean())
    level[: known[0]], level[known[-1] + 1 :] = level[known[0]], level[known[-1]]
    return level


def _weights(remainder: Array) -> Array:
    """Return Tukey's biweight of remainders, beyond six of their median nothing."""
    width = 6.0 * float(np.median(np.abs(remainder)))
    if width <= 0:
        return np.ones(len(remainder))
    return np.maximum(1.0 - (remainder / width) ** 2, 0.0) ** 2 * (np.abs(remainder) < width)
