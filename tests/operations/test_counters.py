"""`ml.stat_models` where sessions are killed and servers restart."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from motadata_ml.install import Server
from tests.operations.clusters import Cluster, wait_until


@pytest.fixture
def cluster(installation: Server, tmp_path: Path) -> Iterator[Cluster]:
    running = Cluster.create(installation, tmp_path / "data")
    with running.connect() as session:
        session.execute("create extension motadata_ml cascade")
        session.execute(
            "select ml.train('m', 'regression', 'select i as x, i * 2 as y from generate_series(1, 90) i', 'y')"
        )
    yield running
    running.remove()


def predict(session: psycopg.Connection[Any], times: int) -> None:
    session.execute("select count(ml.predict_value('m', ARRAY[i])) from generate_series(1, %s) as i", [times])


def calls(cluster: Cluster) -> int:
    with cluster.connect() as session:
        row = session.execute("select coalesce(sum(calls), 0)::bigint from ml.stat_models").fetchone()
    assert row is not None
    return int(row[0])


def test_counts_outlive_sessions_that_end_in_any_way_and_begin_anew_with_the_server(cluster: Cluster) -> None:
    with cluster.connect() as session:
        predict(session, 30)
    with cluster.connect() as other:
        predict(other, 10)
        terminated = other.info.backend_pid
        with cluster.connect() as owner:
            owner.execute("select pg_terminate_backend(%s)", [terminated])
    assert calls(cluster) == 40
    killed = cluster.connect()
    predict(killed, 5)
    os.kill(killed.info.backend_pid, signal.SIGKILL)
    killed.close()
    wait_until(lambda: cluster.log.read_text().count("ready to accept connections") == 2)
    assert calls(cluster) == 45
    with cluster.connect() as session:
        predict(session, 1)
    assert calls(cluster) == 46
    cluster.stop()
    assert (cluster.data / "pg_stat_tmp" / "motadata_ml_counters").stat().st_mode & 0o777 == 0o600
    cluster.start()
    assert calls(cluster) == 0
    with cluster.connect() as session:
        predict(session, 3)
    assert calls(cluster) == 3
