"""Which models there are, which series each is for, and the forecasts of all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.forecasting import intermittent, simple
from motadata_ml_server.forecasting.panel import Array, Breathe, Panel
from motadata_ml_server.forecasting.recursion import Form
from motadata_ml_server.forecasting.smoothing import DAMPED, HOLT, MULTIPLIED, SEASONAL, SIMPLE, Fitted, fit
from motadata_ml_server.forecasting.theta import theta

Mask = NDArray[np.bool_]
Method = Callable[[Panel, NDArray[np.intp], int, Breathe], Array]

INTERMITTENT: Final = 0.4
"""Share of zeros from which a series without negative values counts as intermittent."""


@dataclass(frozen=True)
class Candidate:
    """A model by name.

    Attributes
    ----------
    title : str
        What it is, for users.
    suits : callable
        From a panel to the series that it may be asked for.
    needs : str
        What a series must have for it, for users.
    """

    title: str
    suits: Callable[[Panel], Mask]
    needs: str = "a value"


def _all(panel: Panel) -> Mask:
    return np.ones(panel.count, bool)


def _seasonal(panel: Panel) -> Mask:
    return np.full(panel.count, panel.season > 1)


def positive(panel: Panel) -> Mask:
    """Return which series are above zero throughout."""
    given: Mask = np.nanmin(panel.values, axis=0) > 0
    return given


def _multiplied(panel: Panel) -> Mask:
    return _seasonal(panel) & positive(panel)


def sparse(panel: Panel) -> Mask:
    """Return which series are intermittent: never negative, and zero for a good part of the time."""
    known = ~np.isnan(panel.values)
    zeros = (panel.values == 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    given: Mask = (np.nanmin(panel.values, axis=0) >= 0) & (zeros >= INTERMITTENT) & (zeros < 1)
    return given


_A_SEASON: Final = "a season"
_ZEROS: Final = f"no value below zero and at least {INTERMITTENT:.0%} zeros"

CANDIDATES: Final[Mapping[str, Candidate]] = {
    "naive": Candidate("the last value", _all),
    "seasonal_naive": Candidate("the last season", _seasonal, _A_SEASON),
    "drift": Candidate("the line through the first and the last value", _all),
    "mean": Candidate("the mean of all values", _all),
    "ses": Candidate("simple exponential smoothing", _all),
    "holt": Candidate("Holt's linear trend", _all),
    "damped": Candidate("a trend that fades", _all),
    "holt_winters": Candidate("Holt-Winters with a season that adds", _seasonal, _A_SEASON),
    "holt_winters_multiply": Candidate(
        "Holt-Winters with a season that multiplies", _multiplied, f"{_A_SEASON} and values above zero throughout"
    ),
    "ets": Candidate("the exponential smoothing with the best information criterion", _all),
    "theta": Candidate("the theta method", _all),
    "croston": Candidate("Croston's method for intermittent series", sparse, _ZEROS),
    "tsb": Candidate("the method of Teunter, Syntetos and Babai for intermittent series", sparse, _ZEROS),
}

_METHODS: Final[Mapping[str, Method]] = {
    "naive": simple.naive,
    "seasonal_naive": simple.seasonal_naive,
    "drift": simple.drift,
    "mean": simple.mean,
    "theta": theta,
    "croston": intermittent.croston,
    "tsb": intermittent.tsb,
}


def forecasts_of(
    panel: Panel, names: list[str], origins: NDArray[np.intp], horizon: int, breathe: Breathe
) -> dict[str, Array]:
    """Return what each model forecasts from each origin.

    Parameters
    ----------
    panel : Panel
        The series.
    names : list of str
        Of `CANDIDATES`.
    origins : ndarray of int, shape (m,)
        Ascending; the last is all.
    horizon : int
        Steps ahead.
    breathe : callable
        Called between steps.

    Returns
    -------
    dict of str to ndarray of float64, shape (series, m, horizon)
        NaN for a series that a model is not for.
    """
    found: dict[str, Array] = {}
    suited = {name: CANDIDATES[name].suits(panel) for name in names}
    for name in names:
        if name in _METHODS and suited[name].any():
            found[name] = _spread(_METHODS[name], panel, suited[name], origins, horizon, breathe)
    smoothed = _smoothed(panel, names, origins, horizon, breathe)
    found.update({name: np.where(suited[name][:, None, None], smoothed[name], np.nan) for name in smoothed})
    return {name: found[name] for name in names if name in found}


def _spread(
    method: Method, panel: Panel, suited: Mask, origins: NDArray[np.intp], horizon: int, breathe: Breathe
) -> Array:
    if suited.all():
        return method(panel, origins, horizon, breathe)
    found = np.full((panel.count, len(origins), horizon), np.nan)
    found[suited] = method(panel.take(suited), origins, horizon, breathe)
    return found


def _smoothed(
    panel: Panel, names: list[str], origins: NDArray[np.intp], horizon: int, breathe: Breathe
) -> dict[str, Array]:
    """Return the forecasts of what is made of exponential smoothing; each form is fitted once."""
    ets = "ets" in names
    seasonal = panel.season > 1
    forms: dict[str, Form] = {form.name: form for form in (SIMPLE, HOLT, DAMPED) if ets or form.name in names}
    multiplied = _multiplied(panel)
    if seasonal:
        forms.update({form.name: form for form in SEASONAL if ets or form.name in names})
        if multiplied.any():
            forms.update({form.name: form for form in MULTIPLIED if ets or form.name in names})
    fitted: dict[str, Fitted] = {}
    for name, form in forms.items():
        fitted[name] = _fitted(panel, form, multiplied, origins, horizon, breathe)
    found = {name: one.forecasts for name, one in fitted.items() if name in names}
    if ets:
        found["ets"] = _selected(list(fitted.values()))
    return found


def _fitted(
    panel: Panel, form: Form, multiplied: Mask, origins: NDArray[np.intp], horizon: int, breathe: Breathe
) -> Fitted:
    if form.season != "multiply" or multiplied.all():
        return fit(panel, form, origins, horizon, breathe)
    part = fit(panel.take(multiplied), form, origins, horizon, breathe)
    forecasts = np.full((panel.count, len(origins), horizon), np.nan)
    criterion = np.full((2, panel.count), np.inf)
    forecasts[multiplied] = part.forecasts
    criterion[:, multiplied] = part.criterion
    return Fitted(forecasts, criterion)


def _selected(fitted: list[Fitted]) -> Array:
    """Return the forecasts of the form with the least criterion: before the first origin, and for the last."""
    criteria = np.stack([one.criterion for one in fitted])
    criteria[np.isnan(criteria)] = np.inf
    forecasts = np.stack([one.forecasts for one in fitted])
    before, whole = criteria.argmin(axis=0)
    series = np.arange(forecasts.shape[1])
    found: Array = forecasts[before, series]
    found[:, -1] = forecasts[whole, series, -1]
    return found
