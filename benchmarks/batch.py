"""Whole tables: ``ml.predict_batch`` against a client, and against scikit-learn on an array in memory."""

from __future__ import annotations

import threading
import time
from typing import Any

import numpy as np
import psycopg

from benchmarks.measure import Results, Timing, anonymous_mb, interleave, require
from benchmarks.models import FEATURES

LISTED = ", ".join(FEATURES)


def measure(dsn: str, results: Results, rounds: int) -> None:
    """Predict a table into a table."""
    import adbc_driver_postgresql.dbapi as adbc
    import pyarrow as pa

    with psycopg.connect(dsn, autocommit=True) as session:
        session.execute("set client_min_messages = warning")
        estimators = {name: _estimator(session, name) for name in ("logistic", "forest")}
        with adbc.connect(dsn) as connection, connection.cursor() as cursor:
            cursor.execute(f"select {LISTED} from points")
            array = np.column_stack([column.to_numpy() for column in cursor.fetch_arrow_table().columns])

        def ours(model: str) -> None:
            session.execute("drop table if exists ours")
            session.execute(
                "create table ours as select id, prediction, confidence "
                f"from ml.predict_batch('{model}', 'select {LISTED} from points')"
            )

        def client(model: str) -> None:
            with adbc.connect(dsn, autocommit=True) as connection, connection.cursor() as cursor:
                cursor.execute(f"select {LISTED} from points")
                rows = np.column_stack([column.to_numpy() for column in cursor.fetch_arrow_table().columns])
                chances = estimators[model].predict_proba(rows)
                at = chances.argmax(axis=1)
                table = pa.table(
                    {
                        "id": pa.array(np.arange(1, len(rows) + 1)).cast(pa.string()),
                        "prediction": pa.array(np.array(["false", "true"])[at]),
                        "confidence": chances[np.arange(len(rows)), at],
                    }
                )
                cursor.adbc_ingest("client", table, mode="replace")

        for model, figure, target in (
            ("logistic", "batch_logreg_ratio_vs_client", 0.5),
            ("forest", "batch_forest_ratio_vs_client", 0.5),
        ):
            timings, _ = interleave(
                {
                    "ours": lambda model=model: ours(model),  # type: ignore[misc]
                    "client": lambda model=model: client(model),  # type: ignore[misc]
                    "memory": lambda model=model: estimators[model].predict_proba(array),  # type: ignore[misc]
                    "scan": lambda: session.execute(
                        "select " + " + ".join(f"max({name})" for name in FEATURES) + " from points"
                    ),
                },
                rounds,
            )
            _check(session)
            _report(results, figure, model, timings, target)
        _growth(dsn, results)


def _estimator(session: psycopg.Connection[Any], model: str) -> Any:
    """Fit in this process what ``ml.train`` fitted: the same estimator on the same rows."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rows = session.execute(f"select {LISTED}, label from points limit 100000").fetchall()
    x = np.array([row[:10] for row in rows], dtype=np.float64)
    y = np.array([row[10] for row in rows])
    if model == "logistic":
        return make_pipeline(StandardScaler(), LogisticRegression()).fit(x, y)
    return RandomForestClassifier(100, max_depth=10, random_state=42, n_jobs=1).fit(x, y)


def _check(session: psycopg.Connection[Any]) -> None:
    """Compare the labels: the two sides were fitted on slightly other rows, so nearly all have to agree."""
    row = session.execute(
        "select count(*), avg((o.prediction = c.prediction)::int) from ours o join client c using (id)"
    ).fetchone()
    assert row is not None
    require(row[1] > 0.97, f"batch predictions agree on {row[1]:.3f} of {row[0]} rows")


def _report(results: Results, figure: str, model: str, timings: dict[str, Timing], target: float) -> None:
    best = {name: timing.best for name, timing in timings.items()}
    results.add(f"batch_{model}_seconds", best["ours"], f"{model}: read, predict and write a table")
    results.add(figure, best["ours"] / best["client"], "against ADBC, scikit-learn and COPY back in a client", target)
    limit = best["ours"] / (best["memory"] + best["scan"])
    results.add(f"batch_{model}_ratio_vs_memory_limit", limit, "against predict_proba in memory plus the scan")


def _growth(dsn: str, results: Results) -> None:
    with psycopg.connect(dsn, autocommit=True) as session:
        statement = f"select count(*) from ml.predict_batch('forest', 'select {LISTED} from points{{}}')"
        session.execute(statement.format(" limit 20000").encode())
        pid = session.info.backend_pid
        before, peak, done = anonymous_mb(pid), [0.0], threading.Event()

        def watch() -> None:
            while not done.is_set():
                peak[0] = max(peak[0], anonymous_mb(pid))
                time.sleep(0.01)

        watcher = threading.Thread(target=watch)
        watcher.start()
        session.execute(statement.format("").encode())
        done.set()
        watcher.join()
    results.add("batch_backend_growth_mb", peak[0] - before, "growth of the backend while it predicts the table", 300)
