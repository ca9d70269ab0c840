"""The process that a session keeps for its next training: what it is asked, what it remembers, and when it ends."""

from __future__ import annotations

import os
import resource
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.processes import fork_servers_of, open_files, runs, wait_for, workers_of

Session = psycopg.Connection[Any]
Connect = Callable[..., Session]

SMALL = (
    "select ml.train('small', 'classification', 'select i as x, sin(i) as z, (i > 20)::text as y "
    "from generate_series(1, 40) as i', 'y', algorithm => 'logistic_regression')"
)
ENDLESS = (
    "select ml.train('endless', 'classification', 'select i as x, (i > 20)::text as y "
    "from generate_series(1, 40) as i', 'y', algorithm => 'gradient_boosting', "
    "hyperparameters => '{\"n_estimators\": 100000000}', execution => '{\"max_memory_mb\": 1500}')"
)


def fork_server(session: Session) -> int:
    (found,) = fork_servers_of(session.info.backend_pid)
    return found


class Endless:
    """A training under way in a session, until it is cancelled."""

    def __init__(self, session: Session, canceller: Session, statement: str = ENDLESS) -> None:
        self._canceller, self._pid, self._statement = canceller, session.info.backend_pid, statement
        self.error: psycopg.Error | None = None
        self._thread = threading.Thread(target=self._run, args=(session,))
        self._thread.start()
        (self.worker,) = wait_for(lambda: workers_of(self._pid), 60)
        wait_for(lambda: "Seccomp:\t2" in Path(f"/proc/{self.worker}/status").read_text(), 60)

    def _run(self, session: Session) -> None:
        try:
            session.execute(self._statement.encode())
        except psycopg.Error as error:
            self.error = error

    def join(self) -> str | None:
        """Wait for its end, which has to be an error; return the SQLSTATE."""
        self._thread.join(60)
        assert not self._thread.is_alive()
        assert self.error is not None
        return self.error.sqlstate

    def cancel(self) -> None:
        """Cancel it and wait."""
        self._canceller.execute("select pg_cancel_backend(%s)", [self._pid])
        assert self.join() == "57014"


@pytest.fixture
def other(db: Session, connect: Connect) -> Session:
    return connect(dbname=db.info.dbname)


@pytest.fixture
def endless(db: Session, other: Session) -> Iterator[Endless]:
    """Train once, so that the fork server is an old one, and have a second training under way."""
    db.execute(SMALL.encode())
    training = Endless(db, other)
    yield training
    if training.error is None:
        training.cancel()


def test_trainings_of_a_session_are_forked_by_one_process(db: Session, other: Session) -> None:
    assert fork_servers_of(db.info.backend_pid) == []
    db.execute(SMALL.encode())
    first = fork_server(db)
    for algorithm in ("logistic_regression", "random_forest"):
        db.execute(SMALL.replace("logistic_regression", algorithm).encode())
        assert fork_server(db) == first
        assert workers_of(db.info.backend_pid) == []
    other.execute(SMALL.encode())
    assert fork_server(other) != first
    assert fork_server(db) == first


def test_it_ends_with_its_session(db: Session, other: Session) -> None:
    other.execute(SMALL.encode())
    server = fork_server(other)
    other.close()
    wait_for(lambda: not runs(server), 5)


def test_it_holds_nothing_of_a_training(db: Session, endless: Endless) -> None:
    server = fork_server(db)
    assert any("motadata_ml_rows" in name for name in open_files(endless.worker))
    assert [name for name in open_files(server) if "memfd" in name or "pipe:" in name] == []
    assert len(os.listdir(f"/proc/{server}/task")) == 1
    assert not any("socket:" in name for name in open_files(endless.worker))


def memory_of(pid: int) -> bytes:
    """Return all that a process can write to."""
    found = []
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in maps:
            span, rights, *_ = line.split()
            if rights.startswith("rw"):
                start, end = (int(part, 16) for part in span.split("-"))
                memory.seek(start)
                try:
                    found.append(memory.read(end - start))
                except OSError:
                    continue
    return b"".join(found)


def test_no_training_finds_rows_of_an_earlier_one(db: Session, other: Session) -> None:
    earlier, later = ("earlier-" * 5, "later-" * 5)
    query = "select chr(64 + i % 3) || ''{}'' as t, i as x, (i > 20)::text as y from generate_series(1, 40) as i"
    db.execute(f"select ml.train('marked', 'classification', '{query.format(earlier)}', 'y')".encode())
    endless = Endless(
        db,
        other,
        f"select ml.train('endless', 'classification', '{query.format(later)}', 'y', algorithm => "
        "'gradient_boosting', hyperparameters => '{\"n_estimators\": 100000000}')",
    )
    try:
        wait_for(lambda: later.encode() in memory_of(endless.worker))
        assert later.encode() not in memory_of(fork_server(db))
        assert earlier.encode() not in memory_of(endless.worker) + memory_of(fork_server(db))
    finally:
        endless.cancel()


def test_each_training_has_a_cap_of_its_own(db: Session, endless: Endless) -> None:
    assert resource.prlimit(endless.worker, resource.RLIMIT_DATA) == (1500 << 20, 1500 << 20)
    assert resource.prlimit(fork_server(db), resource.RLIMIT_DATA)[0] == resource.RLIM_INFINITY
    endless.cancel()
    with pytest.raises(psycopg.Error) as caught:
        db.execute(
            "select ml.train('big', 'regression', 'select i as x, i as y from generate_series(1, 20000) as i', 'y', "
            "algorithm => 'GaussianProcessRegressor', execution => '{\"max_memory_mb\": 700}')"
        )
    assert caught.value.sqlstate == "ML017"
    server = fork_server(db)
    db.execute(SMALL.encode())
    assert fork_server(db) == server


