"""A training that is cancelled, killed or too big: the server stays up, nothing is stored, no process is left."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from tests.processes import cpu_seconds, open_files, runs, wait_for, workers_of
from tests.sessions import has_ended

Connect = Callable[..., psycopg.Connection[Any]]

LONG = (
    "select ml.train('m', 'classification', "
    "'select random() as a, random() as b, i % 2 = 0 as y from generate_series(1, 20000) as i', 'y', "
    "algorithm => 'gradient_boosting', hyperparameters => '{\"n_estimators\": 100000}')"
)


class Running:
    """A long training in a session of its own."""

    def __init__(self, session: psycopg.Connection[Any], statement: str) -> None:
        self.session = session
        self.pid = session.info.backend_pid
        self.error: psycopg.Error | None = None
        self.ended = 0.0
        self._thread = threading.Thread(target=self._run, args=(statement,))
        self._thread.start()
        self.worker = wait_for(lambda: workers_of(self.pid))[0]
        # Rows read, the fit under way: the worker has used more than reading them costs.
        wait_for(lambda: cpu_seconds(self.worker) > 0.7)

    def _run(self, statement: str) -> None:
        try:
            self.session.execute(statement.encode())
        except psycopg.Error as error:
            self.error = error
        self.ended = time.monotonic()

    def join(self) -> psycopg.Error:
        """Wait for the end, which has to be an error."""
        self._thread.join(30)
        assert not self._thread.is_alive()
        assert self.error is not None
        return self.error


@pytest.fixture
def running(db: psycopg.Connection[Any], connect: Connect) -> Iterator[Running]:
    training = Running(connect(dbname=db.info.dbname), LONG)
    yield training
    training.session.close()


def nothing_left(db: psycopg.Connection[Any], training: Running) -> None:
    wait_for(lambda: not workers_of(training.pid))
    assert db.execute("select count(*) from ml.model").fetchone() == (0,)


def test_cancel_is_answered_at_once(db: psycopg.Connection[Any], running: Running) -> None:
    asked = time.monotonic()
    db.execute("select pg_cancel_backend(%s)", [running.pid])
    error = running.join()
    assert error.diag.sqlstate == "57014"
    assert running.ended - asked < 0.2
    nothing_left(db, running)
    assert running.session.execute("select 1").fetchone() == (1,)


def test_terminated_backend_takes_its_worker_along(db: psycopg.Connection[Any], running: Running) -> None:
    db.execute("select pg_terminate_backend(%s)", [running.pid])
    running.join()
    nothing_left(db, running)


def test_killed_worker_is_an_ordinary_error(db: psycopg.Connection[Any], running: Running) -> None:
    os.kill(running.worker, signal.SIGKILL)
    error = running.join()
    assert error.diag.sqlstate == "ML016"
    assert "SIGKILL" in (error.diag.message_primary or "")
    nothing_left(db, running)
    assert running.session.execute("select 1").fetchone() == (1,)


def test_segfault_of_the_worker_is_an_ordinary_error(db: psycopg.Connection[Any], running: Running) -> None:
    os.kill(running.worker, signal.SIGSEGV)
    assert running.join().diag.sqlstate == "ML016"
    nothing_left(db, running)


def test_killed_backend_takes_its_worker_along_and_the_server_recovers(
    db: psycopg.Connection[Any], dsn: str, running: Running
) -> None:
    assert any("motadata_ml_rows" in name for name in open_files(running.pid))
    os.kill(running.pid, signal.SIGKILL)
    wait_for(lambda: not runs(running.worker), 2)
    running.join()
    wait_for(lambda: has_ended(db))
    with wait_for(lambda: _connected(dsn)) as session:
        assert session.execute("select count(*) from ml.model").fetchone() == (0,)


def _connected(dsn: str) -> psycopg.Connection[Any] | None:
    try:
        return psycopg.connect(dsn)
    except psycopg.OperationalError:
        return None


def test_statement_timeout_ends_a_training(db: psycopg.Connection[Any]) -> None:
    db.execute("set statement_timeout = '2s'")
    started = time.monotonic()
    with pytest.raises(psycopg.errors.QueryCanceled):
        db.execute(LONG.encode())
    assert time.monotonic() - started < 2.3
    db.execute("set statement_timeout = 0")
    wait_for(lambda: not workers_of(db.info.backend_pid))


def test_cancel_while_rows_are_read(db: psycopg.Connection[Any]) -> None:
    db.execute("set statement_timeout = '1500ms'")
    with pytest.raises(psycopg.errors.QueryCanceled):
        db.execute(
            "select ml.train('m', 'regression', 'select i as x, pg_sleep(0.01)::text as s, i as y "
            "from generate_series(1, 10000) as i', 'y')"
        )
    wait_for(lambda: not workers_of(db.info.backend_pid))
    assert not any("memfd:motadata_ml" in name for name in open_files(db.info.backend_pid))


def test_memory_cap_is_an_ordinary_error(db: psycopg.Connection[Any]) -> None:
    db.execute("create table wide as select i, random() as y from generate_series(1, 20000) as i")
    with pytest.raises(psycopg.Error) as caught:
        db.execute(
            "select ml.train('m', 'regression', 'wide', 'y', algorithm => 'GaussianProcessRegressor', "
            "execution => '{\"max_memory_mb\": 700}')"
        )
    assert caught.value.diag.sqlstate == "ML017"
    assert db.execute("select count(*) from ml.model").fetchone() == (0,)
    assert db.execute("select 1").fetchone() == (1,)


def test_cap_too_small_for_the_rows_names_the_least(db: psycopg.Connection[Any]) -> None:
    with pytest.raises(psycopg.Error) as caught:
        db.execute(
            "select ml.train('m', 'regression', 'select "
            + ", ".join(f"i as c{n}" for n in range(30))
            + ", i as y from generate_series(1, 500000) as i', 'y', execution => '{\"max_memory_mb\": 512}')"
        )
    assert caught.value.diag.sqlstate == "ML017"
    assert "needs at least" in (caught.value.diag.message_primary or "")


def test_progress_is_seen_by_other_sessions_of_the_tenant_alone(
    db: psycopg.Connection[Any], connect: Connect, role_factory: Callable[..., str], running: Running
) -> None:
    rows = db.execute("select tenant_id, model_id, pid, step, seconds > 0 from ml.training_progress").fetchall()
    assert rows == [("default", "m", running.pid, "fit", True)]
    for tenant, seen in (("default", 1), ("other", 0)):
        role = role_factory("watcher")
        db.execute("select ml.grant_usage(%s, %s)", [role, tenant])
        watcher = connect(role=role, dbname=db.info.dbname)
        assert watcher.execute("select count(*) from ml.training_progress").fetchone() == (seen,)
    os.kill(running.worker, signal.SIGKILL)
    running.join()
    assert db.execute("select count(*) from ml.training_progress").fetchone() == (0,)


def test_progress_comes_as_notices_that_can_be_silenced(db: psycopg.Connection[Any]) -> None:
    details: list[str] = []
    db.add_notice_handler(lambda diagnosis: details.append(diagnosis.message_detail or ""))
    statement = (
        "select ml.train('m', 'classification', "
        "'select random() as a, i % 2 = 0 as y from generate_series(1, 30000) as i', 'y', algorithm => 'random_forest')"
    )
    db.execute(statement)
    assert any('"step"' in detail and '"fraction"' in detail for detail in details)
    details.clear()
    db.execute("set client_min_messages = warning")
    db.execute(statement)
    assert details == []
