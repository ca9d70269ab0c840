"""Creating and dropping the extension, cancelled or killed on the way."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator

import psycopg
import pytest

from tests.faults.conftest import POINTS, Estate, Session

TRAIN = "select status from ml.train('m', 'regression', 'select a, b, y from points', 'y', algorithm => 'ridge')"


@pytest.fixture
def connect(estate: Estate) -> Iterator[Callable[[], Session]]:
    """Open sessions to an empty database, which is dropped afterwards."""
    with estate.connect() as session:
        session.execute("drop database if exists other with (force)")
        session.execute("create database other")

    def opened() -> Session:
        until = time.monotonic() + 30
        while True:
            try:
                return estate.cluster.connect("other")
            except psycopg.OperationalError:
                assert time.monotonic() < until
                time.sleep(0.05)

    yield opened
    estate.check()


def interrupted(session: Session, statement: str, after: float, by: int) -> bool:
    """Send a signal to a session at some moment of a statement; returns whether it ended before."""
    timer = threading.Timer(after, os.kill, [session.info.backend_pid, by])
    timer.start()
    try:
        session.execute(statement.encode())
    except (psycopg.errors.QueryCanceled, psycopg.OperationalError):
        return False
    finally:
        timer.join()
    return True


def exists(session: Session) -> tuple[bool, bool]:
    """Return whether there is the extension, and whether there is anything in its schema."""
    row = session.execute(
        "select exists (select from pg_extension where extname = 'motadata_ml'), "
        "exists (select from pg_class where relnamespace = to_regnamespace('ml')) "
        "or exists (select from pg_proc where pronamespace = to_regnamespace('ml'))"
    ).fetchone()
    assert row is not None
    return bool(row[0]), bool(row[1])


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGKILL])
def test_create_extension(connect: Callable[[], Session], by: int) -> None:
    for part in (0.02, 0.1, 0.3, 0.6):
        with connect() as session:
            done = interrupted(session, "create extension motadata_ml cascade", part * 0.3, by)
        with connect() as session:
            assert exists(session) == (done, done)
            if done:
                session.execute("drop extension motadata_ml cascade")
    with connect() as session:
        session.execute("create extension motadata_ml cascade")
        session.execute(POINTS)
        assert session.execute(TRAIN.encode()).fetchone() == ("completed",)


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGKILL])
def test_drop_extension(connect: Callable[[], Session], by: int) -> None:
    with contextlib.suppress(psycopg.OperationalError), connect() as session:
        session.execute("create extension motadata_ml cascade")
        session.execute(POINTS)
        session.execute(TRAIN.encode())
        before = session.execute("select digest from ml.artifact order by 1").fetchall()
        session.execute("begin")
        session.execute("drop extension motadata_ml cascade")
        if by == signal.SIGKILL:
            os.kill(session.info.backend_pid, by)
            session.execute("select 1")
        else:
            session.execute("rollback")
    with connect() as session:
        assert exists(session) == (True, True)
        assert session.execute("select digest from ml.artifact order by 1").fetchall() == before
        assert session.execute("select count(*) from ml.predict_batch('m', 'points')").fetchone() == (2000,)
        for after in (0.001, 0.005, 0.02):
            if exists(session)[0] and interrupted(session, "drop extension motadata_ml cascade", after, signal.SIGINT):
                session.execute("create extension motadata_ml cascade")
                session.execute(TRAIN.encode())
            assert exists(session) == (True, True)
        assert session.execute("select count(*) from ml.predict_batch('m', 'points')").fetchone() == (2000,)
        session.execute("drop extension motadata_ml cascade")
        assert exists(session) == (False, False)
