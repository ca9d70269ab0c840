"""Whether a series has a season: its autocorrelation once the trend is out."""

from __future__ import annotations

from typing import Final

import numpy as np

from motadata_ml_server.forecasting.panel import Array
from motadata_ml_server.forecasting.profile import moving_average

SIGNIFICANT: Final = 1.645
"""How many standard errors the autocorrelation at the season is to be above zero: 95 %, one-sided."""

LEAST: Final = 0.2
"""And how large at least: of a long series any small one is significant."""


def autocorrelation(values: Array, lags: int) -> Array:
    """Return the autocorrelation at lags 1 to `lags` of a series without NaN: shape (lags,)."""
    away = values - values.mean()
    total = float(np.dot(away, away))
    if total <= 0:
        return np.zeros(lags)
    size = 1 << (2 * len(away) - 1).bit_length()
    spectrum = np.fft.rfft(away, size)
    found = np.fft.irfft(spectrum * np.conj(spectrum), size)[1 : lags + 1]
    return found / total


def seasons_of(values: Array, periods: list[int]) -> list[int]:
    """Return those of some periods that a series has a season of, the clearest first.

    A period is tested against the autocorrelation of the series less its moving average of that width; the standard
    error at a lag is Bartlett's, from the autocorrelations before it.

    Parameters
    ----------
    values : ndarray of float64, shape (n,)
        Regular, without NaN.
    periods : list of int
        In steps.
    """
    found = []
    for period in periods:
        if period < 2 or len(values) < 2 * period + 4:
            continue
        detrended = values - moving_average(values[:, None], period)[:, 0]
        kept = detrended[~np.isnan(detrended)]
        if len(kept) < period + 3:
            # two seasons leave one behind the average: the line through all has to do
            rows = np.arange(len(values))
            kept = values - np.polyval(np.polyfit(rows, values, 1), rows)
        correlations = autocorrelation(kept, period)
        error = np.sqrt((1.0 + 2.0 * float((correlations[:-1] ** 2).sum())) / len(kept))
        # of few seasons the estimate is too small by the share of the pairs that are missing
        estimate = float(correlations[-1]) * len(kept) / max(len(kept) - period, 1)
        if estimate > max(SIGNIFICANT * error, LEAST):
            found.append((estimate, period))
    return [period for _, period in sorted(found, reverse=True)]
