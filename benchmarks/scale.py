"""How cost grows with rows, columns, trees, models, sessions and tenants."""

from __future__ import annotations

import re
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import psycopg

from benchmarks.clones import copy_model
from benchmarks.effort import Effort
from benchmarks.exponents import fit
from benchmarks.load import pgbench
from benchmarks.measure import Results, anonymous_mb
from benchmarks.models import ARRAY, LISTED
from benchmarks.server import make_points

Costs = dict[str, dict[float, float]]

WIDE_ROWS = 5_000
LOOK_UPS = 200
MEMORY = "execution => '{\"max_memory_mb\": 14000}'"


def measure(dsn: str, results: Results, effort: Effort, only: Sequence[str] = ()) -> None:
    """Measure all sizes and fit exponents."""
    costs: Costs = {}
    with psycopg.connect(dsn, autocommit=True) as session:
        session.execute("set client_min_messages = warning")
        session.execute("select ml.set_option('max_memory_mb', '14000')")
        for what in only or effort.growing:
            _MEASURES[what](dsn, session, effort, costs)
        session.execute("select ml.set_option('max_memory_mb', null)")
    for rows, name in _batch_figures(results):
        what = "batch_rows_memory" if name.endswith("_mb") else "batch_rows"
        costs.setdefault(what, {})[rows] = results.figures[name]
    for name, by_size in costs.items():
        report(name, by_size, results)


def report(what: str, costs: dict[float, float], results: Results) -> None:
    """Take down the costs and how they grow."""
    for size, cost in costs.items():
        results.add(f"scale_{what}_{size:.0f}", cost)
    growth = fit(costs)
    results.add(f"scale_{what}_exponent", growth.exponent)
    results.add(f"scale_{what}_exponent_error", growth.error)
    results.add(f"scale_{what}_exponent_last", growth.last)


def _batch_figures(results: Results) -> list[tuple[int, str]]:
    """Return what `benchmarks.batch` measured of the forest, by rows."""
    found = ((re.fullmatch(r"batch_forest_ours_(\d+)_(seconds|mb)", name), name) for name in results.figures)
    return [(int(match[1]), name) for match, name in found if match]


def _seconds(action: Callable[[], Any], times: int) -> float:
    """Return the least of some rounds."""
    found = []
    for _ in range(times):
        started = time.perf_counter()
        action()
        found.append(time.perf_counter() - started)
    return min(found)


def _take(costs: Costs, what: str, size: int, cost: float) -> None:
    costs.setdefault(what, {})[float(size)] = cost


def _rows(_: str, session: psycopg.Connection[Any], effort: Effort, costs: Costs) -> None:
    from benchmarks.reading import READ

    session.execute(READ)
    for size in effort.growing["rows"]:
        times = effort.growing_rounds if size < 10**6 else 1
        make_points(session, "grown", size)
        session.execute("vacuum analyze grown")
        query = f"select {LISTED}, label from grown"
        read = _seconds(lambda query=query: session.execute("select bench_read(%s, false)", [query]), times)  # type: ignore[misc]
        _take(costs, "read_rows", size, read)
        train = (
            f"select ml.train('grown', 'classification', '{query}', 'label', "
            f"algorithm => 'logistic_regression', {MEMORY})"
        )
        _take(costs, "train_rows", size, _seconds(lambda train=train: session.execute(train), times))  # type: ignore[misc]
        session.execute("drop table grown")


def _columns(_: str, session: psycopg.Connection[Any], effort: Effort, costs: Costs) -> None:
    for size in effort.growing["columns"]:
        names = ", ".join(f"c{n}" for n in range(1, size + 1))
        made = ", ".join(f"random() as c{n}" for n in range(1, size + 1))
        session.execute(
            f"create table wide as select *, c1 + c2 > 1 as label from "
            f"(select {made} from generate_series(1, {WIDE_ROWS})) as r"
        )
        session.execute("analyze wide")
        train = "select ml.train('wide', 'classification', 'wide', 'label', algorithm => 'logistic_regression')"
        _take(costs, "train_columns", size, _seconds(lambda train=train: session.execute(train), effort.growing_rounds))  # type: ignore[misc]
        _predictions(session, costs, "columns", size, effort.growing_rounds, "wide", f"array[{names}]")
        session.execute("drop table wide")


def _trees(_: str, session: psycopg.Connection[Any], effort: Effort, costs: Costs) -> None:
    for size in effort.growing["trees"]:
        train = (
            f"select ml.train('grove', 'classification', 'select {LISTED}, label from sample limit {WIDE_ROWS}', "
            f"'label', algorithm => 'random_forest', hyperparameters => "
            f"jsonb_build_object('n_estimators', {size}, 'max_depth', 10))"
        )
        _take(costs, "train_trees", size, _seconds(lambda train=train: session.execute(train), effort.growing_rounds))  # type: ignore[misc]
        source = f"(select * from sample limit {WIDE_ROWS}) as s"
        _predictions(session, costs, "trees", size, effort.growing_rounds, source, ARRAY, "grove")


