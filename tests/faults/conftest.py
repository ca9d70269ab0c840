"""A server of a module's own that may be killed, stopped and filled, and what must still be there afterwards."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from motadata_ml.install import Server
from tests.operations.clusters import Cluster
from tests.points import points
from tests.processes import children_of, cpu_seconds, wait_for, workers_of
from tests.sessions import has_ended

Session = psycopg.Connection[Any]

POINTS = points(2000)
TRAIN = {
    "flag": "select ml.train('flag', 'classification', 'select a, b, c, flag from points', 'flag', "
    "algorithm => 'random_forest', hyperparameters => '{\"n_estimators\": 10}', deploy => %s)",
    "number": "select ml.train('number', 'regression', 'select a, b, c, y from points', 'y', algorithm => 'ridge', "
    "deploy => %s)",
}
LONG = (
    "select ml.train('flag', 'classification', "
    "'select random() as a, random() as b, null::text as c, i % 2 = 0 as flag from generate_series(1, 20000) as i', "
    "'flag', algorithm => 'gradient_boosting', hyperparameters => '{\"n_estimators\": 100000}')"
)
KEPT = [
    "select tenant_id, model_id, version, deployed, metrics::text from ml.model_versions order by 1, 2, 3",
    "select version_id, kind, chunk, digest, md5(data) from ml.artifact order by 1, 2, 3",
    "select * from ml.deployment order by 1, 2",
    "select ml.predict('flag', to_jsonb(p))::text, ml.predict_value('number', to_jsonb(p)) from points p order by id",
    "select * from ml.predict_batch('flag', 'points', 'id')",
]


@dataclass
class Estate:
    """A running server with two models of two versions each, and all that can be said of them.

    Attributes
    ----------
    cluster : Cluster
        The server.
    kept : list
        The answers to `KEPT`.
    """

    cluster: Cluster
    kept: list[list[tuple[Any, ...]]]

    def connect(self) -> Session:
        """Open a session, waiting for a server that is recovering."""

        def opened() -> Session | None:
            try:
                return self.cluster.connect("shop")
            except psycopg.OperationalError:
                return None

        session: Session = wait_for(opened, 60)
        return session

    @contextlib.contextmanager
    def crash(self) -> Iterator[None]:
        """Wait until the crash that the body causes has ended every session: the next is of a server that recovered."""
        with contextlib.suppress(psycopg.OperationalError), self.connect() as canary:
            yield
            wait_for(lambda: has_ended(canary))

    @property
    def postmaster(self) -> int:
        """The server's main process."""
        return int((self.cluster.data / "postmaster.pid").read_text().split()[0])

    def check(self) -> None:
        """Make sure that nothing is lost, nothing is half done, and training goes on."""
        with self.connect() as session:
            assert answers(session) == self.kept
            assert session.execute(
                "select count(*) from ml.model_version v "
                "where not exists (select from ml.artifact a where a.version_id = v.id)"
            ).fetchone() == (0,)
            with session.transaction(force_rollback=True):
                trained = session.execute(TRAIN["number"].encode(), [True]).fetchone()
                assert trained is not None
                assert session.execute("select count(*) from ml.predict_batch('number', 'points')").fetchone() == (
                    2000,
                )
        wait_for(lambda: not workers_of_any(self.cluster), 5)  # what a closed session kept ends with it, not before
        assert not list((self.cluster.data / "base" / "pgsql_tmp").glob("*"))
        assert not list((self.cluster.data / "pg_stat_tmp").glob("motadata_ml_training_*"))


def answers(session: Session) -> list[list[tuple[Any, ...]]]:
    """Return what must not change."""
    return [session.execute(query.encode()).fetchall() for query in KEPT]


def backends(cluster: Cluster) -> list[int]:
    """Return the processes of a cluster, its postmaster left out, as /proc has them."""
    file = cluster.data / "postmaster.pid"
    return children_of(int(file.read_text().split()[0])) if file.exists() else []


def workers_of_any(cluster: Cluster) -> list[int]:
    """Return the training workers of all sessions of a cluster."""
    return [worker for backend in backends(cluster) for worker in workers_of(backend)]


@pytest.fixture(scope="module")
def estate(tmp_path_factory: pytest.TempPathFactory, installation: Server) -> Iterator[Estate]:
    """Run a server of its own, with models."""
    folder = tmp_path_factory.mktemp("faults")
    cluster = Cluster.create(installation, folder / "data", "max_prepared_transactions = 4\n")
    yield furnish(cluster)
    cluster.remove()


def furnish(cluster: Cluster) -> Estate:
    """Make the database `shop` with its models."""
    with cluster.connect() as session:
        session.execute("create database shop")
    with cluster.connect("shop") as session:
        session.execute("create extension motadata_ml cascade")
        session.execute(POINTS)
        for deploy in (True, False):
            for statement in TRAIN.values():
                session.execute(statement.encode(), [deploy])
        return Estate(cluster, answers(session))


class Background:
    """A statement under way in a session of its own."""

    def __init__(self, session: Session, *statements: str) -> None:
        self.session = session
        self.pid = session.info.backend_pid
        self.error: psycopg.Error | None = None
        self._thread = threading.Thread(target=self._run, args=(statements,))
        self._thread.start()

    def _run(self, statements: tuple[str, ...]) -> None:
        try:
            for statement in statements:
                self.session.execute(statement.encode())
        except psycopg.Error as error:
            self.error = error

    def worker(self) -> int:
        """Return the training worker once its fit is under way: it has used more than reading the rows costs."""
        worker: int = wait_for(lambda: workers_of(self.pid))[0]
        wait_for(lambda: cpu_seconds(worker) > 0.7)
        return worker

    def join(self, seconds: float = 30) -> psycopg.Error | None:
        """Wait for the end; returns the error, if it is one."""
        self._thread.join(seconds)
        assert not self._thread.is_alive()
        self.session.close()
        return self.error


def remove_tenant(session: Session, tenant: str, model: str, *roles: str) -> None:
    """Delete a tenant with its model, and those of its roles that a test has left, with all that they own."""
    session.execute("select ml.delete_model(%s, tenant_id => %s)", [model, tenant])
    session.execute("delete from ml.tenant where tenant_id = %s", [tenant])
    for role in roles:
        if session.execute("select from pg_roles where rolname = %s", [role]).fetchall():
            session.execute(f"drop owned by {role} cascade; drop role {role}".encode())


def said(error: psycopg.Error | None) -> str:
    """Return the SQLSTATE of an error that there has to be."""
    assert error is not None
    return error.sqlstate or "connection lost"


VALUE = "select ml.predict_value('m', array[0.0])"


def train(constant: int) -> str:
    """Return the statement that trains a version whose answer to zero is a number."""
    return (
        f"select model_version from ml.train('m', 'regression', 'select x, x + {constant} as y "
        "from generate_series(1, 20) as x', 'y', algorithm => 'linear')"
    )


def value(session: Session) -> int:
    row = session.execute(VALUE.encode()).fetchone()
    assert row is not None
    return round(float(row[0]))


@pytest.fixture
def model(estate: Estate) -> Iterator[Callable[[], Session]]:
    """Make a model that answers 1 (1.0.0) or 2 (1.1.0, not deployed); yields how to open a session."""
    with estate.connect() as session:
        session.execute(train(1).encode())
        session.execute(train(2).replace("'linear'", "'linear', deploy => false").encode())
    yield estate.connect
    with estate.connect() as session:
        session.execute("select ml.delete_model('m')")
    estate.check()
