"""The step of time is found from the times, and the times after the last follow from it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from numpy.typing import NDArray

from motadata_ml_server.forecasting.clock import find_clock


def seconds(*moments: datetime) -> NDArray[np.float64]:
    return np.array([moment.replace(tzinfo=UTC).timestamp() for moment in moments])


def months(count: int, step: int, day: int = 1, first: int = 0) -> list[datetime]:
    return [datetime(2000 + (first + n * step) // 12, (first + n * step) % 12 + 1, day) for n in range(count)]


def month_ends(count: int) -> list[datetime]:
    return [moment - timedelta(days=1) for moment in months(count + 1, 1)[1:]]


@pytest.mark.parametrize(
    ("moments", "name", "seasons", "follows"),
    [
        ([datetime(2024, 1, 1) + n * timedelta(minutes=15) for n in range(50)], "15 minutes", [4, 96, 672], None),
        ([datetime(2024, 1, 1) + n * timedelta(hours=1) for n in range(50)], "hour", [24, 168], None),
        ([datetime(2024, 1, 1) + n * timedelta(days=1) for n in range(30)], "day", [7, 365], datetime(2024, 1, 31)),
        ([datetime(2024, 1, 1) + n * timedelta(days=7) for n in range(9)], "week", [52], datetime(2024, 3, 4)),
        (months(30, 1), "month", [12], datetime(2002, 7, 1)),
        (months(30, 1, day=15), "month", [12], datetime(2002, 7, 15)),
        (month_ends(26), "month", [12], datetime(2002, 3, 31)),
        (months(9, 3, first=1), "quarter", [4], datetime(2002, 5, 1)),
        (months(9, 12, first=6), "year", [], datetime(2009, 7, 1)),
        ([datetime(1900 + n, 12, 31) for n in range(30)], "year", [], datetime(1930, 12, 31)),
    ],
)
def test_step_is_found(moments: list[datetime], name: str, seasons: list[int], follows: datetime | None) -> None:
    times = seconds(*moments)
    clock = find_clock(times)
    assert clock is not None
    assert (clock.name, clock.seasons()) == (name, seasons)
    places = clock.places(times)
    assert (np.diff(places) == 1).all()
    assert clock.times(places) == pytest.approx(times)
    if follows is not None:
        assert clock.times(places[-1:] + 1) == pytest.approx(seconds(follows))


def test_weekdays_without_weekends_are_business_days() -> None:
    days = [datetime(2024, 1, 1) + timedelta(days=n) for n in range(60)]
    times = seconds(*[day for day in days if day.weekday() < 5])
    clock = find_clock(times)
    assert clock is not None
    assert (clock.name, clock.seasons()) == ("business day", [5])
    places = clock.places(times)
    assert (np.diff(places) == 1).all()
    assert clock.times(places) == pytest.approx(times)
    # the last one is Thursday, 29 February: Friday and Monday follow
    assert clock.times(places[-1] + np.array([1, 2])) == pytest.approx(
        seconds(datetime(2024, 3, 1), datetime(2024, 3, 4))
    )


def test_gaps_do_not_hide_the_step() -> None:
    times = seconds(*[datetime(2024, 1, 1) + timedelta(days=n) for n in range(60) if n % 7 != 3 and n % 11 != 5])
    clock = find_clock(times)
    assert clock is not None
    assert clock.name == "day"


def test_days_of_a_zone_with_summer_time_stay_days() -> None:
    noon = [datetime(2024, 3, 20, 23) + timedelta(days=n) for n in range(20)]
    times = seconds(*noon)
    times[11:] -= 3600
    clock = find_clock(times)
    assert clock is not None
    assert clock.name == "day"
    assert (np.diff(clock.places(times)) == 1).all()


def test_irregular_times_get_the_grid_of_their_median() -> None:
    rng = np.random.default_rng(3)
    times = seconds(datetime(2024, 1, 1)) + np.cumsum(rng.uniform(2000, 5200, 200))
    clock = find_clock(times)
    assert clock is not None
    assert clock.name == "hour"


def test_one_time_has_no_step() -> None:
    assert find_clock(seconds(datetime(2024, 1, 1))) is None
