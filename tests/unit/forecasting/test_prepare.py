"""Rows of a series become regular values, and the status says what was done."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from motadata_ml_server.forecasting.decomposition import decompose, smooth_line
from motadata_ml_server.forecasting.prepare import DUPLICATES, Rules, prepare
from motadata_ml_server.forecasting.season import autocorrelation, seasons_of
from motadata_ml_server.postgres.breath import no_breath

DAY = 86_400.0
DAYS: NDArray[np.float64] = 1_700_006_400.0 // DAY * DAY + DAY * np.arange(40.0)


def test_regular_rows_stay_as_they_are() -> None:
    values = np.arange(40.0)
    found = prepare(DAYS, values, None, Rules())
    assert found.status == "ok"
    assert found.values.tolist() == values.tolist()
    assert found.times(1, 2).tolist() == [DAYS[-1] + DAY, DAYS[-1] + 2 * DAY]


@pytest.mark.parametrize(
    ("rule", "value"), [("mean", 3.0), ("sum", 9.0), ("min", 1.0), ("max", 6.0), ("first", 2.0), ("last", 1.0)]
)
def test_doubles_are_aggregated_by_the_named_rule(rule: str, value: float) -> None:
    assert rule in DUPLICATES
    times = np.sort(np.append(DAYS, [DAYS[5], DAYS[5]]), kind="stable")
    values = np.ones(42)
    values[0] = 7.0
    values[5:8] = [2.0, 6.0, 1.0]
    found = prepare(times, values, None, Rules(duplicates=rule))
    assert found.values[5] == value
    assert found.status == f"2 rows of times that others have: the {rule} was taken"


@pytest.mark.parametrize(
    ("rule", "filled"), [("interpolate", [11.0, 12.0]), ("zero", [0.0, 0.0]), ("last", [10.0, 10.0])]
)
def test_gaps_are_filled_by_the_named_rule_and_said(rule: str, filled: list[float]) -> None:
    values = np.arange(40.0)
    values[11] = np.nan
    kept = np.arange(40) != 12
    found = prepare(DAYS[kept], values[kept], None, Rules(gaps=rule))
    assert found.values[11:13].tolist() == filled
    assert np.isnan(found.observed[11:13]).all()
    assert found.status == f"2 missing steps filled ({rule})"


def test_what_has_no_value_is_refused_with_a_reason() -> None:
    nothing = prepare(DAYS, np.full(40, np.nan), None, Rules())
    assert nothing.status == "no forecast: there is no row with a time and a value"
    assert prepare(DAYS[:1], np.ones(1), None, Rules()).status.startswith("no forecast: one time only")
    assert prepare(np.array([np.nan]), np.ones(1), None, Rules()).refusal is not None


def test_rows_without_a_time_and_infinite_values_are_left_out_and_said() -> None:
    values = np.arange(40.0)
    values[3] = np.inf
    found = prepare(np.append(DAYS, np.nan), np.append(values, 1.0), None, Rules())
    assert found.notes == [
        "1 row without a time left out",
        "1 infinite value left out",
        "1 missing step filled (interpolate)",
    ]


def test_days_are_counted_on_the_wall_clock_and_hours_are_not() -> None:
    offsets = np.where(np.arange(40) < 20, 3600.0, 7200.0)
    found = prepare(DAYS - offsets, np.arange(40.0), offsets, Rules())
    assert (found.status, found.wall) == ("ok", True)
    assert found.times(1, 1).tolist() == [DAYS[-1] + DAY]
    hours = DAYS[0] + 3600.0 * np.arange(40)
    found = prepare(hours, np.arange(40.0), offsets, Rules())
    assert (found.status, found.wall) == ("ok", False)
    assert found.times(1, 1).tolist() == [hours[-1] + 3600]


def test_season_of_a_week_is_found_under_a_trend_and_none_in_a_random_walk() -> None:
    rng = np.random.default_rng(8)
    rows = np.arange(120)
    weekly = 3 * np.sin(2 * np.pi * rows / 7) + 0.5 * rows + rng.normal(size=120)
    assert seasons_of(weekly, [7, 365]) == [7]
    walks = [np.cumsum(rng.normal(size=120)) for _ in range(60)]
    assert sum(bool(seasons_of(walk, [7])) for walk in walks) <= 6


def test_autocorrelation_is_that_of_its_definition() -> None:
    values = np.random.default_rng(3).normal(size=50)
    away = values - values.mean()
    expected = [float((away[lag:] * away[:-lag]).sum() / (away**2).sum()) for lag in (1, 2, 3)]
    assert autocorrelation(values, 3).tolist() == pytest.approx(expected)


def test_local_line_is_that_of_weighted_least_squares() -> None:
    rng = np.random.default_rng(6)
    values, weights = rng.normal(size=30), rng.uniform(0.1, 1.0, 30)
    found = smooth_line(values, weights, 6)
    for place in (0, 2, 15, 29):
        away = np.arange(30) - place
        kernel = np.where(np.abs(away) <= 6, (1 - np.abs(away / 7.0) ** 3) ** 3, 0.0) * weights
        fit = np.polyfit(away, values, 1, w=np.sqrt(kernel))
        assert found[place] == pytest.approx(fit[1])


def test_decomposition_finds_what_a_series_was_made_of() -> None:
    rng = np.random.default_rng(12)
    rows = np.arange(168)
    trend, season = 20 + 0.1 * rows, 5 * np.sin(2 * np.pi * rows / 12)
    values = trend + season + 0.2 * rng.normal(size=168)
    values[77] += 30
    found_trend, found_season = decompose(values, 12, no_breath)
    assert np.abs(found_trend - trend).max() < 0.6
    assert np.abs(found_season - season).max() < 0.6
    assert values[77] - found_trend[77] - found_season[77] == pytest.approx(30, abs=1.2)
