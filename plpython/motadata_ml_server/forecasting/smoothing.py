"""Exponential smoothing, fitted: simple, Holt's, damped, Holt-Winters', and the best of them by information criterion.

Parameters are looked for on a grid, for all series at once, then around the best of each; the first level and trend
come from least squares, which is exact where errors are linear in them. All of that happens twice in each pass: for
what is known at the first rolling origin, and for all that is known.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.forecasting.panel import Array, Breathe, Panel
from motadata_ml_server.forecasting.profile import season_profile, spread
from motadata_ml_server.forecasting.recursion import Form, Parameters, State, smooth

SIMPLE = Form("ses")
HOLT = Form("holt", trend=True)
DAMPED = Form("damped", trend=True, damped=True)
SEASONAL = (
    Form("seasonal_ses", season="add"),
    Form("holt_winters", trend=True, season="add"),
    Form("damped_winters", trend=True, damped=True, season="add"),
)
MULTIPLIED = (
    Form("seasonal_ses_multiply", season="multiply"),
    Form("holt_winters_multiply", trend=True, season="multiply"),
    Form("damped_winters_multiply", trend=True, damped=True, season="multiply"),
)

SEASONS_AT_START = 4
"""How many seasons the first effects are taken from, at the most: effects may change later."""

_ALPHAS = (0.02, 0.05, 0.1, 0.2, 0.28, 0.35, 0.42, 0.5, 0.6, 0.7, 0.8, 0.9, 0.99)
_SEASONAL_ALPHAS = (0.05, 0.2, 0.5, 0.85)
_FEWER_ALPHAS = (0.03, 0.15, 0.35, 0.6, 0.9)
_SHARES = (0.02, 0.15, 0.4)
_GAMMAS = (0.01, 0.15, 0.45)
_PHIS = (0.85, 0.95)
_BLOCK = 8
"""Steps of time whose product is taken before its logarithm: of values scaled to about 1 it stays within floats."""

_ROUNDS = (0.7, 0.4, 0.2)
"""By which part of a grid's distance the best is moved, round by round."""


@dataclass(frozen=True)
class Fitted:
    """A form, fitted twice.

    Attributes
    ----------
    forecasts : ndarray of float64, shape (series, origins, horizon)
        From each origin; parameters of all but the last know what is known at the first.
    criterion : ndarray of float64, shape (2, series)
        Corrected information criterion of Akaike (AICc) on what the first origin knows, and on all.
    """

    forecasts: Array
    criterion: Array


def fit(panel: Panel, form: Form, origins: NDArray[np.intp], horizon: int, breathe: Breathe) -> Fitted:
    """Fit one form to all series of a panel, and forecast from each origin.

    Parameters
    ----------
    panel : Panel
        The series; positive where the season multiplies.
    form : Form
        Which parts there are.
    origins : ndarray of int
        Ascending; the last is all.
    horizon : int
        Steps ahead.
    breathe : callable
        Called between steps.
    """
    cuts = (int(origins[0]), panel.times)
    first = first_state(panel, form, cuts[0])
    grid = _grid(form)
    tried = smooth(panel, form, _parameters(grid[:, :, None], form), first, breathe).errors
    corrections = _corrections(panel, form, grid, tried, cuts, breathe)
    losses = np.stack([_loss(panel, form, tried, cut) - less for cut, (less, _) in zip(cuts, corrections, strict=True)])
    best = losses.argmin(axis=1)
    series = np.arange(panel.count)
    shifts = [delta[best[number], series] for number, (_, delta) in enumerate(corrections)]
    state = State(
        np.stack([first.level + shift[:, 0] for shift in shifts]),
        np.stack([first.trend + (shift[:, 1] if form.trend else 0.0) for shift in shifts]),
        np.repeat(first.effects[:, None, :], 2, axis=1) if form.seasonal else first.effects,
    )
    chosen, loss = _around(panel, form, grid[best].transpose(0, 2, 1), state, cuts, breathe)
    final = smooth(panel, form, _parameters(chosen.transpose(1, 0, 2), form), state, breathe, origins, horizon)
    ahead = [each[0] for each in final.forecasts[:-1]] + [final.forecasts[-1][1]]
    return Fitted(np.stack(ahead, axis=1), _criterion(panel, form, loss, cuts))


def first_state(panel: Panel, form: Form, cut: int) -> State:
    """Return the state before a series begins: effects of its first seasons, and a line through its first values."""
    values, season = panel.values[:cut], panel.season
    rows = np.arange(cut)[:, None]
    effects = np.zeros((max(season, 1), panel.count))
    if form.seasonal:
        early = np.where(rows < panel.start + SEASONS_AT_START * season, values, np.nan)
        effects = season_profile(early, season, ratio=form.season == "multiply")
        over = spread(effects, cut)
        values = values / over if form.season == "multiply" else values - over
    width = max(10, 2 * season) if form.seasonal else 10
    known = (rows >= panel.start) & (rows < panel.start + width)
    steps = np.where(known, rows - panel.start + 1.0, 0.0)
    numbers = np.where(known, values, 0.0)
    count = np.maximum(known.sum(axis=0), 1)
    middle, mean = steps.sum(axis=0) / count, numbers.sum(axis=0) / count
    away = np.where(known, steps - middle, 0.0)
    slope = (away * numbers).sum(axis=0) / np.maximum((away**2).sum(axis=0), 1e-12)
    if not form.trend:
        return State(mean, np.zeros(panel.count), effects)
    return State(mean - slope * middle, slope, effects)


