"""One row at a time inside a SELECT, cold starts, and models as SQL."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import psycopg

from benchmarks.effort import Effort
from benchmarks.measure import Results, Timing, anonymous_mb, interleave, require
from benchmarks.models import ARRAY, FEATURES, LISTED, TOLERANCE

_NAIVE = """
create table naive_model as select ''::bytea as model where false;
create or replace function naive_train() returns void language plpython3u as $$
import pickle
import pandas as pd
from sklearn.linear_model import LinearRegression
rows = plpy.execute("select {features}, target from sample")
frame = pd.DataFrame([dict(row) for row in rows])
model = LinearRegression().fit(frame.drop(columns="target"), frame["target"])
plpy.execute(plpy.prepare("insert into naive_model values ($1)", ["bytea"]), [pickle.dumps(model)])
$$;
create or replace function naive_predict({arguments}) returns float8 language plpython3u stable as $$
import pickle
import pandas as pd
if "model" not in SD:
    SD["model"] = pickle.loads(plpy.execute("select model from naive_model")[0]["model"])
frame = pd.DataFrame([[{features}]], columns={names})
return float(SD["model"].predict(frame)[0])
$$
"""


def measure(dsn: str, results: Results, effort: Effort) -> None:
    """Measure microseconds a row, cold starts and the SQL form."""
    with psycopg.connect(dsn, autocommit=True) as session:
        _per_row(session, results, effort)
        _as_sql(session, results, effort.rounds)
    _cold(dsn, results, effort.rounds)


def _per_row(session: psycopg.Connection[Any], results: Results, effort: Effort) -> None:
    rows, naive_rows = effort.select_rows, effort.naive_rows
    listed = LISTED
    for statement in _NAIVE.format(
        features=listed, names=FEATURES, arguments=", ".join(f"{name} float8" for name in FEATURES)
    ).split(";\ncreate or"):
        session.execute((statement if statement.lstrip().startswith("create") else "create or" + statement).encode())
    session.execute("select naive_train()")

    def over(expression: str, table: str, count: int) -> Callable[[], Any]:
        statement = f"select sum(v) from (select {expression} as v from {table} limit {count} offset 0) as r"
        return lambda: session.execute(statement.encode()).fetchone()

    timings, _ = interleave(
        {
            "linear": over(f"ml.predict_value('linear', {ARRAY})", "points", rows),
            "forest": over(f"ml.predict_value('forest', {ARRAY})", "points", rows),
            "mixed": over("octet_length(ml.predict('mixed', to_jsonb(flights))::text)", "flights", rows),
            "naive": over(f"naive_predict({listed})", "points", naive_rows),
        },
        effort.rounds,
    )
    counts = {"linear": rows, "forest": rows, "mixed": rows, "naive": naive_rows}
    micro = {
        name: Timing([seconds / counts[name] * 1e6 for seconds in timing.seconds]) for name, timing in timings.items()
    }
    for name, figure in (("linear", "linear"), ("forest", "forest"), ("mixed", "mixed_jsonb")):
        results.add(f"row_{figure}_us", micro[name].best)
        results.add(f"row_{figure}_us_median", micro[name].median)
    results.add("row_naive_plpython_us", micro["naive"].best)
    results.ratio("row_ratio_vs_naive_plpython", micro, "naive", "linear")
    same = session.execute(
        f"select max(abs(naive_predict({listed}) - ml.predict_value('linear', {ARRAY}))) "
        "from (select * from points limit 200) as p"
    ).fetchone()
    assert same is not None
    require(same[0] < TOLERANCE, f"naive and our linear predictions differ by {same[0]}")


def _as_sql(session: psycopg.Connection[Any], results: Results, rounds: int) -> None:
    session.execute("select ml.create_sql_function('linear', 'linear_sql')")
    session.execute("select ml.create_sql_function('tree', 'tree_sql')")
    calls = {}
    for name in ("linear", "tree"):
        info = session.execute("select ml.get_model_info(%s) -> 'features'", [name]).fetchone()
        assert info is not None
        calls[name] = f"{name}_sql({', '.join(feature['name'] for feature in info[0])})"
    scan = " + ".join(f"max(c{n})" for n in range(1, 11))
    timings, answers = interleave(
        {
            "scan": lambda: session.execute(f"select {scan} from points").fetchone(),
            "linear": lambda: session.execute(f"select max({calls['linear']}) from points").fetchone(),
            "tree": lambda: session.execute(
                f"select max({calls['tree']}) from (select * from points limit 100000) as p".encode()
            ).fetchone(),
            "value": lambda: session.execute(
                f"select max(ml.predict_value('tree', {ARRAY})) from (select * from points limit 100000) as p".encode()
            ).fetchone(),
        },
        rounds,
    )
    require(answers["tree"] == answers["value"], "the tree in SQL and by ml.predict_value")
    row = session.execute(
        f"select max(abs({calls['linear']} - ml.predict_value('linear', {ARRAY}))) from "
        "(select * from points limit 1000) as p"
    ).fetchone()
    assert row is not None
    require(row[0] < TOLERANCE, f"the linear model in SQL and by ml.predict_value differ by {row[0]}")
    results.ratio("sql_linear_ratio_vs_scan", timings, "linear", "scan")
    results.ratio("sql_tree_ratio_vs_predict_value", timings, "tree", "value")


def _cold(dsn: str, results: Results, rounds: int) -> None:
    def first(statement: str) -> tuple[float, float]:
        with psycopg.connect(dsn, autocommit=True) as session:
            started = time.perf_counter()
            session.execute(statement.encode())
            return time.perf_counter() - started, anonymous_mb(session.info.backend_pid)

    statements = {
        "plain": "do language plpython3u 'pass'",
        "forest": f"select ml.predict_value('forest', {ARRAY}) from points limit 1",
        "sklearn": f"select naive_predict({', '.join(FEATURES)}) from points limit 1",
    }
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in statements}
    for _ in range(max(3, rounds)):
        for name, statement in statements.items():
            found[name].append(first(statement))
    timings = {name: Timing([seconds for seconds, _ in values]) for name, values in found.items()}
    memory = {name: min(mb for _, mb in values) for name, values in found.items()}
    results.add("cold_first_predict_ms", timings["forest"].best * 1e3)
    results.add("cold_first_predict_ms_median", timings["forest"].median * 1e3)
    results.ratio("cold_ratio_vs_sklearn", timings, "sklearn", "forest")
    results.add("session_memory_mb", memory["forest"] - memory["plain"])
