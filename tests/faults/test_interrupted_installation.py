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

from tests.faults.conftest import POINTS, Background, Estate, Session, said
from tests.processes import wait_for

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


def ended_by(estate: Estate, by: int) -> contextlib.AbstractContextManager[None]:
    """Wait for the server's recovery where the signal makes it restart."""
    return estate.crash() if by == signal.SIGKILL else contextlib.nullcontext()


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
def test_create_extension(estate: Estate, connect: Callable[[], Session], by: int) -> None:
    for part in (0.02, 0.1, 0.3, 0.6):
        with ended_by(estate, by), connect() as session:
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
def test_drop_extension(estate: Estate, connect: Callable[[], Session], by: int) -> None:
    with ended_by(estate, by), contextlib.suppress(psycopg.OperationalError), connect() as session:
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


PAUSE = """
create function public.pause() returns event_trigger language plpgsql as $$
begin
    if tg_event = 'sql_drop' or (select count(*) from pg_proc where pronamespace = to_regnamespace('ml')) = 40 then
        perform pg_sleep(60);
    end if;
end $$;
create event trigger pause_create on ddl_command_end when tag in ('CREATE FUNCTION') execute function public.pause();
create event trigger pause_drop on sql_drop when tag in ('DROP EXTENSION') execute function public.pause();
"""
"""Stops the installation after its fortieth function, and the removal once everything is gone but not committed."""


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGKILL])
@pytest.mark.parametrize("what", ["create", "drop"])
def test_interrupted_in_the_middle(estate: Estate, connect: Callable[[], Session], what: str, by: int) -> None:
    with connect() as session:
        if what == "drop":
            session.execute("create extension motadata_ml cascade")
            session.execute(POINTS)
            session.execute(TRAIN.encode())
        session.execute(PAUSE)
    with ended_by(estate, by):
        background = Background(connect(), f"{what} extension motadata_ml cascade")
        with connect() as watcher:
            wait_for(
                lambda: watcher.execute(
                    "select from pg_stat_activity where pid = %s and wait_event = 'PgSleep'", [background.pid]
                ).fetchall()
            )
        os.kill(background.pid, by)
        assert said(background.join()) == ("57014" if by == signal.SIGINT else "connection lost")
    with connect() as session:
        assert exists(session) == ((what == "drop"),) * 2
        session.execute("drop event trigger pause_create")
        session.execute("drop event trigger pause_drop")
        if what == "drop":
            assert session.execute("select count(*) from ml.predict_batch('m', 'points')").fetchone() == (2000,)
            session.execute("drop extension motadata_ml cascade")
            assert exists(session) == (False, False)
        else:
            session.execute("create extension motadata_ml cascade")
            session.execute(POINTS)
            assert session.execute(TRAIN.encode()).fetchone() == ("completed",)
