"""What clients of a transaction pool leave behind in the sessions they share, and pools over a restart."""

from __future__ import annotations

import concurrent.futures
import threading
from collections.abc import Iterator

import psycopg
import pytest
from psycopg_pool import ConnectionPool

from benchmarks.services import POOL
from motadata_ml.ml_framework import create_ml_system
from motadata_ml.postgresql_database import DatabaseConnection
from tests.faults.conftest import Estate, Session
from tests.faults.pooling import connect, pooled_tenants

TENANTS = {"north": 1, "south": 2}
VALUE = "select round(ml.predict_value('shared', array[0.0]))::integer, current_user::text, pg_backend_pid()"


@pytest.fixture(scope="module")
def pooled(estate: Estate) -> Iterator[str]:
    """Give each role a tenant with a model; yields the pool's DSN."""
    with pooled_tenants(estate, "shared", TENANTS) as dsn:
        yield dsn


def in_every_session(pooled: str, *statements: str) -> set[int]:
    """Run statements in every server session of the pool at once; returns their processes."""
    gate = threading.Barrier(POOL)

    def run(_: int) -> int:
        with connect(pooled) as client, client.transaction():
            gate.wait(30)
            for statement in statements:
                client.execute(statement.encode())
            return process(client)

    with concurrent.futures.ThreadPoolExecutor(POOL) as threads:
        servers = set(threads.map(run, range(POOL)))
    assert len(servers) == POOL
    return servers


def process(client: Session) -> int:
    row = client.execute("select pg_backend_pid()").fetchone()
    assert row is not None
    return int(row[0])


def test_a_tenant_left_behind_allows_nobody_anything(pooled: str) -> None:
    servers = in_every_session(pooled, "set ml.tenant_id = 'north'")
    try:
        with connect(pooled) as client:
            for role in TENANTS:
                with client.transaction():
                    client.execute(f"set local role {role}".encode())
                    if role == "north":
                        row = client.execute(VALUE.encode()).fetchone()
                        assert row is not None
                        assert row[:2] == (1, "north")
                        assert row[2] in servers
                        continue
                    with client.transaction(force_rollback=True), pytest.raises(psycopg.Error) as caught:
                        client.execute(VALUE.encode())
                    assert caught.value.sqlstate == "ML012"
                    row = client.execute(VALUE.replace("])", "], tenant_id => 'south')").encode()).fetchone()
                    assert row is not None
                    assert row[:2] == (2, "south")
    finally:
        assert in_every_session(pooled, "reset ml.tenant_id") == servers


def test_a_role_left_behind_answers_as_that_role(pooled: str) -> None:
    """A `set role` without `local` stays in the session: every answer is still the current role's."""
    try:
        with concurrent.futures.ThreadPoolExecutor(8) as threads:

            def client(number: int) -> set[tuple[str, int]]:
                seen = set()
                with connect(pooled) as session:
                    for turn in range(40):
                        if turn % 4 == number % 4:
                            session.execute(f"set role {list(TENANTS)[turn // 4 % 2]}".encode())
                        with session.transaction(force_rollback=True):
                            current = session.execute("select current_user::text").fetchone()
                            if current not in {(role,) for role in TENANTS}:
                                continue
                            row = session.execute(VALUE.encode()).fetchone()
                            assert row is not None
                            seen.add((row[1], row[0]))
                return seen

            seen = set().union(*threads.map(client, range(8)))
        assert seen == set(TENANTS.items())
    finally:
        in_every_session(pooled, "reset role")


def test_a_statement_prepared_by_one_role_answers_each_by_its_own(pooled: str) -> None:
    servers = in_every_session(
        pooled,
        "set local role north",
        "prepare shared_plan as " + VALUE,
        *["execute shared_plan"] * 6,
    )
    try:
        for _ in range(10):
            for role, constant in TENANTS.items():
                with connect(pooled) as client, client.transaction():
                    client.execute(f"set local role {role}".encode())
                    row = client.execute("execute shared_plan").fetchone()
                    assert row is not None
                    assert row[:2] == (constant, role)
                    assert row[2] in servers
    finally:
        assert in_every_session(pooled, "deallocate shared_plan") == servers


def test_the_client_shares_the_pool_among_threads(pooled: str) -> None:
    """As the client's page says: a pool whose connections prepare nothing."""
    pool = ConnectionPool(
        pooled, min_size=1, max_size=12, kwargs={"autocommit": True, "prepare_threshold": None}, open=True
    )
    with pool, DatabaseConnection(pool) as db:
        systems = {role: create_ml_system(db, tenant_id=role) for role in TENANTS}

        def client(number: int) -> set[tuple[str, int]]:
            role = list(TENANTS)[number % 2]
            return {(role, round(systems[role].predict("shared", [0.0])["prediction"])) for _ in range(30)}

        with concurrent.futures.ThreadPoolExecutor(12) as threads:
            assert set().union(*threads.map(client, range(12))) == set(TENANTS.items())


def test_every_warm_connection_outlives_a_restart(estate: Estate) -> None:
    """With no call while the server is away, no call notices, however many connections were open."""
    row = {"a": 0.1, "b": 0.2, "c": "x"}
    pool = ConnectionPool(
        estate.cluster.dsn("shop"), min_size=6, max_size=6, kwargs={"autocommit": True}, open=True, timeout=30
    )
    pool.wait(30)
    with pool, DatabaseConnection(pool) as db, concurrent.futures.ThreadPoolExecutor(6) as threads:
        system = create_ml_system(db)
        before = system.predict("number", row)
        for mode in ("fast", "immediate"):
            estate.cluster.stop(mode)
            estate.cluster.start()
            answers = list(threads.map(lambda _: system.predict("number", row), range(12)))
            assert answers == [before] * 12
        estate.cluster.stop("fast")
        estate.cluster.start()
        assert system.train_model("again", "regression", "points", target="y", algorithm="ridge", features=["a", "b"])
        system.model_manager.delete_model("again")
