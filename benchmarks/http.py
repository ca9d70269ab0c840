"""Predictions over HTTP, the row in the request: ``motadata-ml serve`` against a service with the model in its memory.

Both look the caller's key up in the database for each request, and both have a process a core.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg

from benchmarks.effort import Effort
from benchmarks.load import best, median, rounds_of, wrk_post
from benchmarks.measure import Results, require
from benchmarks.models import FEATURES, TOLERANCE, reference
from benchmarks.server import free_port
from benchmarks.services import save_models, service

CLIENTS = 8
ROWS = 100
"""Rows in a request of many."""

_START_SECONDS = 60
_MODEL = "logistic"
_ONE, _MANY = f"/api/ml/predict/{_MODEL}", f"/api/ml/predict_batch/{_MODEL}"


def measure(dsn: str, results: Results, effort: Effort) -> None:
    """Compare requests a second of one row, and take the latency and the rows a second of many."""
    with psycopg.connect(dsn, autocommit=True) as session:
        estimator = reference(session, _MODEL, 1)
        key = _key(session)
        rows = [list(row) for row in session.execute(f"select {', '.join(FEATURES)} from sample limit {ROWS}".encode())]
    one, many = json.dumps({"input_data": rows[0]}), json.dumps({"input_data": rows})
    cores = os.cpu_count() or 1
    with TemporaryDirectory() as name, serving(dsn, cores) as port:
        file = save_models({_MODEL: estimator}, Path(name))[_MODEL, "onnx"]
        with service(dsn, file, cores) as other:
            _check(port, other, key, rows)
            sides = {
                "ours": partial(wrk_post, port, _ONE, key, one, CLIENTS, effort.load_seconds),
                "fastapi": partial(wrk_post, other, "/score", key, one, CLIENTS, effort.load_seconds),
            }
            for side in sides.values():
                side()  # warm
            found = rounds_of(sides, effort.load_rounds)
        batch = wrk_post(port, _MANY, key, many, CLIENTS, effort.load_seconds)
    ours, theirs = best(found["ours"]), best(found["fastapi"])
    results.add("http_ratio_vs_fastapi_onnx", ours.per_second / theirs.per_second)
    results.add("http_ratio_vs_fastapi_onnx_median", median(found["ours"]) / median(found["fastapi"]))
    results.add("http_per_second", ours.per_second)
    results.add("http_fastapi_onnx_per_second", theirs.per_second)
    results.add("http_p50_ms", ours.p50_ms)
    results.add("http_p99_ms", ours.p99_ms)
    results.add("http_fastapi_onnx_p99_ms", theirs.p99_ms)
    results.add("http_batch_rows_per_second", batch.per_second * ROWS)


def _key(session: psycopg.Connection[Any]) -> str:
    """Make a key that both sides know."""
    row = session.execute("select ml.create_api_key('benchmark')").fetchone()
    key = str(row[0]) if row else ""
    session.execute("create table if not exists service_key (digest bytea primary key, tenant text not null)")
    session.execute("insert into service_key values (%s, 'default')", [hashlib.sha256(key.encode()).digest()])
    session.execute("analyze service_key")
    return key


@contextmanager
def serving(dsn: str, workers: int) -> Iterator[int]:
    """Run ``motadata-ml serve`` with some processes; yields its port once it is ready."""
    port = free_port()
    command = [str(Path(sys.prefix) / "bin" / "motadata-ml"), "serve", "--dsn", dsn, "--port", str(port)]
    process = subprocess.Popen([*command, "--workers", str(workers)], stdout=subprocess.DEVNULL)
    try:
        _wait(port, process)
        yield port
    finally:
        process.terminate()
        process.wait()


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=10):
                return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("motadata-ml serve is not ready")


def _ask(port: int, path: str, key: str, body: Any) -> Any:
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - http
        return json.loads(answer.read())


def _check(port: int, other: int, key: str, rows: list[list[float]]) -> None:
    """Compare both sides' probabilities, row by row, and ours of many rows with ours of one."""
    ours = [_ask(port, _ONE, key, {"input_data": row})["probabilities"][1] for row in rows]
    theirs = [_ask(other, "/score", key, {"input_data": row})["probability"] for row in rows]
    together = [row["probabilities"][1] for row in _ask(port, _MANY, key, {"input_data": rows})["predictions"]]
    apart = max(abs(one - two) for one, two in zip(ours, theirs, strict=True))
    require(apart < TOLERANCE, f"probabilities over HTTP differ by {apart}")
    require(together == ours, "the answers for many rows are those for each")
