"""The export against a real MLflow server, in an environment of its own: its packages fit no other's."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from motadata_ml import MLSystem
from motadata_ml.mlops import create_experiment_tracker

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def mlflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running MLflow server; MLFLOW_BIN names one that is installed."""
    folder = tmp_path_factory.mktemp("mlflow")
    program = os.environ.get("MLFLOW_BIN")
    if program is None:
        subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
        subprocess.run([folder / "venv/bin/pip", "install", "-q", "mlflow>=3,<4"], check=True)
        program = str(folder / "venv/bin/mlflow")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    log = (folder / "log").open("w")
    store = f"sqlite:///{folder}/runs.db"
    command = [program, "server", "--port", str(port), "--workers", "1", "--backend-store-uri", store]
    process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, start_new_session=True)
    url = f"http://127.0.0.1:{port}"
    try:
        _wait(url, process, folder / "log")
        yield url
    finally:
        os.killpg(process.pid, 15)
        process.wait(30)
        log.close()


def test_runs_and_trainings_are_exported_once(trained: MLSystem, mlflow: str) -> None:
    tracker = create_experiment_tracker(db=trained, experiment="exported")
    with tracker.start_run("curve", tags={"team": "a"}):
        tracker.log_params({"depth": 3, "names": ["a", "b"]})
        for step in range(150):
            tracker.log_metrics({"loss": 1 / (step + 1)}, step=step)
    running = tracker.start_run("not ended")
    assert tracker.to_mlflow(mlflow) == 2
    assert tracker.to_mlflow(mlflow) == 0
    running.end("failed")
    assert tracker.to_mlflow(mlflow) == 1
    found = {run["info"]["run_name"]: run for run in _search(mlflow)}
    assert set(found) == {"curve", "not ended", "tickets"}
    curve = found["curve"]
    assert curve["info"]["status"] == "FINISHED"
    assert found["not ended"]["info"]["status"] == "FAILED"
    assert {p["key"]: p["value"] for p in curve["data"]["params"]} == {"depth": "3", "names": '["a", "b"]'}
    assert curve["data"]["metrics"][0]["value"] == pytest.approx(1 / 150)
    history = _get(mlflow, f"metrics/get-history?run_id={curve['info']['run_id']}&metric_key=loss")
    assert len(history["metrics"]) == 150
    metrics = {m["key"]: m["value"] for m in found["tickets"]["data"]["metrics"]}
    assert metrics["accuracy"] > 0.9


def _search(url: str) -> list[dict[str, Any]]:
    experiment = _get(url, "experiments/get-by-name?experiment_name=exported")["experiment"]["experiment_id"]
    body = json.dumps({"experiment_ids": [experiment]}).encode()
    runs: list[dict[str, Any]] = _get(url, "runs/search", body)["runs"]
    return runs


def _get(url: str, path: str, body: bytes | None = None) -> dict[str, Any]:
    address = f"{url}/api/2.0/mlflow/{path}"
    answer = (
        httpx.get(address)
        if body is None
        else httpx.post(address, content=body, headers={"Content-Type": "application/json"})
    )
    found: dict[str, Any] = answer.raise_for_status().json()
    return found


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 120
    while True:
        try:
            httpx.get(f"{url}/health", timeout=2)
        except httpx.TransportError:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.5)
        else:
            return
