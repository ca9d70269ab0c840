"""Point queries: pgbench on the server against HTTP services that fetch the same row."""

from __future__ import annotations

import http.client
import json
import random
import re
import socket
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg

from benchmarks.measure import Results, require
from benchmarks.models import ARRAY
from benchmarks.server import BINDIR

CLIENTS = 8
KEYS = 10_000


def measure(dsn: str, results: Results, seconds: int) -> None:
    """Compare requests a second at 8 clients, for a linear model and a forest."""
    with psycopg.connect(dsn, autocommit=True) as session:
        session.execute("create table keyed as select row_number() over () as id, * from points limit 10000")
        session.execute("alter table keyed add primary key (id)")
        session.execute("vacuum analyze keyed")
    bare = _pgbench(dsn, "select c1 from keyed where id = :id", 1, seconds)
    for model, suffix, against_sklearn in (("logistic", "", 10.0), ("forest", "_forest", 60.0)):
        query = f"select (ml.predict_proba('{model}', {ARRAY}))[2] from keyed where id = :id"
        one = _pgbench(dsn, query, 1, seconds)
        ours = _pgbench(dsn, query, CLIENTS, seconds)
        results.add(f"serve_{model}_per_second", ours[0], "pgbench, 8 clients, prepared")
        results.add(f"serve_{model}_p99_ms", ours[1], "latency of 99 of 100 requests")
        results.add(f"serve_{model}_one_client_ratio", bare[0] / one[0], "times the select of the row alone", 2)
        for runtime, target in (("sklearn", against_sklearn), ("onnx", 5.0)):
            theirs = _service(dsn, model, runtime, seconds)
            name = f"serve_ratio_vs_fastapi_{runtime}{suffix}"
            results.add(name, ours[0] / theirs, f"times FastAPI and {runtime}: {theirs:.0f} a second", -target)


def _pgbench(dsn: str, query: str, clients: int, seconds: int) -> tuple[float, float]:
    """Return transactions a second and the 99th percentile of their latency in milliseconds."""
    with TemporaryDirectory() as name:
        script = Path(name) / "script.sql"
        script.write_text(f"\\set id random(1, {KEYS})\n{query};\n")
        command = [BINDIR / "pgbench", "-n", "-M", "prepared", "-c", clients, "-j", 1, "-T", seconds]
        command += ["-l", "--log-prefix", Path(name) / "log", "-f", script, dsn]
        run = subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True)
        latencies = [
            int(line.split()[2]) / 1e3 for log in Path(name).glob("log*") for line in log.read_text().splitlines()
        ]
    found = re.search(r"tps = ([\d.]+)", run.stdout)
    assert found is not None
    return float(found[1]), statistics.quantiles(latencies, n=100)[98]


def _service(dsn: str, model: str, runtime: str, seconds: int) -> float:
    """Return requests a second of a service under the same load."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.fastapi_server", dsn, model, runtime, str(port)]
    process = subprocess.Popen(command)
    try:
        _wait(port, process)
        _check(dsn, model, port)
        counts: list[int] = []
        end = time.perf_counter() + seconds
        threads = [threading.Thread(target=_load, args=(port, end, counts)) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return sum(counts) / seconds
    finally:
        process.terminate()
        process.wait()


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 90
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError("the service did not start")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise RuntimeError("the service did not answer")


def _check(dsn: str, model: str, port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", "/predict/7")
    theirs = json.loads(connection.getresponse().read())["probability"]
    connection.close()
    with psycopg.connect(dsn) as session:
        query = f"select (ml.predict_proba('{model}', {ARRAY}))[2] from keyed where id = 7"
        row = session.execute(query.encode()).fetchone()
    assert row is not None
    require(abs(row[0] - theirs) < 0.1, f"the service's probability {theirs} and ours {row[0]}")


def _load(port: int, end: float, counts: list[int]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    draw = random.Random(port)  # noqa: S311 - a load, not a secret
    count = 0
    while time.perf_counter() < end:
        connection.request("GET", f"/predict/{draw.randint(1, KEYS)}")
        response = connection.getresponse()
        response.read()
        if response.status != 200:
            raise RuntimeError(f"the service answered {response.status}")
        count += 1
    connection.close()
    counts.append(count)
