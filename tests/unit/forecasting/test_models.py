"""Each model against a form that is known in closed form, or worked out step by step, or as statsmodels fits it."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from motadata_ml_server.forecasting import intermittent, simple, smoothing
from motadata_ml_server.forecasting.candidates import CANDIDATES, forecasts_of
from motadata_ml_server.forecasting.panel import Panel, origins_of, panel_of
from motadata_ml_server.forecasting.recursion import Form, Parameters, State, smooth
from motadata_ml_server.forecasting.theta import line, theta
from motadata_ml_server.postgres.breath import no_breath

AIR = np.array(
    [
        "112",
        "118",
        "132",
        "129",
        "121",
        "135",
        "148",
        "148",
        "136",
        "119",
        "104",
        "118",
        "115",
        "126",
        "141",
        "135",
        "125",
        "149",
        "170",
        "170",
        "158",
        "133",
        "114",
        "140",
        "145",
        "150",
        "178",
        "163",
        "172",
        "178",
        "199",
        "199",
        "184",
        "162",
        "146",
        "166",
        "171",
        "180",
        "193",
        "181",
        "183",
        "218",
        "230",
        "242",
        "209",
        "191",
        "172",
        "194",
        "196",
        "196",
        "236",
        "235",
        "229",
        "243",
        "264",
        "272",
        "237",
        "211",
        "180",
        "201",
        "204",
        "188",
        "235",
        "227",
        "234",
        "264",
        "302",
        "293",
        "259",
        "229",
        "203",
        "229",
        "242",
        "233",
        "267",
        "269",
        "270",
        "315",
        "364",
        "347",
        "312",
        "274",
        "237",
        "278",
        "284",
        "277",
        "317",
        "313",
        "318",
        "374",
        "413",
        "405",
        "355",
        "306",
        "271",
        "306",
        "315",
        "301",
        "356",
        "348",
        "355",
        "422",
        "465",
        "467",
        "404",
        "347",
        "305",
        "336",
        "340",
        "318",
        "362",
        "348",
        "363",
        "435",
        "491",
        "505",
        "404",
        "359",
        "310",
        "337",
        "360",
        "342",
        "406",
        "396",
        "420",
        "472",
        "548",
        "559",
        "463",
        "407",
        "362",
        "405",
        "417",
        "391",
        "419",
        "461",
        "472",
        "535",
        "622",
        "606",
        "508",
        "461",
        "390",
        "432",
    ],
    np.float64,
)
"""Monthly airline passengers, 1949 to 1960, in thousands (Box and Jenkins, 1976)."""


def panel(*series: NDArray[np.float64] | list[float], season: int = 1) -> Panel:
    return panel_of([np.asarray(one, np.float64) for one in series], season)


def at_end(one: Panel) -> NDArray[np.intp]:
    return np.array([one.times], np.intp)


def test_simple_forecasts_are_what_they_say() -> None:
    one = panel([1, 2, 3, 4, 5, 6, 7, 8], [2, 4, 8], season=4)
    end = at_end(one)
    assert simple.naive(one, end, 2, no_breath)[:, 0].tolist() == [[8, 8], [8, 8]]
    assert simple.seasonal_naive(one, end, 5, no_breath)[0, 0].tolist() == [5, 6, 7, 8, 5]
    assert simple.seasonal_naive(one, end, 2, no_breath)[1, 0].tolist() == [8, 2]
    assert simple.drift(one, end, 2, no_breath)[:, 0].tolist() == [[9, 10], [11, 14]]
    assert simple.mean(one, end, 1, no_breath)[:, 0, 0] == pytest.approx([4.5, 14 / 3])


def by_hand(
    values: NDArray[np.float64], form: Form, alpha: float, beta: float, gamma: float, phi: float
) -> list[float]:
    """Smooth one series as the textbook's component form does, and return three forecasts."""
    level, trend, effects = 10.0, 0.5, [1.0, 0.8, 1.1, 1.1] if form.season == "multiply" else [2.0, -1.0, 0.0, -1.0]
    season = len(effects) if form.seasonal else 1
    for time, value in enumerate(values):
        base = level + phi * trend
        effect = effects[time % season] if form.seasonal else 0.0
        if form.season == "multiply":
            # l = a y/s + (1-a)(l+b);  s = g y/(l+b) + (1-g) s, of the level before
            new_level = alpha * value / effect + (1 - alpha) * base
            effects[time % season] = gamma * value / base + (1 - gamma) * effect
        else:
            new_level = alpha * (value - effect) + (1 - alpha) * base
            effects[time % season] = gamma * (value - base) + (1 - gamma) * effect if form.seasonal else 0.0
        trend = (beta / alpha) * (new_level - level) + (1 - beta / alpha) * phi * trend
        level = new_level
    found = []
    for step in range(1, 4):
        ahead = level + trend * sum(phi**k for k in range(1, step + 1))
        effect = effects[(len(values) + step - 1) % season] if form.seasonal else 0.0
        found.append(ahead * effect if form.season == "multiply" else ahead + effect)
    return found


