"""Algorithms that compute in parallel: what they start and write ends with the worker, however it ends."""

from __future__ import annotations

import os
import signal

import pytest

from tests.faults.conftest import Background, Estate, said
from tests.processes import cpu_seconds, processes_of_session, runs, shared_files_of, wait_for, workers_of

COLUMNS = ", ".join(f"sin(i * {n}) as a{n}" for n in range(1, 21))
PARALLEL = {
    "gaussian_process": ("classification", "i % 5 as y", "{}"),
    "mean_shift": ("clustering", None, '{"bandwidth": 2}'),
}
"""Each of these asks joblib for processes where nothing else is said."""


def train(algorithm: str) -> str:
    model_type, target, hyperparameters = PARALLEL[algorithm]
    columns, goal = (f"{COLUMNS}, {target}", "'y'") if target else (COLUMNS, "null")
    return (
        f"select ml.train('parallel', '{model_type}', 'select {columns} from generate_series(1, 5000) as i', {goal}, "
        f"algorithm => '{algorithm}', hyperparameters => '{hyperparameters}', execution => '{{\"threads\": 2}}')"
    )


@pytest.mark.parametrize(
    ("algorithm", "way", "state"),
    [
        ("mean_shift", "cancel", "57014"),
        ("gaussian_process", "killed worker", "ML016"),
        ("gaussian_process", "killed backend", "connection lost"),
    ],
)
def test_nothing_outlives_a_parallel_training(estate: Estate, algorithm: str, way: str, state: str) -> None:
    background = Background(estate.connect(), train(algorithm))
    worker = wait_for(lambda: workers_of(background.pid))[0]
    wait_for(lambda: sum(map(cpu_seconds, processes_of_session(worker))) > 1.5)
    started = processes_of_session(worker)
    if way == "cancel":
        with estate.connect() as session:
            session.execute("select pg_cancel_backend(%s)", [background.pid])
    else:
        os.kill(worker if way == "killed worker" else background.pid, signal.SIGKILL)
    assert said(background.join()) == state
    wait_for(lambda: not any(map(runs, started)), 2)
    assert shared_files_of(worker) == []
    estate.check()
