"""The pairs of the benchmarks and the profile run on the product as it is, and both sides give the same answers."""

from __future__ import annotations

from dataclasses import replace

import psycopg
import pytest

from benchmarks import batch, models, profiles, reading, rows
from benchmarks.effort import QUICK
from benchmarks.measure import Results
from benchmarks.profile_page import PATHS
from benchmarks.server import prepare
from tests.conftest import Connection

pytestmark = pytest.mark.slow

SMALL = replace(
    QUICK, points=20_000, sample=5_000, flights=10_000, rounds=1, long_rounds=1, select_rows=5_000, table_rows=(1_000,)
)


@pytest.fixture
def prepared(dsn: str, db: Connection) -> str:
    models._fitted.clear()
    prepare(db, SMALL.points, SMALL.sample, SMALL.flights)
    models.train(db)
    return dsn


def test_both_sides_of_the_pairs_give_the_same_answers(prepared: str) -> None:
    results = Results()
    dsn = psycopg.conninfo.conninfo_to_dict(prepared)
    uri = f"postgresql://{dsn['user']}@{dsn['host']}:{dsn['port']}/{dsn['dbname']}"
    reading.measure(uri, results, SMALL)
    rows.measure(uri, results, SMALL)
    batch.measure(uri, results, SMALL)
    for name in ("ingest_ratio_vs_adbc", "row_ratio_vs_naive_plpython", "batch_forest_ratio_vs_client"):
        assert results.figures[name] > 0


def test_profile_covers_every_path(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profiles, "POINTS", 20_000)
    monkeypatch.setattr(profiles, "SAMPLE", 5_000)
    monkeypatch.setattr(profiles, "FLIGHTS", 10_000)
    monkeypatch.setattr(profiles, "ROW_COUNT", 2_000)
    monkeypatch.setattr(profiles, "ROUNDS", 1)
    found = profiles.measure(dsn)
    assert set(found) == set(PATHS)
    assert all(steps["whole" if "whole" in steps else "whole, without the scan"] > 0 for steps in found.values())
