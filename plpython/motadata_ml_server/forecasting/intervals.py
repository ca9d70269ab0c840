"""Intervals around forecasts, conformal: from how far the same forecasts were off at the rolling origins.

Each step has a scale, the root of its mean squared error, which never falls with the step. Errors divided by the scales
of their steps are one sample for all steps; its quantile, times a step's scale, is how wide the interval is there.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from motadata_ml_server.forecasting.panel import Array

OVERLAP: Final = 0.2
"""By how much less errors count for each further step that forecasts overlap by: they are no independent ones.

Found on real series: coverage at 0.9 is 0.86 where they all count in full, and 0.94 with 0.5.
"""


def half_widths(errors: Array, fallback: Array, level: float, horizon: int) -> Array:
    """Return half the width of the interval of each step.

    Parameters
    ----------
    errors : ndarray of float64, shape (series, origins, tested)
        Of the forecasts that are to be surrounded; NaN where unknown.
    fallback : ndarray of float64, shape (series,)
        The scale of one step where nothing was tested.
    level : float
        Share of what comes that is to lie inside.
    horizon : int
        Steps, those beyond the tested ones included: there the scale grows with the root of the step.

    Returns
    -------
    ndarray of float64, shape (series, horizon)
        Not falling with the step.
    """
    count, _, tested = errors.shape
    known = ~np.isnan(errors)
    number = known.sum(axis=1)
    squares = np.where(known, errors, 0.0) ** 2
    scale = np.sqrt(squares.sum(axis=1) / np.maximum(number, 1)) if tested else np.empty((count, 0))
    if not tested:
        scale = np.repeat(fallback[:, None], 1, axis=1)
    scale = np.maximum.accumulate(scale, axis=1)
    beyond = np.arange(scale.shape[1] + 1, horizon + 1)
    further = scale[:, -1:] * np.sqrt(beyond / scale.shape[1])
    whole = np.concatenate([scale, further], axis=1)[:, :horizon]
    return whole * _factor(errors, scale, level)[:, None]


def _factor(errors: Array, scale: Array, level: float) -> Array:
    """Return the quantile of absolute errors in units of their step's scale: shape (series,)."""
    normal = normal_quantile(0.5 + level / 2.0)
    if not errors.size:
        return np.full(len(errors), normal)
    sample = np.abs(errors) / np.maximum(scale, 1e-300)[:, None, :]
    flat = np.sort(sample.reshape(len(errors), -1), axis=1)  # NaN come last
    number = (~np.isnan(flat)).sum(axis=1)
    independent = np.maximum((~np.isnan(errors[:, :, 0])).sum(axis=1) / (1.0 + OVERLAP * (errors.shape[2] - 1)), 1.0)
    wanted = level * (independent + 1.0) / independent
    place = np.clip(np.ceil(np.minimum(wanted, 1.0) * number).astype(np.intp) - 1, 0, np.maximum(number - 1, 0))
    found = flat[np.arange(len(flat)), place]
    few = normal * np.sqrt(1.0 + 0.5 / independent)
    found = np.where(wanted > 1.0, np.maximum(found, few), found)
    return np.where(np.isfinite(found), found, normal)


def normal_quantile(share: float) -> float:
    """Return the quantile of the standard normal distribution, by Newton's method on its distribution function."""
    from math import erf, exp, pi, sqrt

    found = 0.0
    for _ in range(60):
        density = exp(-0.5 * found * found) / sqrt(2.0 * pi)
        step = (0.5 * (1.0 + erf(found / sqrt(2.0))) - share) / max(density, 1e-12)
        found -= max(-1.0, min(1.0, step))
        if abs(step) < 1e-12:
            break
    return found