@pytest.mark.parametrize("form", [smoothing.HOLT, smoothing.DAMPED, *smoothing.SEASONAL[1:], *smoothing.MULTIPLIED[1:]])
def test_recursion_is_the_component_form_of_the_textbook(form: Form) -> None:
    rng = np.random.default_rng(1)
    values = 12 + rng.normal(size=23)
    alpha, beta, gamma, phi = 0.4, 0.1, 0.2, 0.9 if form.damped else 1.0
    effects = [1.0, 0.8, 1.1, 1.1] if form.season == "multiply" else [2.0, -1.0, 0.0, -1.0]
    one = panel(values, values[3:], season=4)
    first = State(np.full(2, 10.0), np.full(2, 0.5), np.repeat(np.array(effects)[:, None], 2, axis=1))
    column = np.full((1, 1), 1.0)
    given = Parameters(column * alpha, column * beta, column * gamma, column * phi)
    found = smooth(one, form, given, first, no_breath, at_end(one), 3)
    assert found.forecasts[0][0, 0] == pytest.approx(by_hand(values, form, alpha, beta, gamma, phi))
    # the second begins three steps later, and the first three rows are nothing to it
    assert (found.errors[:3, 0, 1] == 0).all()
    if not form.seasonal:
        assert found.forecasts[0][0, 1] == pytest.approx(by_hand(values[3:], form, alpha, beta, gamma, phi))


def test_first_state_of_least_squares_is_the_best_there_is() -> None:
    """A perfect line has no error under Holt's method, whatever the parameters; noise around it little."""
    one = panel(5.0 + 0.7 * np.arange(30.0))
    fitted = smoothing.fit(one, smoothing.HOLT, at_end(one), 4, no_breath)
    assert fitted.forecasts[0, 0] == pytest.approx(5 + 0.7 * np.arange(30, 34))


@pytest.mark.parametrize(
    ("form", "rel", "expected"),
    [
        (
            smoothing.SEASONAL[1],
            0.03,
            [451.6, 427.3, 464.7, 500.1, 508.7, 567.7, 647.9, 632.5, 534.4, 484.9, 418.5, 471.1],
        ),
        (
            smoothing.MULTIPLIED[1],
            0.055,
            [445.2, 418.2, 465.3, 495.0, 505.5, 573.3, 663.6, 654.9, 546.8, 488.4, 415.7, 460.4],
        ),
    ],
)
def test_airline_passengers_as_statsmodels_forecasts_them(form: Form, rel: float, expected: list[float]) -> None:
    """The expected values are those of ExponentialSmoothing of statsmodels 0.15, which searches without a grid."""
    one = panel(AIR, season=12)
    assert smoothing.fit(one, form, at_end(one), 12, no_breath).forecasts[0, 0] == pytest.approx(expected, rel=rel)


def test_airline_passengers_by_theta_as_statsforecast_forecasts_them() -> None:
    """The expected values are those of Theta of statsforecast 2.1."""
    one = panel(AIR, season=12)
    expected = [441.0, 429.2, 490.7, 476.7, 480.6, 546.5, 604.0, 602.3, 525.0, 457.5, 398.7, 448.5]
    assert theta(one, at_end(one), 12, no_breath)[0, 0] == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        (smoothing.SIMPLE, [85.95422825, 85.95422825, 85.95422825, 85.95422825]),
        (smoothing.HOLT, [86.29791721, 86.62133751, 86.94475781, 87.26817811]),
        (smoothing.DAMPED, [86.17545051, 86.3782777, 86.57895166, 86.77749525]),
    ],
)
def test_a_drifting_walk_as_statsmodels_forecasts_it(form: Form, expected: list[float]) -> None:
    values = 60 + np.cumsum(np.random.default_rng(21).normal(size=80)) + 0.3 * np.arange(80)
    one = panel(values)
    assert smoothing.fit(one, form, at_end(one), 4, no_breath).forecasts[0, 0] == pytest.approx(expected, rel=5e-3)


def test_theta_of_a_line_is_half_its_slope_beyond_a_smoothed_end() -> None:
    rng = np.random.default_rng(5)
    values = 20 + 0.5 * np.arange(60) + rng.normal(size=60)
    one = panel(values)
    level, slope = line(one.values)
    assert (level[0], slope[0]) == pytest.approx(tuple(np.polyfit(np.arange(60), values, 1)[::-1]))
    found = theta(one, at_end(one), 5, no_breath)[0, 0]
    assert np.diff(found) == pytest.approx(np.full(4, slope[0] / 2))


def test_croston_of_a_steady_demand_is_its_rate() -> None:
    values = np.tile([0.0, 0.0, 6.0], 30)
    one = panel(values)
    croston = intermittent.croston(one, at_end(one), 3, no_breath)[0, 0]
    # the factor of the smallest alpha: the rate is 6 in 3 steps
    assert croston.tolist() == pytest.approx([2.0 * (1 - 0.05 / 2)] * 3, rel=0.1)
    assert intermittent.tsb(one, at_end(one), 3, no_breath)[0, 0] == pytest.approx([2.0] * 3, rel=0.2)


def test_demand_that_died_out_falls_with_tsb_alone() -> None:
    one = panel(np.concatenate([np.tile([0.0, 4.0], 20), np.zeros(40)]))
    assert intermittent.tsb(one, at_end(one), 1, no_breath)[0, 0, 0] < 0.5
    assert intermittent.croston(one, at_end(one), 1, no_breath)[0, 0, 0] > 1.0


def test_series_side_by_side_are_forecast_as_alone() -> None:
    """A panel is for speed alone: other series beside one, longer ones too, change nothing."""
    rng = np.random.default_rng(11)
    series = [10 + np.cumsum(rng.normal(size=n)) + 3 * np.sin(np.arange(n) * 2 * np.pi / 7) + 30 for n in (80, 90, 84)]
    together = panel(*series, season=7)
    origins, _ = origins_of(together, 6, 3)
    names = [name for name in CANDIDATES if name not in ("croston", "tsb")]
    found = forecasts_of(together, names, origins, 6, no_breath)
    alone = panel(series[1], season=7)
    assert alone.times == together.times
    for name, given in forecasts_of(alone, names, origins, 6, no_breath).items():
        assert given[0] == pytest.approx(found[name][1], rel=1e-8), name
