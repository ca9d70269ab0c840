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

Session = psycopg.Connection[Any]
Database = Callable[[str | None], Session]

DATA = Path(__file__).parent / "data"
_numbers = itertools.count(1)


@pytest.fixture
def database(server: PostgreSQLExecutor) -> Iterator[Database]:
    """Create empty databases, with the extension in a version where one is named; sessions as superuser."""
    opened: list[tuple[str, Session]] = []
    where = {"host": server.host, "port": server.port, "user": server.user, "autocommit": True}

    def create(version: str | None) -> Session:
        name = f"migration_{os.getpid()}_{next(_numbers)}"
        with psycopg.connect(dbname="postgres", **where) as session:
            session.execute(f"create database {name} template template0".encode())
        session = psycopg.connect(dbname=name, **where)
        opened.append((name, session))
        if version is not None:
            session.execute(f"create extension motadata_ml version '{version}' cascade".encode())
        return session

    yield create
    with psycopg.connect(dbname="postgres", **where) as administrator:
        for name, session in opened:
            session.close()
            administrator.execute(f"drop database {name} with (force)".encode())


@pytest.fixture
def models_of_0_1_0(database: Database) -> Iterator[Session]:
    """Restore a database in which 0.1.0 trained models: a dump that 0.1.0's own server wrote."""
    session = database(None)
    where = session.info
    session.execute("create role old_user login")
    subprocess.run(
        [
            *(
                str(find_server(BINDIR / "pg_config").program("psql")),
                "-q",
                "-v",
                "ON_ERROR_STOP=1",
                "-h",
                where.host,
                "-p",
                str(where.port),
                "-U",
                where.user,
            ),
            *("-d", where.dbname, "-f", str(DATA / "models_0.1.0.sql")),
        ],
        check=True,
        capture_output=True,
    )
    yield session
    session.execute("drop owned by old_user cascade")
    session.execute("drop role old_user")
