"""The recursion of exponential smoothing, for many series and many parameters in one pass over time.

The forms are those of Hyndman, Koehler, Ord and Snyder (2008) in error-correction form: a level, perhaps a trend that
may be damped, perhaps a season that adds or multiplies. What differs between parameters lies along one axis, what
differs between series along another, so one step of time is a few operations on whole arrays.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.forecasting.panel import Array, Breathe, Panel

TINY = 1e-8


@dataclass(frozen=True)
class Form:
    """Which parts a smoothing has.

    Attributes
    ----------
    name : str
        As it is told.
    trend, damped : bool
        Whether there is a trend, and whether it fades.
    season : str
        ``'none'``, ``'add'`` or ``'multiply'``.
    """

    name: str
    trend: bool = False
    damped: bool = False
    season: str = "none"

    @property
    def seasonal(self) -> bool:
        """Whether there is a season."""
        return self.season != "none"

    def parameters(self, season: int) -> int:
        """Return how many numbers are estimated, those of the first state and the variance included."""
        return 3 + 2 * self.trend + self.damped + (season if self.seasonal else 0)


@dataclass
class Parameters:
    """Parameters of a smoothing; each of shape (c, 1) or (c, series), or one that broadcasts to it."""

    alpha: Array
    beta: Array
    gamma: Array
    phi: Array


@dataclass
class State:
    """Where a smoothing is: level and trend of shape (c, series) or (series,), effects of shape (season, ...)."""

    level: Array
    trend: Array
    effects: Array


@dataclass(frozen=True)
class Smoothed:
    """What a pass over time gave.

    Attributes
    ----------
    errors : ndarray of float64, shape (times, c, series)
        One-step errors; 0 before a series begins.
    forecasts : list of ndarray, each of shape (c, series, horizon)
        One for each origin that was asked for.
    """

    errors: Array
    forecasts: list[Array]


def smooth(
    panel: Panel,
    form: Form,
    parameters: Parameters,
    first: State,
    breathe: Breathe,
    origins: NDArray[np.intp] | None = None,
    horizon: int = 0,
) -> Smoothed:
    """Pass once over time.

    Parameters
    ----------
    panel : Panel
        The series.
    form : Form
        Which parts there are.
    parameters : Parameters
        c sets of them, for all series or for each.
    first : State
        Before each series' first value.
    breathe : callable
        Called after each step of time.
    origins : ndarray of int or None
        Where forecasts are wanted: after so many rows, ascending.
    horizon : int
        Of how many steps.

    Returns
    -------
    Smoothed
    """
    values, latest = panel.values, int(panel.start.max(initial=0))
    shape, level, trend, effects = _begun(panel, form, parameters, first)
    errors = np.zeros((panel.times, *shape))
    wanted = set() if origins is None else set(origins.tolist())
    forecasts = []
    fading = _fading(parameters.phi, horizon) if form.trend else None
    for time in range(panel.times):
        place = time % panel.season
        sloped = trend * parameters.phi if form.damped else trend
        base = level + sloped if form.trend else level
        effect = effects[place] if effects else None
        error = _error(values[time], base, effect, form, out=errors[time])
        pending = panel.start > time if time < latest else None
        if pending is not None:
            error[:, pending] = 0.0
        moved = _divided(error, effect) if form.season == "multiply" else error
        if effect is not None:
            pull = _divided(error, base) if form.season == "multiply" else error
            effects[place] = effect + parameters.gamma * pull
        slower = sloped + parameters.beta * moved if form.trend else trend
        raised = base + parameters.alpha * moved
        # a series that has not begun has no error, so its effects stay; its level must not follow its trend
        level = raised if pending is None else np.where(pending, level, raised)
        trend = slower if pending is None else np.where(pending, trend, slower)
        if time + 1 in wanted:
            forecasts.append(_ahead(level, trend, effects, fading, time + 1, horizon, form))
        breathe()
    return Smoothed(errors, forecasts)


def _begun(
    panel: Panel, form: Form, parameters: Parameters, first: State
) -> tuple[tuple[int, ...], Array, Array, list[Array]]:
    """Return the shape of a state, and copies of level, trend and effects in it."""
    shape = np.broadcast_shapes(parameters.alpha.shape, (1, panel.count), first.level.shape)
    level, trend = (np.broadcast_to(one, shape).copy() for one in (first.level, first.trend))
    effects = [np.broadcast_to(one, shape).copy() for one in first.effects] if form.seasonal else []
    return shape, level, trend, effects


def _error(value: Array, base: Array, effect: Array | None, form: Form, out: Array) -> Array:
    """Write the one-step error, and return it."""
    if effect is None:
        np.subtract(value, base, out=out)
    elif form.season == "multiply":
        np.subtract(value, base * effect, out=out)
    else:
        np.subtract(value, base, out=out)
        out -= effect
    return out


def _divided(error: Array, by: Array | None) -> Array:
    """Return a quotient that stays finite."""
    assert by is not None  # noqa: S101 - forms that multiply have a season
    return error / np.where(np.abs(by) < TINY, TINY, by)


def _fading(phi: Array, horizon: int) -> Array:
    """Return phi + phi**2 + ... of each step: shape (..., horizon)."""
    return np.cumsum(np.asarray(phi)[..., None] ** np.arange(1, horizon + 1), axis=-1)


def _ahead(
    level: Array, trend: Array, effects: list[Array], fading: Array | None, known: int, horizon: int, form: Form
) -> Array:
    found = np.repeat(level[..., None], horizon, axis=-1)
    if fading is not None:
        found = found + trend[..., None] * fading
    if effects:
        season = len(effects)
        order = [(known + step) % season for step in range(min(season, horizon))]
        ahead = np.stack([effects[place] for place in order], axis=-1)[..., np.arange(horizon) % season]
        found = found * ahead if form.season == "multiply" else found + ahead
    return found
