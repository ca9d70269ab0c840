"""Whole trainings: ``ml.train`` in a new session against a client program, process start and imports counted."""

from __future__ import annotations

import statistics
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from typing import Any

import psycopg

from benchmarks.measure import Results, anonymous_mb, interleave, require
from benchmarks.models import FEATURES


@dataclass(frozen=True)
class Case:
    """One training: rows, target, algorithm and the most that the ratio may be."""

    query: str
    target: str
    arguments: str
    limit: float
    note: str


_POINTS = f"select {', '.join(FEATURES)}, label from points"

CASES = {
    "logreg": Case(_POINTS, "label", "algorithm => 'logistic_regression'", 0.9, "logistic regression on all points"),
    "forest": Case(
        _POINTS + " limit 100000",
        "label",
        "algorithm => 'random_forest', hyperparameters => '{\"n_estimators\": 100, \"max_depth\": 10}'",
        1.05,
        "forest of 100 trees on 100,000 rows",
    ),
    "mixed": Case(
        "select arr_delay >= 15 as late, dep_delay, sched_dep_time, sched_arr_time, carrier, origin, dest, tailnum, "
        "distance, time_hour from flights",
        "late",
        "algorithm => 'hist_gradient_boosting'",
        0.9,
        "gradient boosting on all flights",
    ),
}


def measure(dsn: str, results: Results, rounds: int) -> None:
    """Compare trainings end to end, and measure the backend's growth and the time a cancel takes."""
    for name, case in CASES.items():
        timings, answers = interleave(
            {
                "ours": lambda name=name: _ours(dsn, name),  # type: ignore[misc]
                "client": lambda name=name: _client(dsn, name),  # type: ignore[misc]
            },
            rounds,
        )
        require(abs(answers["ours"] - answers["client"]) < 0.02, f"accuracies of {name}: {answers}")
        results.add(f"train_{name}_seconds", timings["ours"].best, f"{case.note}, by ml.train")
        ratio = timings["ours"].best / timings["client"].best
        results.add(
            f"train_{name}_ratio_vs_client", ratio, f"{case.note}: ADBC, pandas, scikit-learn, model back", case.limit
        )
    _growth(dsn, results)
    _cancels(dsn, results, 5 if rounds < 3 else 20)


def _ours(dsn: str, name: str) -> float:
    case = CASES[name]
    with psycopg.connect(dsn, autocommit=True) as session:
        session.execute("set client_min_messages = warning")
        row = session.execute(
            f"select metrics -> 'accuracy' from ml.train('bench_{name}', 'classification', %s, %s, {case.arguments})",
            [case.query, case.target],
        ).fetchone()
    assert row is not None
    return float(row[0])


def _client(dsn: str, name: str) -> float:
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.client_training", dsn, name]
    run = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(run.stdout)


def _growth(dsn: str, results: Results) -> None:
    with psycopg.connect(dsn, autocommit=True) as session:
        session.execute("set client_min_messages = warning")
        statement = f"select ml.train('growth', 'classification', '{_POINTS}{{}}', 'label', algorithm => 'sgd')"
        session.execute(statement.format(" limit 1000").encode())
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
    results.add(
        "train_backend_growth_mb", peak[0] - before, "growth of the backend while all points are trained on", 64
    )


def _cancels(dsn: str, results: Results, count: int) -> None:
    seconds = []
    statement = (
        f"select ml.train('never', 'classification', '{_POINTS} limit 50000', 'label', algorithm => "
        "'gradient_boosting', hyperparameters => '{\"n_estimators\": 100000}')"
    )
    with psycopg.connect(dsn, autocommit=True) as control:
        for number in range(count):
            with psycopg.connect(dsn, autocommit=True) as session:
                seconds.append(_cancel(control, session, statement, 0.3 + 0.25 * (number % 12)))
    ranked = statistics.quantiles(seconds, n=20, method="inclusive")
    results.add("train_cancel_ms_p95", ranked[-1] * 1e3, "from pg_cancel_backend to the error", 200)


def _cancel(control: psycopg.Connection[Any], session: psycopg.Connection[Any], statement: str, after: float) -> float:
    ended = [0.0]

    def run() -> None:
        try:
            session.execute(statement.encode())
        except psycopg.errors.QueryCanceled:
            ended[0] = time.perf_counter()

    thread = threading.Thread(target=run)
    thread.start()
    time.sleep(after)
    asked = time.perf_counter()
    control.execute("select pg_cancel_backend(%s)", [session.info.backend_pid])
    thread.join()
    require(ended[0] > 0, "a cancelled training ends with 57014")
    return ended[0] - asked
