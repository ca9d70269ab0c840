"""PgBouncer in transaction mode before the server, and a server that restarts under the client's pool."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Iterator

import psycopg
import pytest

from motadata_ml.errors import ConnectionLostError, DatabaseUnreachableError
from motadata_ml.ml_framework import create_ml_system
from motadata_ml.postgresql_database import DatabaseConfig, DatabaseConnection
from tests.faults.conftest import Estate
from tests.faults.pooling import connect, pooled_tenants

TENANTS = {"red": 1, "blue": 2, "green": 3}
CLIENTS = 12


@pytest.fixture(scope="module")
def pooled(estate: Estate) -> Iterator[str]:
    """Give each role a tenant with a model; yields the pool's DSN."""
    with pooled_tenants(estate, "same", TENANTS) as dsn:
        yield dsn


def test_clients_that_share_sessions_see_their_own_role_alone(pooled: str) -> None:
    def client(number: int) -> set[tuple[str, int, str, int]]:
        role = list(TENANTS)[number % len(TENANTS)]
        seen = set()
        with connect(pooled) as session:
            for _ in range(60):
                with session.transaction():
                    session.execute(f"set local role {role}".encode())
                    row = session.execute(
                        "select round(ml.predict_value('same', array[0.0]))::integer, "
                        "(select string_agg(tenant_id, ',') from ml.models), pg_backend_pid()"
                    ).fetchone()
                    assert row is not None
                    seen.add((role, *row))
        return seen

    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as threads:
        seen = set().union(*threads.map(client, range(CLIENTS)))
    assert {answer[:3] for answer in seen} == {(role, constant, role) for role, constant in TENANTS.items()}
    servers = {answer[3] for answer in seen}
    assert any(len({answer[0] for answer in seen if answer[3] == server}) > 1 for server in servers)


def test_a_tenant_set_for_a_transaction_does_not_stay(pooled: str) -> None:
    with connect(pooled) as session:
        for tenant, constant in TENANTS.items():
            with session.transaction():
                session.execute("select set_config('ml.tenant_id', %s, true)", [tenant])
                row = session.execute("select round(ml.predict_value('same', array[0.0]))").fetchone()
                assert row == (constant,)
        with pytest.raises(psycopg.Error) as caught:
            session.execute("select ml.predict_value('same', array[0.0])")
        assert caught.value.sqlstate in ("ML001", "ML013")


def test_training_and_rollback_through_the_pool(pooled: str) -> None:
    with connect(pooled) as session:
        with session.transaction(force_rollback=True):
            session.execute("set local role red")
            session.execute(
                "select ml.train('same', 'regression', 'select x, x + 9 as y from generate_series(1, 20) as x', 'y', "
                "algorithm => 'linear')"
            )
            assert session.execute("select round(ml.predict_value('same', array[0.0]))").fetchone() == (9,)
        with session.transaction():
            session.execute("set local role red")
            assert session.execute("select round(ml.predict_value('same', array[0.0]))").fetchone() == (1,)


def test_the_client_works_through_the_pool(pooled: str) -> None:
    config = DatabaseConfig.from_dsn(pooled)
    with DatabaseConnection(config) as db:
        system = create_ml_system(db, tenant_id="blue")
        for _ in range(20):
            assert round(system.predict("same", [0.0])["prediction"]) == 2


def test_a_server_that_restarts_under_a_warm_pool(estate: Estate) -> None:
    info = psycopg.conninfo.conninfo_to_dict(estate.cluster.dsn("shop"))
    config = DatabaseConfig(host=str(info["host"]), port=int(str(info["port"])), database="shop", user="postgres")
    row = {"a": 0.1, "b": 0.2, "c": "x"}
    with DatabaseConnection(config) as db:
        system = create_ml_system(db)
        before = system.predict("number", row)
        for mode in ("fast", "immediate"):
            estate.cluster.stop(mode)
            with pytest.raises((DatabaseUnreachableError, ConnectionLostError)) as caught:
                system.predict("number", row)
            assert caught.value.hint
            estate.cluster.start()
            assert system.predict("number", row) == before
            assert system.train_model(
                "short", "regression", "points", target="y", algorithm="ridge", features=["a", "b"]
            )
            system.model_manager.delete_model("short")
