"""Two tenants with a model each, their roles, and roles with less and with more rights."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pytest_postgresql.executors import PostgreSQLExecutor

from tests.conftest import conninfo

ATTACKS = "attacks tried: {tried}, got through: {through}"
"""What a run ends with: docs/security.md has the figure of a whole one."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the report of a test say whether it is an attack: each of this folder is one but those marked otherwise."""
    for item in items:
        if Path(__file__).parent in item.path.parents and item.get_closest_marker("no_attack") is None:
            item.user_properties.append(("attack", True))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many attacks were tried, and how many got through: a test of several cases counts each case."""

    def attacks(outcome: str) -> int:
        reports = terminalreporter.stats.get(outcome, [])
        return sum(("attack", True) in getattr(report, "user_properties", ()) for report in reports)

    through = attacks("failed")
    tried = attacks("passed") + through
    if tried:
        terminalreporter.write_line(ATTACKS.format(tried=tried, through=through))


Session = psycopg.Connection[Any]
RoleFactory = Callable[..., str]

ROWS = "select i as x, sin(i) as w, case when i > 50 then 'secret of {0}' else 'open' end as y, i * 2.0 as z"


@dataclass(frozen=True)
class Actors:
    """Sessions of everybody in the threat model."""

    superuser: Session
    red: Session
    blue: Session
    chief: Session
    nobody: Session
    pool: Session

    @property
    def dbname(self) -> str:
        return self.superuser.info.dbname


def train(session: Session, model: str, tenant: str, algorithm: str = "decision_tree") -> None:
    session.execute("set client_min_messages = error")
    session.execute(
        "select ml.train(%s, 'classification', %s, 'y', array['x', 'w'], %s)",
        [model, ROWS.format(tenant) + " from generate_series(1, 100) as i", algorithm],
    )


@contextmanager
def acting(server: PostgreSQLExecutor, db: Session, role_factory: RoleFactory) -> Iterator[Actors]:
    """Make everybody in a database."""
    opened: list[Session] = []

    def session_of(role: str) -> Session:
        opened.append(psycopg.connect(conninfo(server, db.info.dbname, role), autocommit=True, prepare_threshold=None))
        return opened[-1]

    names = {name: role_factory(name, inherit=name != "pool") for name in ("red", "blue", "chief", "nobody", "pool")}
    db.execute("select ml.grant_usage(%s, 'rouge')", [names["red"]])
    db.execute("select ml.grant_usage(%s, 'blue')", [names["blue"]])
    db.execute("select ml.grant_usage(%s, 'blue', admin => true)", [names["chief"]])
    db.execute(f'grant "{names["red"]}", "{names["blue"]}" to "{names["pool"]}"'.encode())
    for name in ("red", "blue"):
        db.execute(f'create schema {name}_own authorization "{names[name]}"'.encode())
    everybody = Actors(db, *(session_of(names[name]) for name in ("red", "blue", "chief", "nobody", "pool")))
    train(everybody.red, "m", "rouge")
    train(everybody.red, "m", "rouge")
    train(everybody.red, "only rouge", "rouge")
    train(everybody.blue, "m", "blue")
    yield everybody
    for session in opened:
        session.close()


@pytest.fixture(scope="module")
def _shared_actors(
    server: PostgreSQLExecutor, module_db: Session, module_role_factory: RoleFactory
) -> Iterator[Actors]:
    with acting(server, module_db, module_role_factory) as everybody:
        yield everybody


@pytest.fixture
def actors(_shared_actors: Actors) -> Actors:
    """Return red and blue (users of a tenant each), chief (administers blue), nobody, and a pool that serves both.

    The tests of a module share them, so a test that succeeds in changing something takes `own_actors`.
    """
    everybody = _shared_actors
    for session in (everybody.red, everybody.blue, everybody.chief, everybody.nobody, everybody.pool):
        session.execute("discard all")
    return everybody


@pytest.fixture
def own_actors(server: PostgreSQLExecutor, db: Session, role_factory: RoleFactory) -> Iterator[Actors]:
    """Return actors that no other test sees."""
    with acting(server, db, role_factory) as everybody:
        yield everybody


def refusal(session: Session, statement: str, *values: Any) -> psycopg.Error:
    """Run a statement that has to fail; the session goes on."""
    with pytest.raises(psycopg.Error) as caught:
        session.execute(statement.encode(), values)
    assert session.execute("select 1").fetchone() == (1,)
    return caught.value


def state(superuser: Session) -> dict[str, list[Any]]:
    """Return all that the extension stores, to show that nothing changed."""
    tables = ("tenant", "tenant_role", "model", "model_version", "artifact", "deployment", "trial", "option", "api_key")
    return {
        table: superuser.execute(f"select md5(t::text) from ml.{table} as t order by 1".encode()).fetchall()
        for table in tables
    }
