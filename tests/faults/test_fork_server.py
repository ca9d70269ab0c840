"""The ways in which a training forked by a standing fork server ends: what is said, what is left, what goes on."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from tests.faults.conftest import LONG, TRAIN, Background, Estate, Session, said
from tests.processes import children_of, fork_servers_of, open_files, runs, wait_for, workers_of

BEYOND = (
    "select ml.train('big', 'regression', 'select sin(i) as x, i as y from generate_series(1, 20000) as i', 'y', "
    "algorithm => 'GaussianProcessRegressor', execution => '{\"max_memory_mb\": 700}')"
)
REFUSED = "select ml.train('none', 'regression', 'select a, y from points where false', 'y')"
ROUNDS = 12


def keep_one(session: Session) -> int:
    """Train once, and leave nothing but the process that the session keeps for its next training; return that."""
    with session.transaction(force_rollback=True):
        session.execute(TRAIN["number"].encode(), [True])
    (server,) = fork_servers_of(session.info.backend_pid)
    return server


@dataclass
class Standing:
    """A training under way that an old fork server has forked.

    Attributes
    ----------
    backend, server, worker : int
        Their processes.
    """

    estate: Estate
    background: Background
    server: int
    worker: int

    @property
    def backend(self) -> int:
        return self.background.pid

    def ask(self, statement: str) -> None:
        """Ask the server from another session."""
        with self.estate.connect() as session:
            session.execute(statement.encode(), [self.backend])

    def is_gone(self, *more: int) -> None:
        """Make sure that the training's process is no more, with others, and that nobody is left to be waited for."""
        wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in (self.worker, *more)), 5)


@pytest.fixture
def standing(estate: Estate) -> Iterator[Standing]:
    """Have a session train for the second time; nothing may be lost by what is done to it."""
    session = estate.connect()
    server = keep_one(session)
    background = Background(session, LONG)
    yield Standing(estate, background, server, background.worker())
    background.join()
    estate.check()


def test_a_cancel_ends_the_training_and_leaves_the_fork_server(standing: Standing) -> None:
    before = open_files(standing.server)
    standing.ask("select pg_cancel_backend(%s)")
    standing.is_gone()
    assert runs(standing.server)
    assert children_of(standing.server) == []
    assert len(open_files(standing.server)) == len(before)
    assert said(standing.background.join()) == "57014"
    wait_for(lambda: not runs(standing.server), 5)  # its session is closed


def test_a_timeout_ends_the_training_and_the_next_has_the_same_fork_server(estate: Estate) -> None:
    with estate.connect() as session:
        server = keep_one(session)
        session.execute("set statement_timeout = '1s'")
        with pytest.raises(psycopg.errors.QueryCanceled):
            session.execute(LONG.encode())
        assert workers_of(session.info.backend_pid) == []
        session.execute("set statement_timeout = 0")
        assert keep_one(session) == server
    estate.check()


def test_a_killed_training_is_an_error_of_its_statement(standing: Standing) -> None:
    os.kill(standing.worker, signal.SIGKILL)
    standing.is_gone()
    assert said(standing.background.join()) == "ML016"


def test_a_killed_fork_server_takes_its_training_along(standing: Standing) -> None:
    os.kill(standing.server, signal.SIGKILL)
    standing.is_gone(standing.server)
    assert said(standing.background.join()) == "ML016"


def test_a_killed_backend_takes_both_along(standing: Standing) -> None:
    with standing.estate.crash():
        os.kill(standing.backend, signal.SIGKILL)
    standing.is_gone(standing.server)
    assert said(standing.background.join()) == "connection lost"


def test_a_terminated_backend_takes_both_along(standing: Standing) -> None:
    standing.ask("select pg_terminate_backend(%s)")
    standing.is_gone(standing.server)
    assert said(standing.background.join()) == "57P01"


@pytest.mark.parametrize("stopped", ["worker", "server"])
def test_a_stopped_process_does_not_hold_its_statement_up(standing: Standing, stopped: str) -> None:
    """A cancel is answered though the training, or the fork server that would tell of its end, does not run."""
    os.kill(getattr(standing, stopped), signal.SIGSTOP)
    standing.ask("select pg_cancel_backend(%s)")
    assert said(standing.background.join(15)) == "57014"
    standing.is_gone(standing.server)


def test_a_training_beyond_its_memory_leaves_the_fork_server(estate: Estate) -> None:
    with estate.connect() as session:
        server = keep_one(session)
        with pytest.raises(psycopg.Error) as caught:
            session.execute(BEYOND.encode())
        assert caught.value.sqlstate == "ML017"
        assert children_of(server) == []
        assert keep_one(session) == server
    estate.check()


def kept_open(pid: int) -> list[str]:
    """Return what a process holds open, but for the files of tables, which come and go."""
    return sorted(name.split(":")[0] for name in open_files(pid) if "/base/" not in name and "/global/" not in name)


def memory_mb(pid: int) -> float:
    """Return the memory that a process has to itself."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) / 1024


def test_trainings_of_all_ends_leave_nothing_in_session_and_fork_server(estate: Estate) -> None:
    """Descriptors, processes and memory stay what they were, however trainings end."""

    def all_ends(session: Session) -> None:
        keep_one(session)
        for statement, state, timeout in ((REFUSED, "ML", 0), (LONG, "57014", 700)):
            session.execute(f"set statement_timeout = {timeout}".encode())
            with pytest.raises(psycopg.Error) as caught:
                session.execute(statement.encode())
            assert said(caught.value).startswith(state)
        session.execute("set statement_timeout = 0")

    with estate.connect() as session:
        all_ends(session)
        server = keep_one(session)
        both = (session.info.backend_pid, server)
        files = [kept_open(pid) for pid in both]
        before = [memory_mb(pid) for pid in both]
        for _ in range(ROUNDS):
            all_ends(session)
        assert keep_one(session) == server
        assert [kept_open(pid) for pid in both] == files
        assert not any("memfd" in name or "pipe:" in name for name in open_files(server))
        assert children_of(server) == []
        assert children_of(both[0]) == [server]
        grown = [memory_mb(pid) - least for pid, least in zip(both, before, strict=True)]
        assert max(grown) < 4, grown
    wait_for(lambda: not runs(server), 5)
    estate.check()