def _grid(form: Form) -> Array:
    """Return sets of (alpha, share of beta in alpha, share of gamma in 1 - alpha, phi): shape (c, 4)."""
    alphas = _SEASONAL_ALPHAS if form.seasonal else _FEWER_ALPHAS if form.trend else _ALPHAS
    shares = (_SHARES[:2] if form.seasonal else _SHARES) if form.trend else (0.0,)
    gammas = _GAMMAS if form.seasonal else (0.0,)
    phis = (0.93,) if form.damped and form.seasonal else _PHIS if form.damped else (1.0,)
    return np.array(list(product(alphas, shares, gammas, phis)))


def _parameters(sets: Array, form: Form) -> Parameters:
    """Return parameters of sets whose second axis has the four numbers."""
    alpha = sets[:, 0]
    return Parameters(alpha, alpha * sets[:, 1], (1.0 - alpha) * sets[:, 2], sets[:, 3])


def _loss(panel: Panel, form: Form, errors: Array, cut: int) -> Array:
    """Return the sum of squares up to a cut, of relative errors where the season multiplies: shape (c, series)."""
    if form.season != "multiply":
        given: Array = np.einsum("tcs,tcs->cs", errors[:cut], errors[:cut])
        return given
    squares, logs = np.zeros(errors.shape[1:]), np.zeros(errors.shape[1:])
    for first in range(0, cut, _BLOCK):
        rows = slice(first, min(first + _BLOCK, cut))
        known = ~np.isnan(panel.values[rows, None, :])
        fitted = np.where(known, np.maximum(panel.values[rows, None, :] - errors[rows], 1e-8), 1.0)
        relative = errors[rows] / fitted
        squares += np.einsum("tcs,tcs->cs", relative, relative)
        logs += np.log(fitted.prod(axis=0))
    count = np.maximum(cut - panel.start, 1)
    # in the unit of the other forms' loss: n log(loss) is minus twice the likelihood, but for a constant
    found: Array = squares * np.exp(2.0 * logs / count)
    return found


def _corrections(
    panel: Panel, form: Form, grid: Array, errors: Array, cuts: tuple[int, int], breathe: Breathe
) -> list[tuple[Array, Array]]:
    """Return by how much a better first level and trend lessen the loss, and that difference, for each cut.

    Errors are linear in the first state where nothing multiplies. How they answer to it is one pass over zeros.
    """
    unknowns = 2 if form.trend else 1
    if form.season == "multiply":
        nothing = np.zeros((len(grid), panel.count))
        return [(nothing, np.zeros((len(grid), panel.count, unknowns)))] * 2
    zeros = Panel(np.zeros((panel.times, unknowns)), np.zeros(unknowns, np.intp), panel.season)
    unit = State(np.eye(2)[0, :unknowns], np.eye(2)[1, :unknowns], np.zeros((max(panel.season, 1), unknowns)))
    answer = smooth(zeros, form, _parameters(grid[:, :, None], form), unit, breathe).errors
    found = []
    for cut in cuts:
        delta = np.zeros((len(grid), panel.count, unknowns))
        less = np.zeros((len(grid), panel.count))
        for start in np.unique(panel.start).tolist():
            rows = np.flatnonzero(panel.start == start)
            part = answer[: max(cut - start, 0)]
            own = errors[start:cut] if len(rows) == panel.count else errors[start:cut][:, :, rows]
            pull = np.stack([np.einsum("tcs,tc->cs", own, part[:, :, u]) for u in range(unknowns)], axis=-1)
            gram = np.einsum("tcu,tcv->cuv", part, part) + 1e-9 * np.eye(unknowns)
            inverse = np.linalg.inv(gram)
            delta[:, rows] = -np.einsum("cuv,csv->csu", inverse, pull)
            less[:, rows] = np.einsum("csu,cuv,csv->cs", pull, inverse, pull)
        found.append((less, delta))
    return found


def _around(
    panel: Panel, form: Form, chosen: Array, state: State, cuts: tuple[int, int], breathe: Breathe
) -> tuple[Array, Array]:
    """Return better sets near those chosen, of shape (4, 2, series) of both cuts, and their losses: (2, series)."""
    chosen = chosen.transpose(1, 0, 2).copy()
    used = [0, *([1] if form.trend else []), *([2] if form.seasonal else []), *([3] if form.damped else [])]
    width = np.array([0.15, 0.12, 0.2, 0.06])
    loss = np.full((2, panel.count), np.inf)
    for round_ in _ROUNDS:
        moves = [np.zeros(4)]
        for number in used:
            moves += [np.eye(4)[number] * width * sign * round_ for sign in (-1.0, 1.0)]
        steps = np.array(moves)
        for cut in range(2):
            near = chosen[None, :, cut, :] + steps[:, :, None]
            near = _bounded(near)
            repeated = State(
                state.level[cut], state.trend[cut], state.effects[:, cut] if form.seasonal else state.effects
            )
            errors = smooth(panel, form, _parameters(near, form), repeated, breathe).errors
            losses = _loss(panel, form, errors, cuts[cut])
            best = losses.argmin(axis=0)
            series = np.arange(panel.count)
            chosen[:, cut] = near[best, :, series].T
            loss[cut] = losses[best, series]
    return chosen, loss


def _bounded(sets: Array) -> Array:
    low = np.array([1e-3, 0.0, 0.0, 0.8])[None, :, None]
    high = np.array([0.999, 1.0, 0.99, 1.0])[None, :, None]
    return np.clip(sets, low, high)


def _criterion(panel: Panel, form: Form, loss: Array, cuts: tuple[int, int]) -> Array:
    k = form.parameters(panel.season)
    n = np.maximum(np.array(cuts)[:, None] - panel.start[None, :], 1)
    spare = n - k - 1.0
    with np.errstate(divide="ignore"):
        likelihood = n * np.log(np.maximum(loss, 1e-300) / n)
    return np.where(spare > 0, likelihood + 2.0 * k + 2.0 * k * (k + 1.0) / np.maximum(spare, 1e-9), np.inf)
