"""Exponents of growth, and what the committed run found."""

from __future__ import annotations

import pytest

from benchmarks.exponents import LIMITS, fit, too_fast
from benchmarks.report import load


@pytest.mark.parametrize("exponent", [0.0, 0.5, 1.0, 2.0])
def test_fit_finds_the_exponent_of_a_power_law(exponent: float) -> None:
    growth = fit({size: 3.0 * size**exponent for size in (10.0, 100.0, 1000.0, 5000.0)})
    assert growth.exponent == pytest.approx(exponent)
    assert growth.last == pytest.approx(exponent)
    assert growth.error == pytest.approx(0.0, abs=1e-9)


def test_fit_shows_a_fixed_cost_as_a_steeper_last_slope() -> None:
    growth = fit({size: 100.0 + size for size in (10.0, 100.0, 1000.0, 10_000.0)})
    assert growth.exponent < growth.last < 1.0
    assert growth.error > 0.0


@pytest.mark.parametrize(("error", "told"), [(0.02, True), (0.06, False)])
def test_growth_beyond_the_limit_is_told_from_noise(error: float, told: bool) -> None:
    name = "scale_tenants_look_up_exponent"
    figures = {name: LIMITS["tenants_look_up"].exponent + 0.1, f"{name}_error": error}
    assert [what.split(":")[0] for what in too_fast(figures)] == ["tenants_look_up"] * told


def test_nothing_grew_faster_than_it_should_in_the_committed_run() -> None:
    found = load()
    assert [what for what in LIMITS if f"scale_{what}_exponent" not in found] == []
    assert too_fast(found) == []
