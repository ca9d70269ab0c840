"""Why a model answers as it does: one row in a SELECT, a table by a forest, and what importances add to a training."""

from __future__ import annotations

from typing import Any

import psycopg

from benchmarks.effort import Effort
from benchmarks.measure import Results, interleave, require
from benchmarks.models import ARRAY, LISTED, TOLERANCE

ROWS = 100_000
"""Rows of the table that a forest explains."""

SELECTED = 20_000
"""Rows explained one by one."""

TOP = 3
"""Features of a row that are returned."""


def measure(dsn: str, results: Results, effort: Effort) -> None:
    """Measure microseconds a row, alone and in a table, and seconds of a training with and without importances."""
    with psycopg.connect(dsn, autocommit=True) as session:
        session.execute("set client_min_messages = warning")
        _train(session, "shallow", "true")
        session.execute(f"create table explained as select * from points limit {ROWS}".encode())
        _alone(session, results, effort)
        _table(session, results, effort)
        _importance(session, results, effort)
        session.execute("drop table explained")


def _train(session: psycopg.Connection[Any], name: str, importance: str) -> float:
    row = session.execute(
        "select (t).training_time from ml.train(%s, 'classification', %s, 'label', algorithm => 'random_forest', "
        """hyperparameters => '{"n_estimators": 100, "max_depth": 6}', """
        f"""execution => '{{"importance": {importance}}}') as t""".encode(),
        [name, f"select {LISTED}, label from sample"],
    ).fetchone()
    assert row is not None
    return float(row[0])


def _alone(session: psycopg.Connection[Any], results: Results, effort: Effort) -> None:
    call = f"ml.explain('linear', to_jsonb({ARRAY}), top_k => {TOP})"
    rows = f"(select * from explained limit {SELECTED} offset 0) as t"
    timings, _ = interleave(
        {"explained": lambda: session.execute(f"select sum(e.attribution) from {rows}, {call} as e".encode())},
        effort.rounds,
    )
    results.add("explain_linear_us", timings["explained"].best / SELECTED * 1e6)
    row = session.execute(
        f"""select max(abs(s.total - ml.predict_value('linear', {ARRAY}))) from (select * from explained limit 100) t,
        lateral (select sum(attribution) as total from ml.explain('linear', to_jsonb({ARRAY}))) as s""".encode()
    ).fetchone()
    require(row is not None and row[0] < TOLERANCE, "contributions add up to the linear model's answer")


def _table(session: psycopg.Connection[Any], results: Results, effort: Effort) -> None:
    call = f"ml.explain_batch('shallow', 'explained', top_k => {TOP})"
    timings, _ = interleave(
        {"explained": lambda: session.execute(f"select sum(attribution) from {call}".encode())}, effort.long_rounds
    )
    results.add("explain_forest_batch_us", timings["explained"].best / ROWS * 1e6)
    row = session.execute(
        """with e as (select id, class, base + sum(attribution) as total from ml.explain_batch('shallow',
            'select * from explained limit 5000') group by id, class, base)
        select max(abs(e.total - p.confidence)) from e join ml.predict_batch('shallow',
            'select * from explained limit 5000') as p on p.id = e.id and p.prediction = e.class"""
    ).fetchone()
    require(row is not None and row[0] < TOLERANCE, "contributions add up to the forest's answer")


def _importance(session: psycopg.Connection[Any], results: Results, effort: Effort) -> None:
    timings, _ = interleave(
        {
            "with": lambda: _train(session, "shallow", "true"),
            "without": lambda: _train(session, "shallow", "false"),
        },
        effort.long_rounds,
    )
    more = timings["with"].best - timings["without"].best
    results.add("importance_ratio_vs_fit", max(more, 0.0) / timings["without"].best)
