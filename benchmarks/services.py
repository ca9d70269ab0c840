"""The processes that point queries are compared with: services under uvicorn, and PgBouncer before the server."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg

from benchmarks.server import free_port

POOL = 8
"""Server connections that PgBouncer shares among its clients."""

START_SECONDS = 90


def program(name: str) -> str:
    """Find a program that ``make bench`` installs."""
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    if found is None:
        raise RuntimeError(f"{name} is not installed: .ci/bootstrap --with {name}")
    return found


def save_models(estimators: dict[str, Any], folder: Path) -> dict[tuple[str, str], Path]:
    """Write models as a service loads them, by joblib and as ONNX; returns files by model and runtime."""
    import joblib
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType

    files = {}
    for model, estimator in estimators.items():
        files[model, "sklearn"] = folder / f"{model}.joblib"
        joblib.dump(estimator, files[model, "sklearn"])
        files[model, "onnx"] = folder / f"{model}.onnx"
        graph = to_onnx(
            estimator, initial_types=[("row", FloatTensorType([None, 10]))], options={"zipmap": False}
        ).SerializeToString()
        files[model, "onnx"].write_bytes(graph)
    return files


@contextmanager
def service(dsn: str, model: Path, workers: int) -> Iterator[int]:
    """Run a service with some workers; yields its port once all of them answer."""
    port = free_port()
    command = [sys.executable, "-W", "ignore", "-m", "uvicorn", "benchmarks.fastapi_server:app"]
    command += ["--workers", str(workers), "--port", str(port), "--no-access-log", "--log-level", "error"]
    environment = {**os.environ, "BENCH_DSN": dsn, "BENCH_MODEL": str(model)}
    process = subprocess.Popen([*command, "--loop", "uvloop", "--http", "httptools"], env=environment)
    try:
        _wait(port, process, workers)
        yield port
    finally:
        process.terminate()
        process.wait()


def _wait(port: int, process: subprocess.Popen[bytes], workers: int) -> None:
    """Wait until every worker has answered; each does once it holds its model and its connections."""
    seen: set[int] = set()
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError("the service did not start")
        try:
            seen.add(int(_get(port, "/worker")["pid"]))
        except OSError:
            time.sleep(0.1)
        if len(seen) == workers:
            return
    raise RuntimeError(f"{len(seen)} of the service's {workers} workers answered")


def _get(port: int, path: str) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path)
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


def probability(port: int, row: int) -> float:
    """Ask a service for one row's probability."""
    return float(_get(port, f"/predict/{row}")["probability"])


@contextmanager
def pgbouncer(dsn: str, dbname: str = "bench") -> Iterator[str]:
    """Run PgBouncer with transaction pooling before the server; yields its DSN."""
    target = psycopg.conninfo.conninfo_to_dict(dsn)
    port = free_port()
    with TemporaryDirectory(prefix="motadata-ml-pgbouncer-") as name:
        file = Path(name) / "pgbouncer.ini"
        file.write_text(
            f"[databases]\n{dbname} = host={target['host']} port={target['port']} dbname={dbname} user=postgres\n"
            f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n"
            f"pool_mode = transaction\ndefault_pool_size = {POOL}\nmax_client_conn = 200\n"
            "ignore_startup_parameters = extra_float_digits\n"
            "log_connections = 0\nlog_disconnections = 0\n"
        )
        process = subprocess.Popen([program("pgbouncer"), "-q", str(file)])
        through = f"postgresql://postgres@127.0.0.1:{port}/{dbname}"
        try:
            _wait_for_pool(through)
            yield through
        finally:
            process.terminate()
            process.wait()


def _wait_for_pool(dsn: str) -> None:
    end = time.monotonic() + START_SECONDS
    while True:
        try:
            psycopg.connect(dsn).close()
        except psycopg.OperationalError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)
        else:
            return
