"""Whole trainings: ``ml.train`` in a new session against a client program, process start and imports counted."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from typing import Any

import psycopg

from benchmarks.effort import Effort
from benchmarks.measure import Results, interleave, peak_growth_mb, require
from benchmarks.models import LISTED


@dataclass(frozen=True)
class Case:
    """One training: rows, target, algorithm. The column ``held`` says on both sides which rows are scored on."""

    query: str
    target: str
    arguments: str


_POINTS = f"select {LISTED}, held, label from points"

CASES = {
    "logreg": Case(_POINTS, "label", "algorithm => 'logistic_regression'"),
    "forest": Case(
        f"select {LISTED}, held, label from sample",
        "label",
        "algorithm => 'random_forest', hyperparameters => '{\"n_estimators\": 100, \"max_depth\": 10}'",
    ),
    "mixed": Case(
        "select arr_delay >= 15 as late, dep_delay, sched_dep_time, sched_arr_time, carrier, origin, dest, tailnum, "
        "distance, time_hour, id % 5 = 0 as held from flights",
        "late",
        "algorithm => 'hist_gradient_boosting', "
        'preprocess => \'{"dest": {"encode": "ordinal"}, "tailnum": {"encode": "ordinal"}}\'',
    ),
}

TOLERANCE = 1e-4
"""How far the two sides' log losses on the held out rows may lie apart."""


def measure(dsn: str, results: Results, effort: Effort) -> None:
    """Compare trainings end to end, and measure the backend's growth and the time a cancel takes."""
    for name in CASES:
        timings, answers = interleave(
            {
                "ours": lambda name=name: _ours(dsn, name),  # type: ignore[misc]
                "client": lambda name=name: _client(dsn, name),  # type: ignore[misc]
            },
            effort.long_rounds,
        )
        apart = max(abs(answers["ours"][score] - answers["client"][score]) for score in ("log_loss", "accuracy"))
        require(apart < TOLERANCE, f"scores of {name} differ: {answers}")
        results.add(f"train_{name}_seconds", timings["ours"].best)
        results.ratio(f"train_{name}_ratio_vs_client", timings, "ours", "client")
    _growth(dsn, results)
    _cancels(dsn, results, effort.cancels)


def _ours(dsn: str, name: str) -> dict[str, float]:
    case = CASES[name]
    with psycopg.connect(dsn, autocommit=True) as session:
        session.execute("set client_min_messages = warning")
        row = session.execute(
            f"select metrics from ml.train('bench_{name}', 'classification', %s, %s, split => 'column:held', "
            f"{case.arguments})",
            [case.query, case.target],
        ).fetchone()
    assert row is not None
    return dict(row[0])


def _client(dsn: str, name: str) -> dict[str, float]:
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.client_training", dsn, name]
    run = subprocess.run(command, check=True, capture_output=True, text=True)
    return dict(json.loads(run.stdout))


def _growth(dsn: str, results: Results) -> None:
    statement = f"select ml.train('growth', 'classification', '{_POINTS}{{}}', 'label', algorithm => 'sgd')"
    with psycopg.connect(dsn, autocommit=True) as session:
        session.execute("set client_min_messages = warning")
        session.execute(statement.format(" limit 1000").encode())
        results.add("train_backend_growth_mb", _growing(session, statement.format("")))


def _growing(session: psycopg.Connection[Any], statement: str) -> float:
    return peak_growth_mb(session.info.backend_pid, lambda: session.execute(statement.encode()))


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
    results.add("train_cancel_ms_p95", ranked[-1] * 1e3)


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
