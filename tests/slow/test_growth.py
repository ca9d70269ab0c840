"""Costs grow no faster than `benchmarks.exponents` says they should."""

from __future__ import annotations

import pytest

from benchmarks import scale
from benchmarks.effort import QUICK
from benchmarks.exponents import LIMITS, too_fast
from benchmarks.measure import Results
from benchmarks.models import LISTED
from benchmarks.server import make_points
from tests.conftest import Connection

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("what", ["rows", "columns", "trees", "models", "tenants"])
def test_cost_grows_no_faster_than_it_should(dsn: str, db: Connection, what: str) -> None:
    make_points(db, "sample", 20_000)
    source = f"select {LISTED}, target from sample"
    db.execute("select ml.train('linear', 'regression', %s, 'target', algorithm => 'linear_regression')", [source])
    results = Results()
    scale.measure(dsn, results, QUICK, only=[what])
    measured = {
        name.removeprefix("scale_").removesuffix("_exponent") for name in results.figures if name.endswith("_exponent")
    }
    assert measured
    assert measured <= set(LIMITS)
    assert too_fast(results.figures) == []
