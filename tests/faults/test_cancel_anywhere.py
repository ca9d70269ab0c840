"""Cancels and timeouts at random moments of a training: all of it is there, or nothing."""

from __future__ import annotations

import threading
import time

import numpy as np
import psycopg
import pytest

from tests.faults.conftest import Estate
from tests.processes import open_files, wait_for, workers_of

SHORT = (
    "select ml.train('short', 'classification', 'select a, b, c, flag from points', 'flag', "
    "algorithm => 'random_forest', hyperparameters => '{\"n_estimators\": 20}')"
)


@pytest.mark.parametrize(("way", "times"), [("cancel", 50), ("timeout", 25)])
def test_a_training_ended_at_any_moment(estate: Estate, way: str, times: int) -> None:
    seed = time.time_ns()
    print(f"seed {seed}")
    moments = np.random.default_rng(seed)
    finished = 0
    with estate.connect() as session, estate.connect() as canceller:
        started = time.monotonic()
        session.execute(SHORT.encode())
        whole = time.monotonic() - started
        session.execute("select ml.delete_model('short')")
        for _ in range(times):
            after = float(moments.uniform(0.001, whole))
            timer = threading.Timer(
                after, canceller.execute, ["select pg_cancel_backend(%s)", [session.info.backend_pid]]
            )
            if way == "cancel":
                timer.start()
            else:
                session.execute(f"set statement_timeout = {round(after * 1000) + 1}".encode())
            try:
                session.execute(SHORT.encode())
            except psycopg.errors.QueryCanceled:
                stored = 0
            else:
                stored = 1
            if way == "cancel":
                timer.join()
            wait_until_uncancelled(session)
            versions = session.execute("select count(*) from ml.model_versions where model_id = 'short'").fetchone()
            assert versions == (stored,)
            assert session.execute("select count(*) from ml.training_progress").fetchone() == (0,)
            assert not any("memfd:motadata_ml" in name for name in open_files(session.info.backend_pid))
            wait_for(lambda: not workers_of(session.info.backend_pid))
            if stored:
                finished += 1
                session.execute("select ml.delete_model('short')")
    assert finished < times
    estate.check()


def wait_until_uncancelled(session: psycopg.Connection[tuple[object, ...]]) -> None:
    """Take a cancel that came too late for the training, and lift the timeout."""
    for _ in range(2):
        try:
            session.execute("set statement_timeout = 0")
            session.execute("select pg_sleep(0.01)")
        except psycopg.errors.QueryCanceled:
            continue
