"""Threads by the size of the data."""

from __future__ import annotations

import pytest
from threadpoolctl import threadpool_info

from motadata_ml_server.worker import threads
from tests.unit.worker.test_fit import number, spec_for, table, text, trained


@pytest.mark.parametrize(
    ("rows", "columns", "small"), [(150, 4, True), (1_999, 50, True), (1_999, 51, False), (2_000, 1, False)]
)
def test_small_data_are_few_rows_of_few_values(rows: int, columns: int, small: bool) -> None:
    assert threads.is_small(rows, columns) == small


@pytest.mark.parametrize(("algorithm", "asked"), [("LGBMClassifier", 1), ("RandomForestClassifier", 2)])
def test_an_estimator_with_a_pool_of_its_own_is_asked_for_one_thread(algorithm: str, asked: int) -> None:
    data = table(number("x", range(100)), text("y", ["a", "b"] * 50))
    spec = spec_for(data, "classification", algorithm, threads=2)
    assert threads.for_rows(spec, 100).threads == asked
    assert threads.for_rows(spec, 5_000) == spec


@pytest.mark.parametrize(("rows", "most"), [(100, 1), (2_000, 2)])
def test_a_fit_limits_the_pools_by_its_rows(rows: int, most: int) -> None:
    seen: list[int] = []
    data = table(number("x", range(rows)), number("y", range(rows)))
    spec = spec_for(data, "regression", "Ridge", threads=2)
    fit = trained.__globals__["fit"]
    fit(spec, data, None, lambda *_: seen.extend(pool["num_threads"] for pool in threadpool_info()))
    assert max(seen) == most
