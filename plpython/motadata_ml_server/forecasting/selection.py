"""Which model a series gets: by its error from rolling origins, the best alone or a weighted mean of the best."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.forecasting.panel import Array, Panel

NEAR: Final = 1.25
"""How much worse than the best a model may be to take part in the mean."""

MOST: Final = 5
"""How many models take part at the most."""

POWER: Final = 2.0
"""A model's weight falls with this power of its error."""


@dataclass(frozen=True)
class Backtest:
    """Forecasts of several models, and how far they were off.

    Attributes
    ----------
    names : list of str
        The models.
    forecasts : ndarray of float64, shape (models, series, origins, horizon)
        The last origin is all that is known; NaN where a model is not for a series.
    actual : ndarray of float64, shape (series, origins - 1, tested)
        What came; NaN where that is not known.
    tested : int
        Steps that were tested.
    """

    names: list[str]
    forecasts: Array
    actual: Array
    tested: int

    @property
    def errors(self) -> Array:
        """Actual less forecast: shape (models, series, origins - 1, tested)."""
        return self.actual[None] - self.forecasts[:, :, :-1, : self.tested]

    def scores(self) -> Array:
        """Return the mean absolute error of each model and series, each step alike: shape (models, series)."""
        errors = np.abs(self.errors)
        known = ~np.isnan(self.actual)
        by_step = np.where(known, errors, 0.0).sum(axis=2) / np.maximum(known.sum(axis=1), 1)
        found: Array = by_step.mean(axis=-1)
        return np.where(np.isfinite(found), found, np.inf)


def actual_values(panel: Panel, origins: NDArray[np.intp], tested: int) -> Array:
    """Return what came after each origin but the last: shape (series, origins - 1, tested)."""
    rows = origins[:-1, None] + np.arange(tested)
    values = panel.values[np.minimum(rows, panel.times - 1)]
    return np.where((rows < panel.times)[:, :, None], values, np.nan).transpose(2, 0, 1)


def weights_of(scores: Array) -> Array:
    """Return each model's weight in the mean that a series gets: shape (models, series), columns of sum 1.

    Parameters
    ----------
    scores : ndarray of float64, shape (models, series)
        Errors; infinite where a model is not for a series.
    """
    best = scores.min(axis=0)
    rank = scores.argsort(axis=0, kind="stable").argsort(axis=0, kind="stable")
    part = (scores <= NEAR * best) & (rank < MOST) & np.isfinite(scores)
    floor = np.maximum(best, 1e-300)
    with np.errstate(divide="ignore", invalid="ignore"):
        raw = np.where(part, (floor / np.maximum(scores, floor)) ** POWER, 0.0)
    total = raw.sum(axis=0)
    return raw / np.where(total > 0, total, 1.0)


def combined(forecasts: Array, weights: Array) -> Array:
    """Return the weighted mean of forecasts: shape (series, origins, horizon)."""
    used = np.where(weights[:, :, None, None] > 0, forecasts, 0.0)
    found: Array = np.einsum("msoh,ms->soh", used, weights)
    return found
