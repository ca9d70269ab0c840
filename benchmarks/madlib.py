"""Apache MADlib on the same rows, where BENCH_MADLIB_DSN names a server that has it."""

from __future__ import annotations

import os
import time
from typing import Any

import psycopg

from benchmarks.effort import Effort
from benchmarks.madlib_sql import FROM_ANSWERS, TASKS, Task
from benchmarks.measure import Results, Timing, require
from benchmarks.models import LISTED

VARIABLE = "BENCH_MADLIB_DSN"

_TABLE = (
    f"create table madlib_points as select row_number() over ()::integer as id, {LISTED}, label, target from sample"
)


def measure(dsn: str, results: Results, effort: Effort) -> None:
    """Train and predict on both servers in turn, and compare how well; nothing without the variable."""
    theirs = os.environ.get(VARIABLE)
    if not theirs:
        print(f"  left out: {VARIABLE} names no server")
        return
    with psycopg.connect(dsn, autocommit=True) as session, psycopg.connect(theirs, autocommit=True) as other:
        session.execute("set client_min_messages = warning")
        session.execute(_TABLE)
        session.execute("analyze madlib_points")
        _bring(session, other)
        for name, task in TASKS.items():
            _compare(name, task, session, other, results, effort.long_rounds)


def _bring(session: psycopg.Connection[Any], other: psycopg.Connection[Any]) -> None:
    """Copy the rows to MADlib's server."""
    columns = ", ".join(f"{name.strip()} float8" for name in LISTED.split(","))
    other.execute("set client_min_messages = warning")
    other.execute("drop table if exists madlib_points")
    other.execute(f"create table madlib_points (id integer, {columns}, label boolean, target float8)")
    with (
        session.cursor().copy("copy madlib_points to stdout (format binary)") as source,
        other.cursor().copy("copy madlib_points from stdin (format binary)") as target,
    ):
        for data in source:
            target.write(data)
    other.execute("analyze madlib_points")


def _compare(
    name: str,
    task: Task,
    session: psycopg.Connection[Any],
    other: psycopg.Connection[Any],
    results: Results,
    rounds: int,
) -> None:
    seconds: dict[str, list[float]] = {"ours train": [], "ours predict": [], "madlib train": [], "madlib predict": []}
    for _ in range(rounds):
        session.execute("drop table if exists predicted")
        seconds["ours train"].append(_timed(session, f"select ml.train('madlib_{name}', {task.our_train})"))
        statement = (
            f"create table predicted as select id::integer, {task.our_answer} as answer "
            f"from ml.predict_batch('madlib_{name}', 'madlib_points', 'id')"
        )
        seconds["ours predict"].append(_timed(session, statement))
        for table in ("predicted", "madlib_answers", *task.drops):
            other.execute(f"drop table if exists {table}".encode())
        seconds["madlib train"].append(_timed(other, task.train))
        seconds["madlib predict"].append(_timed(other, task.predict))
        if "madlib_answers" in task.predict:
            other.execute(FROM_ANSWERS)
    timings = {side: Timing(found) for side, found in seconds.items()}
    results.ratio(f"madlib_{name}_train_ratio", timings, "ours train", "madlib train")
    results.ratio(f"madlib_{name}_predict_ratio", timings, "ours predict", "madlib predict")
    ours, theirs = _number(session, task.score), _number(other, task.score)
    results.add(f"madlib_{name}_score_ours", ours)
    results.add(f"madlib_{name}_score_madlib", theirs)
    require(abs(ours - theirs) <= task.apart * abs(theirs) + 1e-6, f"scores of {name}: {ours} and {theirs}")


def _timed(session: psycopg.Connection[Any], statement: str) -> float:
    started = time.perf_counter()
    session.execute(statement.encode())
    return time.perf_counter() - started


def _number(session: psycopg.Connection[Any], query: str) -> float:
    row = session.execute(query.encode()).fetchone()
    assert row is not None
    return float(row[0])
