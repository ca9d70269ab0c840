"""Databases that began as an older version of the extension."""

from __future__ import annotations

import itertools
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pytest_postgresql.executors import PostgreSQLExecutor

from motadata_ml.install import find_server
from tests.conftest import BINDIR
from tests.migration.make_data import ROLES

Session = psycopg.Connection[Any]
Database = Callable[[str | None], Session]
Restored = Callable[[str], Session]

DATA = Path(__file__).parent / "data"
_numbers = itertools.count(1)


@pytest.fixture
def database(server: PostgreSQLExecutor) -> Iterator[Database]:
    """Create empty databases, with the extension in a version where one is named; sessions as superuser."""
    opened: list[tuple[str, Session]] = []

    def connect(name: str) -> Session:
        return psycopg.connect(host=server.host, port=server.port, user=server.user, dbname=name, autocommit=True)

    def create(version: str | None) -> Session:
        name = f"migration_{os.getpid()}_{next(_numbers)}"
        with connect("postgres") as session:
            session.execute(f"create database {name} template template0".encode())
        session = connect(name)
        opened.append((name, session))
        if version is not None:
            session.execute(f"create extension motadata_ml version '{version}' cascade".encode())
        return session

    yield create
    with connect("postgres") as administrator:
        for name, session in opened:
            session.close()
            administrator.execute(f"drop database {name} with (force)".encode())


@pytest.fixture
def restored(database: Database) -> Iterator[Restored]:
    """Restore databases in which a release trained models: dumps that its own server wrote."""
    sessions: list[Session] = []

    def restore(version: str) -> Session:
        session = database(None)
        sessions.append(session)
        where = session.info
        for role in ROLES:
            session.execute(f"create role {role} login".encode())
        psql = [str(find_server(BINDIR / "pg_config").program("psql")), "-qX", "-v", "ON_ERROR_STOP=1"]
        place = ["-h", where.host, "-p", str(where.port), "-U", where.user, "-d", where.dbname]
        subprocess.run([*psql, *place, "-f", str(DATA / f"models_{version}.sql")], check=True, capture_output=True)
        return session

    yield restore
    for session in sessions:
        session.execute("reset role")
        for role in ROLES:
            session.execute(f"drop owned by {role} cascade".encode())
            session.execute(f"drop role {role}".encode())
