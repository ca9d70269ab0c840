"""A training while every core does something else: its threads wait asleep, and small data have one."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.processes import fork_servers_of

MOST = 3 * 2
"""Times as long: 3 on two quiet cores, and twice that where tests run beside each other."""

ALGORITHMS = ("hist_gradient_boosting", "xgboost", "lightgbm", "logistic_regression", "mlp")


@contextmanager
def busy_cores() -> Iterator[None]:
    processes = [subprocess.Popen([sys.executable, "-I", "-c", "while True: pass"]) for _ in os.sched_getaffinity(0)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def seconds(session: psycopg.Connection[Any], algorithm: str) -> float:
    taken = []
    for _ in range(3):
        started = time.monotonic()
        session.execute(
            "select ml.train('busy', 'classification', 'select sin(i) as a, cos(i * i) as b, sin(i) > 0.2 as y "
            "from generate_series(1, 1000) as i', 'y', algorithm => %s, execution => '{\"threads\": 2}')",
            [algorithm],
        )
        taken.append(time.monotonic() - started)
    return statistics.median(taken)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_busy_machine_does_not_stretch_a_small_training(db: psycopg.Connection[Any], algorithm: str) -> None:
    seconds(db, algorithm)
    quiet = seconds(db, algorithm)
    with busy_cores():
        assert seconds(db, algorithm) < MOST * quiet


def test_threads_of_a_training_wait_asleep(db: psycopg.Connection[Any]) -> None:
    db.execute("select ml.train('m', 'regression', 'select i as x, i as y from generate_series(1, 40) as i', 'y')")
    (server,) = fork_servers_of(db.info.backend_pid)
    set_ = Path(f"/proc/{server}/environ").read_bytes().split(b"\0")
    for wanted in (b"OMP_WAIT_POLICY=passive", b"GOMP_SPINCOUNT=0", b"KMP_BLOCKTIME=0", b"OPENBLAS_THREAD_TIMEOUT=4"):
        assert wanted in set_
