"""Point queries: pgbench on the server against HTTP services that fetch the same row from it."""

from __future__ import annotations

import os
import time
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg

from benchmarks.effort import Effort
from benchmarks.load import KEYS, Load, best, median, pgbench, rounds_of, wrk
from benchmarks.measure import Results, require
from benchmarks.models import ARRAY, TOLERANCE, reference
from benchmarks.services import pgbouncer, probability, save_models, service

PAIR_CLIENTS = 8
"""Clients at which the ratios are taken."""

CHECKED = 100
"""Rows on which the services' answers are compared with ours."""

RUNTIMES = ("sklearn", "onnx")


def measure(dsn: str, results: Results, effort: Effort) -> None:
    """Compare requests a second and their latency, for a logistic regression and a forest."""
    with psycopg.connect(dsn, autocommit=True) as session:
        session.execute(f"create table keyed as select row_number() over () as id, * from points limit {KEYS}")
        session.execute("alter table keyed add primary key (id)")
        session.execute("vacuum analyze keyed")
        estimators = {model: reference(session, model, 1) for model in ("logistic", "forest")}
    with TemporaryDirectory() as name, pgbouncer(dsn) as through:
        files = save_models(estimators, Path(name))
        for model in estimators:
            with ExitStack() as stack:
                ports = {
                    runtime: stack.enter_context(_faster(dsn, files[model, runtime], results, model, runtime, effort))
                    for runtime in RUNTIMES
                }
                for port in ports.values():
                    _check(dsn, model, port)
                _compare(dsn, through, model, ports, results, effort)


def query_of(model: str) -> str:
    """Return the query of a point prediction."""
    return f"select (ml.predict_proba('{model}', {ARRAY}))[2] from keyed where id = :id"


def _faster(
    dsn: str, file: Path, results: Results, model: str, runtime: str, effort: Effort
) -> AbstractContextManager[int]:
    """Try one worker and one a core; return the service with whichever answers more."""
    cores = os.cpu_count() or 1
    found = {}
    if not effort.choose_workers:
        return service(dsn, file, cores)
    for workers in sorted({1, cores}):
        with service(dsn, file, workers) as port:
            wrk(port, PAIR_CLIENTS, 1)
            found[workers] = wrk(port, PAIR_CLIENTS, 2).per_second
    results.add(f"serve_{model}_fastapi_{runtime}_one_worker_per_second", found[1])
    chosen = max(found, key=lambda workers: found[workers])
    results.add(f"serve_fastapi_{runtime}_workers" + ("" if model == "logistic" else f"_{model}"), chosen)
    return service(dsn, file, chosen)


def _compare(
    dsn: str,
    through: str,
    model: str,
    ports: dict[str, int],
    results: Results,
    effort: Effort,
) -> None:
    query = query_of(model)
    seconds = effort.load_seconds
    for count in effort.clients:
        sides = {
            "direct": partial(pgbench, dsn, query, count, seconds),
            "pgbouncer": partial(pgbench, through, query, count, seconds, "extended"),
            **{f"fastapi_{runtime}": partial(wrk, ports[runtime], count, seconds) for runtime in RUNTIMES},
        }
        if count == 1:
            sides["bare"] = partial(pgbench, dsn, f"select {ARRAY} from keyed where id = :id", 1, seconds)
        found = rounds_of(sides, effort.load_rounds)
        for side, loads in found.items():
            _take(results, f"serve_{model}_{side}_{count}", best(loads))
        if count == 1:
            runtime = _runtime_seconds(dsn, model)
            results.add(f"serve_{model}_runtime_us", 1e6 * runtime)
            alone, whole = (1 / best(found[side]).per_second for side in ("bare", "direct"))
            results.add(f"serve_{model}_one_client_ratio", (whole - runtime) / alone)
        if count == PAIR_CLIENTS:
            _ratios(results, model, found)


def _runtime_seconds(dsn: str, model: str) -> float:
    """Return what a prediction takes where neither a round trip nor a statement is to be paid: in a scan."""
    calls: list[float] = []
    scan: list[float] = []
    with psycopg.connect(dsn, autocommit=True) as session:
        for _ in range(4):
            for what, taken in ((f"ml.predict_proba('{model}', {ARRAY})", calls), (ARRAY, scan)):
                started = time.perf_counter()
                session.execute(f"select count({what}) from keyed".encode())
                taken.append(time.perf_counter() - started)
    return (min(calls) - min(scan)) / KEYS


def _ratios(results: Results, model: str, found: dict[str, list[Load]]) -> None:
    _take(results, f"serve_{model}", best(found["direct"]))
    _take(results, f"serve_{model}_pgbouncer", best(found["pgbouncer"]))
    suffix = "" if model == "logistic" else f"_{model}"
    for runtime in RUNTIMES:
        other = found[f"fastapi_{runtime}"]
        name = f"serve_ratio_vs_fastapi_{runtime}{suffix}"
        results.add(name, best(found["direct"]).per_second / best(other).per_second)
        results.add(f"{name}_median", median(found["direct"]) / median(other))


def _take(results: Results, name: str, load: Load) -> None:
    results.add(f"{name}_per_second", load.per_second)
    results.add(f"{name}_p50_ms", load.p50_ms)
    results.add(f"{name}_p99_ms", load.p99_ms)


def _check(dsn: str, model: str, port: int) -> None:
    """Compare a service's probabilities with ours, row by row."""
    with psycopg.connect(dsn) as session:
        query = query_of(model).replace("id = :id", f"id <= {CHECKED} order by id")
        ours = [row[0] for row in session.execute(query.encode())]
    theirs = [probability(port, row) for row in range(1, CHECKED + 1)]
    apart = max(abs(one - other) for one, other in zip(ours, theirs, strict=True))
    require(apart < TOLERANCE, f"probabilities of {model} by the service and by ours differ by {apart}")
