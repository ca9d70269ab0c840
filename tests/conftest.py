"""A server for the tests that need one: a cluster per run, a database per test."""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from pytest_postgresql import factories
from pytest_postgresql.executors import PostgreSQLExecutor

from motadata_ml.install import Server, find_server, relocate

BINDIR = Path(os.environ.get("PG_BINDIR", "/usr/lib/postgresql/15/bin"))
TEMPLATE = "motadata_ml_template"

Connection = psycopg.Connection[Any]

postgresql_process = factories.postgresql_proc(
    port=None,
    postgres_options="-c fsync=off -c full_page_writes=off -c synchronous_commit=off -c max_connections=60",
)

_numbers = itertools.count(1)


def conninfo(server: PostgreSQLExecutor, dbname: str, user: str | None = None) -> str:
    """Say how to reach a database of the test server."""
    return psycopg.conninfo.make_conninfo(host=server.host, port=server.port, user=user or server.user, dbname=dbname)


def execute(server: PostgreSQLExecutor, *statements: str | sql.Composed, dbname: str = "postgres") -> None:
    """Run statements as superuser, each in a transaction of its own."""
    with psycopg.connect(conninfo(server, dbname), autocommit=True) as session:
        for statement in statements:
            session.execute(statement)


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Server:
    """Lay out a PostgreSQL whose extension folder is this run's own, writable and seen by nobody else.

    PL/Python of servers started from it finds the packages by the first folder on the PATH: the environment that
    pytest runs in.
    """
    os.environ["PATH"] = f"{sys.prefix}/bin:{os.environ['PATH']}"
    for name in ("PYTHONPATH", "PYTHONHOME"):
        os.environ.pop(name, None)
    return relocate(find_server(BINDIR / "pg_config"), tmp_path_factory.mktemp("postgresql"))


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest, installation: Server) -> PostgreSQLExecutor:
    """Run a server whose template database holds the extension."""
    if os.getuid() == 0:
        pytest.fail("PostgreSQL does not run as root: use `make pytest`, which changes the user", pytrace=False)
    request.config.option.postgresql_exec = str(installation.program("pg_ctl"))
    running: PostgreSQLExecutor = request.getfixturevalue("postgresql_process")
    execute(running, f"create database {TEMPLATE}")
    execute(
        running,
        "create extension motadata_ml cascade",
        "do language plpython3u 'import motadata_ml_server'",
        dbname=TEMPLATE,
    )
    return running


@pytest.fixture(scope="module")
def _roles(server: PostgreSQLExecutor) -> Iterator[list[str]]:
    """Drop the roles that tests of a module made, after every database of theirs is gone."""
    names: list[str] = []
    yield names
    for name in names:
        role = sql.Identifier(name)
        execute(
            server,
            sql.SQL("drop owned by {} cascade").format(role),
            sql.SQL("drop role {}").format(role),
        )


def _clone(server: PostgreSQLExecutor) -> Iterator[str]:
    dbname = f"test_{os.getpid()}_{next(_numbers)}"
    name = sql.Identifier(dbname)
    execute(server, sql.SQL("create database {} template {}").format(name, sql.Identifier(TEMPLATE)))
    yield conninfo(server, dbname)
    execute(server, sql.SQL("drop database {} with (force)").format(name))


@pytest.fixture
def dsn(server: PostgreSQLExecutor, _roles: list[str]) -> Iterator[str]:
    """Name a fresh database with the extension, as superuser."""
    yield from _clone(server)


@pytest.fixture
def db(dsn: str) -> Iterator[Connection]:
    """Connect to the database of `dsn` as superuser, in autocommit."""
    with psycopg.connect(dsn, autocommit=True) as session:
        yield session


@pytest.fixture(scope="module")
def module_dsn(server: PostgreSQLExecutor, _roles: list[str]) -> Iterator[str]:
    """Name a database with the extension that the tests of one module share."""
    yield from _clone(server)


@pytest.fixture(scope="module")
def module_db(module_dsn: str) -> Iterator[Connection]:
    """Connect to the database that the tests of one module share, as superuser, in autocommit."""
    with psycopg.connect(module_dsn, autocommit=True) as session:
        yield session


@pytest.fixture
def connect(server: PostgreSQLExecutor, request: pytest.FixtureRequest) -> Iterator[Callable[..., Connection]]:
    """Open sessions, of a role and to a database where they are named; closed at the end of the test."""
    opened: list[Connection] = []

    def open_session(role: str | None = None, dbname: str | None = None) -> Connection:
        if dbname is None:
            dbname = str(psycopg.conninfo.conninfo_to_dict(request.getfixturevalue("dsn"))["dbname"])
        session = psycopg.connect(conninfo(server, dbname, role), autocommit=True)
        opened.append(session)
        return session

    yield open_session
    for session in opened:
        session.close()


@pytest.fixture(scope="module")
def module_role_factory(server: PostgreSQLExecutor, _roles: list[str]) -> Callable[..., str]:
    """Create login roles whose names begin as asked and are nobody else's."""

    def create_role(name: str, *, inherit: bool = True, superuser: bool = False) -> str:
        unique = f"{name}_{os.getpid()}_{next(_numbers)}"
        options = sql.SQL(f"login {'inherit' if inherit else 'noinherit'} {'superuser' if superuser else ''}")
        execute(server, sql.SQL("create role {} {}").format(sql.Identifier(unique), options))
        _roles.append(unique)
        return unique

    return create_role


@pytest.fixture
def role_factory(module_role_factory: Callable[..., str]) -> Callable[..., str]:
    """Create login roles, as `module_role_factory` does."""
    return module_role_factory
