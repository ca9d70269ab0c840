"""Whole tables: ``ml.predict_batch`` against a client, and against scikit-learn on an array in memory."""

from __future__ import annotations

import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg

from benchmarks import client_batch
from benchmarks.effort import Effort
from benchmarks.measure import Results, interleave, peak_growth_mb, require
from benchmarks.models import FEATURES, TOLERANCE, reference
from benchmarks.server import make_points

SCAN = "select " + " + ".join(f"max({name})" for name in FEATURES) + " from points"
PREFIXES = {"logistic": "logreg", "forest": "forest"}


def measure(dsn: str, results: Results, effort: Effort) -> None:
    """Predict a table into a table: all points in rounds, then tables of several sizes."""
    import adbc_driver_postgresql.dbapi as adbc
    import joblib

    with psycopg.connect(dsn, autocommit=True) as session, TemporaryDirectory() as name:
        session.execute("set client_min_messages = warning")
        estimators = {name: reference(session, name, os.cpu_count() or 1) for name in PREFIXES}
        single = reference(session, "forest", 1)
        files = {}
        for model, estimator in estimators.items():
            files[model] = Path(name) / f"{model}.joblib"
            joblib.dump(estimator, files[model])
        with adbc.connect(dsn) as connection:
            array = client_batch.read(connection, "points")

        for model, prefix in PREFIXES.items():
            timings, _ = interleave(
                {
                    "ours": lambda model=model: _ours(session, model, "points"),  # type: ignore[misc]
                    "client": lambda model=model: client_batch.predict(dsn, estimators[model], "points"),  # type: ignore[misc]
                    "memory": lambda model=model: estimators[model].predict_proba(array),  # type: ignore[misc]
                    "scan": lambda: session.execute(SCAN),
                    **(
                        {"one_thread": lambda: client_batch.predict(dsn, single, "points")} if model == "forest" else {}
                    ),
                },
                effort.long_rounds,
            )
            _same(session, model)
            results.add(f"batch_{model}_seconds", timings["ours"].best)
            results.ratio(f"batch_{prefix}_ratio_vs_client", timings, "ours", "client")
            if "one_thread" in timings:
                results.ratio(f"batch_{prefix}_ratio_vs_client_one_thread", timings, "ours", "one_thread")
            limit = "batch_ratio_vs_memory_limit" if model == "forest" else f"batch_{model}_ratio_vs_memory_limit"
            results.add(limit, timings["ours"].best / (timings["memory"].best + timings["scan"].best))
        results.add("batch_backend_growth_mb", _in_new_session(dsn, "forest", "points")[1])
        for rows in effort.table_rows:
            _size(dsn, session, results, rows, files, effort.table_rounds if rows <= 100_000 else 1)


def _size(
    dsn: str, session: psycopg.Connection[Any], results: Results, rows: int, files: dict[str, Path], rounds: int
) -> None:
    """Measure one size: seconds of both sides, and the most memory each took."""
    make_points(session, "slice", rows)
    session.execute("vacuum analyze slice")
    for model, file in files.items():
        found: dict[str, list[tuple[float, float]]] = {"ours": [], "client": []}
        for _ in range(rounds):
            found["ours"].append(_in_new_session(dsn, model, "slice"))
            found["client"].append(client_batch.in_new_process(dsn, file, "slice"))
        _same(session, model)
        for side, measured in found.items():
            results.add(f"batch_{model}_{side}_{rows}_seconds", min(seconds for seconds, _ in measured))
            results.add(f"batch_{model}_{side}_{rows}_mb", max(mb for _, mb in measured))
    session.execute("drop table slice")


def _in_new_session(dsn: str, model: str, table: str) -> tuple[float, float]:
    """Return seconds, and MB that the backend grew by, of a session that holds the model."""
    seconds: list[float] = []

    def predict() -> None:
        started = time.perf_counter()
        _ours(session, model, table)
        seconds.append(time.perf_counter() - started)

    with psycopg.connect(dsn, autocommit=True) as session:
        session.execute("set client_min_messages = warning")
        session.execute(f"select ml.predict_value('{model}', array_fill(0.5::float8, array[10]))")
        growth = peak_growth_mb(session.info.backend_pid, predict)
    return seconds[0], growth


def _ours(session: psycopg.Connection[Any], model: str, table: str) -> None:
    session.execute("drop table if exists ours")
    session.execute(
        f"create table ours as select id, prediction, confidence from ml.predict_batch('{model}', '{table}')"
    )


def _same(session: psycopg.Connection[Any], model: str) -> None:
    """Compare every row: the confidence, and the label where the two classes are not a tie."""
    session.execute("analyze ours, client")
    row = session.execute(
        "select count(*), (select count(*) from ours), (select count(*) from client), "
        "max(abs(o.confidence - c.confidence)), "
        "count(*) filter (where o.prediction <> c.prediction and o.confidence > 0.5 + %s) "
        "from ours o join client c using (id)",
        [TOLERANCE],
    ).fetchone()
    assert row is not None
    require(row[0] == row[1] == row[2], f"rows predicted by both sides, {model}: {row[:3]}")
    require(row[3] < TOLERANCE and row[4] == 0, f"predictions of {model} differ by {row[3]}, labels in {row[4]} rows")
