"""How soon a small training is done: the first of a session, the next ones, and on a machine that is busy."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from benchmarks.effort import Effort
from benchmarks.measure import Results

_ROWS = (
    "select sin(i) as a, cos(i * i) as b, i % 3 as c, (i % 7)::float8 as d, sin(i) + cos(i * 3) > 0 as y "
    "from generate_series(1, {}) as i"
)
BUSY_ROWS = 1_000
SMALL_ROWS = 150
ALGORITHMS = {
    "logistic_regression": "classification",
    "hist_gradient_boosting": "classification",
    "xgboost": "classification",
    "lightgbm": "classification",
    "kmeans": "clustering",
}
"""Each with a library that has threads of its own."""


def measure(dsn: str, results: Results, effort: Effort) -> None:
    """Train 150 rows in new sessions and in old ones, and 1,000 rows while every core does something else."""
    first, second = [], []
    for _ in range(effort.rounds):
        with _session(dsn) as session:
            first.append(_train(session, "logistic_regression", SMALL_ROWS))
            second += [_train(session, "logistic_regression", SMALL_ROWS) for _ in range(3)]
    results.add("train_small_first_ms", min(first) * 1e3)
    results.add("train_small_first_ms_median", statistics.median(first) * 1e3)
    results.add("train_small_ms", min(second) * 1e3)
    results.add("train_small_ms_median", statistics.median(second) * 1e3)
    with _session(dsn) as session:
        for algorithm in ALGORITHMS:
            _train(session, algorithm, BUSY_ROWS)
        quiet, busy = _timings(session, effort.rounds), {}
        with _busy_cores():
            busy = _timings(session, effort.rounds)
    results.add("train_busy_ratio", max(busy[name] / quiet[name] for name in ALGORITHMS))


def _session(dsn: str) -> psycopg.Connection[Any]:
    session = psycopg.connect(dsn, autocommit=True)
    session.execute("set client_min_messages = warning")
    session.execute("select count(*) from ml.models")
    return session


def _train(session: psycopg.Connection[Any], algorithm: str, rows: int) -> float:
    model_type = ALGORITHMS[algorithm]
    started = time.perf_counter()
    session.execute(
        "select ml.train('starting_' || %s, %s, %s, %s, algorithm => %s, features => array['a', 'b', 'c', 'd'])",
        [model_type, model_type, _ROWS.format(rows), "y" if model_type == "classification" else None, algorithm],
    )
    return time.perf_counter() - started


def _timings(session: psycopg.Connection[Any], rounds: int) -> dict[str, float]:
    return {
        algorithm: statistics.median(_train(session, algorithm, BUSY_ROWS) for _ in range(rounds))
        for algorithm in ALGORITHMS
    }


@contextmanager
def _busy_cores() -> Iterator[None]:
    """Have a process compute on every core meanwhile."""
    processes = [subprocess.Popen([sys.executable, "-I", "-c", "while True: pass"]) for _ in os.sched_getaffinity(0)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()