def _predictions(
    session: psycopg.Connection[Any],
    costs: Costs,
    what: str,
    size: int,
    rounds: int,
    source: str,
    array: str,
    model: str = "wide",
) -> None:
    """Measure microseconds a row of ``ml.predict_value`` and seconds of ``ml.predict_batch`` over `WIDE_ROWS`."""
    one = f"select sum(ml.predict_value('{model}', {array})) from {source}"
    session.execute(one.encode())
    _take(costs, f"row_{what}", size, _seconds(lambda: session.execute(one.encode()), rounds) / WIDE_ROWS * 1e6)
    table = f"select count(*) from ml.predict_batch('{model}', 'select * from {source}')"
    _take(costs, f"batch_{what}", size, _seconds(lambda: session.execute(table.encode()), rounds))


def _models(dsn: str, session: psycopg.Connection[Any], effort: Effort, costs: Costs) -> None:
    copy_model(session, "linear", 1, max(effort.growing["models"]), tenant="default", model="copy_#")
    numbers = "array_fill(0.5::float8, array[10])"
    for size in effort.growing["models"]:
        with psycopg.connect(dsn, autocommit=True) as fresh:
            fresh.execute("do language plpython3u 'pass'")
            fresh.execute(f"select ml.predict_value('linear', {numbers})")
            before = anonymous_mb(fresh.info.backend_pid)
            fresh.execute(f"select sum(ml.predict_value('copy_' || n, {numbers})) from generate_series(1, {size}) as n")
            if size >= 10:
                _take(costs, "models_memory", size, max(anonymous_mb(fresh.info.backend_pid) - before, 0.01))
            query = f"select ml.predict_value('copy_' || %s, {numbers})"
            _take(costs, "models_look_up", size, _look_up(fresh, query, lambda n, size=size: [str(n % size + 1)]))  # type: ignore[misc]


def _look_up(session: psycopg.Connection[Any], query: str, values: Callable[[int], list[str]]) -> float:
    """Return the microseconds within which one in ten statements look up a model and predict a row.

    Other work on the machine only ever adds: low percentiles are the steadier ones.
    """
    found = []
    for number in range(LOOK_UPS):
        drawn = values(number * 7919)
        session.execute(query.encode(), drawn, prepare=True)
        started = time.perf_counter()
        session.execute(query.encode(), drawn, prepare=True)
        found.append(time.perf_counter() - started)
    return statistics.quantiles(found, n=10)[0] * 1e6


def _sessions(dsn: str, session: psycopg.Connection[Any], effort: Effort, costs: Costs) -> None:
    session.execute("create table if not exists asked as select row_number() over () as id, * from sample limit 10000")
    session.execute("create unique index if not exists asked_by_id on asked (id)")
    session.execute("vacuum analyze asked")
    query = f"select ml.predict_value('linear', {ARRAY}) from asked where id = :id"
    for size in effort.growing["sessions"]:
        load = pgbench(dsn, query, size, effort.load_seconds)
        _take(costs, "sessions_cost", size, 1e6 / load.per_second)
    opened = []
    memory = 0.0
    try:
        for number in range(1, max(effort.growing["sessions"]) + 1):
            opened.append(psycopg.connect(dsn, autocommit=True))
            opened[-1].execute("select ml.predict_value('linear', array_fill(0.5::float8, array[10]))")
            memory += anonymous_mb(opened[-1].info.backend_pid)
            if number in effort.growing["sessions"]:
                _take(costs, "sessions_memory", number, memory)
    finally:
        for one in opened:
            one.close()


def _tenants(dsn: str, session: psycopg.Connection[Any], effort: Effort, costs: Costs) -> None:
    numbers = "array_fill(0.5::float8, array[10])"
    for role in ("bench_one", "bench_all"):
        session.execute(f"create role {role} login")
    session.execute("select ml.grant_usage('bench_one', 'tenant_1'), ml.grant_usage('bench_all', 'tenant_1')")
    done = 0
    for size in effort.growing["tenants"]:
        copy_model(session, "linear", done + 1, size, tenant="tenant_#", model="theirs")
        session.execute(
            "insert into ml.tenant_role (tenant_id, role) select 'tenant_' || n, 'bench_all'::regrole "
            f"from generate_series({done + 1}, {size}) as n on conflict do nothing"
        )
        session.execute("analyze ml.tenant_role")
        done = size
        with _connect_as(dsn, "bench_one") as one:
            query = f"select ml.predict_value('theirs', {numbers}) where %s <> ''"
            _take(costs, "tenants_look_up", size, _look_up(one, query, lambda _: ["x"]))
        with _connect_as(dsn, "bench_all") as everyone:
            query = f"select ml.predict_value('theirs', {numbers}, tenant_id => %s)"
            _take(
                costs,
                "tenants_all_look_up",
                size,
                _look_up(everyone, query, lambda n, size=size: [f"tenant_{n % min(size, 100) + 1}"]),  # type: ignore[misc]
            )
    for role in ("bench_one", "bench_all"):
        session.execute(f"drop owned by {role} cascade")
        session.execute(f"drop role {role}")


def _connect_as(dsn: str, role: str) -> psycopg.Connection[Any]:
    return psycopg.connect(psycopg.conninfo.make_conninfo(dsn, user=role), autocommit=True)


_MEASURES: dict[str, Callable[[str, psycopg.Connection[Any], Effort, Costs], None]] = {
    "rows": _rows,
    "columns": _columns,
    "trees": _trees,
    "models": _models,
    "sessions": _sessions,
    "tenants": _tenants,
}
