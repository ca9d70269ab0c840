"""From series to forecasts: what is chosen, how wide intervals are, and odd series."""

from __future__ import annotations

import numpy as np
import pytest

from motadata_ml_server.forecasting.engine import Asked, outlooks
from motadata_ml_server.forecasting.intervals import half_widths, normal_quantile
from motadata_ml_server.forecasting.selection import weights_of
from motadata_ml_server.postgres.breath import no_breath


def test_normal_quantile_is_the_published_one() -> None:
    assert [normal_quantile(share) for share in (0.5, 0.95, 0.975, 0.9995)] == pytest.approx(
        [0.0, 1.6448536, 1.9599640, 3.2905267], abs=1e-6
    )


def test_widths_never_fall_and_hold_what_they_promise() -> None:
    rng = np.random.default_rng(2)
    errors = rng.normal(size=(200, 60, 5)) * np.array([1.0, 1.5, 1.4, 2.0, 2.2])
    widths = half_widths(errors, np.ones(200), 0.9, 8)
    assert widths.shape == (200, 8)
    assert (np.diff(widths, axis=1) >= 0).all()
    fresh = rng.normal(size=(200, 400)) * 1.5
    assert np.mean(np.abs(fresh) <= widths[:, 1:2]) == pytest.approx(0.9, abs=0.02)


def test_weights_are_of_the_best_and_sum_to_one() -> None:
    scores = np.array([[1.0, np.inf], [1.1, 2.0], [5.0, 2.0], [np.inf, np.inf]])
    weights = weights_of(scores)
    assert weights.sum(axis=0).tolist() == pytest.approx([1.0, 1.0])
    assert weights[0, 0] > weights[1, 0] > weights[2, 0] == 0.0
    assert weights[:, 1].tolist() == [0.0, 0.5, 0.5, 0.0]


def test_coverage_on_series_of_known_structure() -> None:
    """What comes lies in the intervals about as often as they say, over 300 series."""
    rng = np.random.default_rng(7)
    rows = np.arange(150)
    whole = [
        40
        + 0.1 * rows
        + 6 * np.sin(2 * np.pi * (rows + rng.integers(7)) / 7)
        + rng.normal(size=150)
        + np.cumsum(rng.normal(size=150) * 0.3)
        for _ in range(300)
    ]
    found = outlooks([one[:136] for one in whole], [7] * 300, Asked(14), no_breath)
    inside = [(out.lower <= one[136:]) & (one[136:] <= out.upper) for one, out in zip(whole, found, strict=True)]
    assert 0.86 <= np.mean(inside) <= 0.94


@pytest.mark.parametrize("values", [[3.0], [3.0, 4.0], [3.0, 4.0, 5.0], [2.0] * 40, [0.0] * 40, [1e300, -1e300] * 6])
def test_short_and_constant_series_have_finite_forecasts(values: list[float]) -> None:
    (found,) = outlooks([np.array(values)], [1], Asked(3), no_breath)
    assert np.isfinite([found.value, found.lower, found.upper]).all()
    assert (found.lower <= found.value).all()
    if len(set(values)) == 1:
        assert found.value.tolist() == pytest.approx(values[:1] * 3)


def test_counts_never_go_below_zero() -> None:
    rng = np.random.default_rng(4)
    (found,) = outlooks([rng.poisson(0.4, 120).astype(float)], [1], Asked(10), no_breath)
    assert (found.lower >= 0).all()
    assert (found.value >= 0).all()


def test_each_series_gets_the_model_that_fits_it() -> None:
    rng = np.random.default_rng(9)
    rows = np.arange(120)
    trend = 10 + 2.0 * rows + rng.normal(size=120)
    season = 50 + 10 * np.sin(2 * np.pi * rows / 12) + rng.normal(size=120)
    trending, seasonal = outlooks([trend, season], [1, 12], Asked(12), no_breath)
    assert trending.value == pytest.approx(10 + 2.0 * np.arange(120, 132), abs=4)
    assert seasonal.value == pytest.approx(50 + 10 * np.sin(2 * np.pi * np.arange(120, 132) / 12), abs=3)