def test_each_training_draws_its_own_random_numbers(db: Session) -> None:
    """Without a seed two trainings differ, though one process forked both."""
    statement = (
        "select ml.train('drawn', 'classification', 'select sin(i) as x, cos(i * i) as z, (i % 2 = 0)::text as y "
        "from generate_series(1, 200) as i', 'y', algorithm => 'random_forest', "
        "hyperparameters => '{\"n_estimators\": 5}', random_state => null)"
    )
    for _ in range(3):
        db.execute(statement.encode())
    fork_server(db)
    digests = db.execute(
        "select a.digest from ml.artifact a join ml.model_version v on v.id = a.version_id where a.kind = 'skops'"
    ).fetchall()
    assert len(set(digests)) == len(digests) == 3


def test_it_ends_when_it_was_idle_for_long(db: Session) -> None:
    db.execute("select ml.set_option('worker_idle_seconds', '1')")
    db.execute(SMALL.encode())
    server = fork_server(db)
    time.sleep(0.4)
    assert runs(server)
    wait_for(lambda: not runs(server), 5)
    db.execute("select ml.set_option('worker_idle_seconds', '60')")
    db.execute(SMALL.encode())
    assert fork_server(db) != server
    time.sleep(1.5)
    assert runs(fork_server(db))


def test_none_stays_where_the_option_says_so(db: Session) -> None:
    db.execute("select ml.set_option('worker_idle_seconds', '0')")
    for _ in range(2):
        db.execute(SMALL.encode())
        wait_for(lambda: not any(map(runs, fork_servers_of(db.info.backend_pid))), 5)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_one_that_was_killed_or_stopped_meanwhile_is_replaced(db: Session, how: signal.Signals) -> None:
    db.execute(SMALL.encode())
    server = fork_server(db)
    os.kill(server, how)
    db.execute(SMALL.encode())
    assert fork_server(db) != server
    assert not runs(server)


def test_one_that_is_killed_takes_its_training_along(db: Session, endless: Endless) -> None:
    server = fork_server(db)
    os.kill(server, signal.SIGKILL)
    assert endless.join() == "ML016"
    assert not runs(server)
    wait_for(lambda: not runs(endless.worker), 5)
    db.execute(SMALL.encode())
    assert fork_server(db) != server


def test_a_killed_training_leaves_it_standing(db: Session, endless: Endless) -> None:
    server = fork_server(db)
    os.kill(endless.worker, signal.SIGKILL)
    assert endless.join() == "ML016"
    assert "SIGKILL" in str(endless.error)
    db.execute(SMALL.encode())
    assert fork_server(db) == server


def test_a_cancel_while_it_imports_leaves_nothing(db: Session, other: Session) -> None:
    """The first training of a session is cancelled before anything is forked."""
    for after in (0.02, 0.1, 0.3):
        timer = threading.Timer(after, other.execute, ["select pg_cancel_backend(%s)", [db.info.backend_pid]])
        timer.start()
        with pytest.raises(psycopg.errors.QueryCanceled):
            db.execute(ENDLESS.encode())
        timer.join()
        wait_for(lambda: not workers_of(db.info.backend_pid), 5)
    db.execute(SMALL.encode())


FAMILIES = [
    ("classification", "hist_gradient_boosting"),
    ("classification", "xgboost"),
    ("classification", "lightgbm"),
    ("classification", "random_forest"),
    ("classification", "svm"),
    ("classification", "mlp"),
    ("classification", "knn"),
    ("classification", "GaussianProcessClassifier"),
    ("regression", "linear"),
    ("regression", "hist_gradient_boosting"),
    ("regression", "kernel_ridge"),
    ("regression", "xgboost"),
    ("regression", "lightgbm"),
    ("regression", "elastic_net"),
    ("clustering", "kmeans"),
    ("clustering", "mean_shift"),
    ("decomposition", "pca"),
    ("classification", "auto"),
]
"""Each library with threads of its own, in turn; none may wait for threads that the fork left behind."""

SLOW = ("GaussianProcessClassifier", "mean_shift")


def test_every_family_trains_on_two_threads_when_forked(db: Session) -> None:
    db.execute(
        "create table waves as select sin(i) as a, cos(i * 2) as b, sin(i * i) as c, (i % 2 = 0)::text as label, "
        "100 + i % 7 + sin(i) as y, i from generate_series(1, 2500) as i"
    )
    db.execute("set statement_timeout = '120s'")
    targets = {"classification": "'label'", "regression": "'y'"}
    for _ in range(2):
        for model_type, algorithm in FAMILIES:
            rows = 300 if algorithm in SLOW else 2500
            db.execute(
                f"select ml.train('m_{model_type}_{algorithm}', '{model_type}', 'select a, b, c"
                f"{', label' if model_type == 'classification' else ', y' if model_type == 'regression' else ''} "
                f"from waves where i <= {rows}', {targets.get(model_type, 'null')}, algorithm => '{algorithm}', "
                "execution => '{\"threads\": 2}')".encode()
            )
        assert len(os.listdir(f"/proc/{fork_server(db)}/task")) == 1
