"""The connection: every way to make one, and what it says when it cannot."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg_pool import ConnectionPool

from motadata_ml import DatabaseConfig, DatabaseConnection, create_ml_system, errors


def _dsn(config: DatabaseConfig) -> str:
    return config.conninfo()


@pytest.fixture
def connect(config: DatabaseConfig) -> Callable[[], psycopg.Connection[Any]]:
    return lambda: psycopg.connect(_dsn(config))


def test_every_source_reaches_the_same_database(config: DatabaseConfig, connect: Any) -> None:
    with connect() as own, ConnectionPool(_dsn(config), min_size=1) as pool:
        for source in (config, _dsn(config), own, pool):
            with DatabaseConnection(source) as db:
                assert db.execute("select current_database() as name") == [{"name": config.database}]
        assert not own.closed
        assert not pool.closed


def test_environment_is_used_without_a_configuration(config: DatabaseConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (
        ("PGHOST", config.host),
        ("PGPORT", config.port),
        ("PGDATABASE", config.database),
        ("PGUSER", config.user),
        ("PGPASSWORD", config.password or ""),
    ):
        monkeypatch.setenv(name, str(value))
    with DatabaseConnection() as db:
        assert db.execute("select current_database() as name") == [{"name": config.database}]


def test_unreachable_server_is_a_typed_error(config: DatabaseConfig) -> None:
    with pytest.raises(errors.DatabaseUnreachableError, match=r"127\.0\.0\.1:1") as caught:
        DatabaseConnection(replace(config, host="127.0.0.1", port=1)).connect()
    assert "pg_isready" in (caught.value.hint or "")
    assert isinstance(caught.value.__cause__, psycopg.Error)


@pytest.fixture
def with_password(module_db: psycopg.Connection[Any], make_role: Any) -> Iterator[DatabaseConfig]:
    """A role that the server asks for its password."""
    role = replace(make_role("default"), host="127.0.0.1")
    rules = Path(module_db.execute("select current_setting('hba_file')").fetchall()[0][0])
    before = rules.read_text()
    rules.write_text(f"host all {role.user} 127.0.0.1/32 scram-sha-256\n{before}")
    module_db.execute("select pg_reload_conf()")
    yield role
    rules.write_text(before)
    module_db.execute("select pg_reload_conf()")


def test_wrong_password_is_a_typed_error(with_password: DatabaseConfig) -> None:
    with DatabaseConnection(with_password) as db:
        assert db.execute("select 1 as one") == [{"one": 1}]
    role = replace(with_password, password="falsch")
    with pytest.raises(errors.AuthenticationError) as caught:
        DatabaseConnection(role).connect()
    assert "falsch" not in str(caught.value)
    assert caught.value.hint


def test_unknown_database_is_a_typed_error(config: DatabaseConfig) -> None:
    with pytest.raises(errors.DatabaseUnreachableError, match="nowhere") as caught:
        DatabaseConnection(replace(config, database="nowhere")).connect()
    assert caught.value.sqlstate == "3D000"


def test_database_without_the_extension_is_a_typed_error(config: DatabaseConfig) -> None:
    with (
        DatabaseConnection(replace(config, database="postgres")) as db,
        pytest.raises(errors.ExtensionMissingError) as caught,
    ):
        create_ml_system(db)
    assert "create extension motadata_ml" in (caught.value.hint or "")


def test_extension_older_than_the_client_is_a_typed_error(
    config: DatabaseConfig, module_db: psycopg.Connection[Any]
) -> None:
    with DatabaseConnection(config) as db, module_db.transaction(force_rollback=True):
        module_db.execute("update pg_extension set extversion = '0.0.9' where extname = 'motadata_ml'")
        with pytest.raises(errors.VersionMismatchError, match=r"0\.0\.9, older"):
            create_ml_system(module_db)
        create_ml_system(db)


def test_role_without_any_right_is_a_typed_error(make_role: Any) -> None:
    with DatabaseConnection(make_role()) as db, pytest.raises(errors.InsufficientPrivilegeError) as caught:
        create_ml_system(db)
    assert "ml.grant_usage" in (caught.value.hint or "")


def test_tenant_of_others_is_refused_at_creation(make_role: Any) -> None:
    with DatabaseConnection(make_role("mine")) as db:
        assert create_ml_system(db, tenant_id="mine").tenant_id == "mine"
        with pytest.raises(errors.TenantNotPermittedError):
            create_ml_system(db, tenant_id="theirs")


def test_two_tenants_and_none_named_is_refused_at_creation(make_role: Any) -> None:
    with DatabaseConnection(make_role("one", "two")) as db, pytest.raises(errors.TenantAmbiguousError):
        create_ml_system(db)


def test_connections_killed_while_idle_are_replaced_unseen(
    config: DatabaseConfig, module_db: psycopg.Connection[Any]
) -> None:
    with DatabaseConnection(config) as db:
        system = create_ml_system(db)
        _kill_others(module_db)
        assert isinstance(system.model_manager.list_models(), list)
        _kill_others(module_db)
        assert db.execute("select 1 as one") == [{"one": 1}]


def test_no_connection_is_left_behind(config: DatabaseConfig, module_db: psycopg.Connection[Any]) -> None:
    named = replace(config, application_name="left_behind")
    with DatabaseConnection(named) as db:
        system = create_ml_system(db)
        with pytest.raises(errors.MLError):
            system.train_model("m", "nonsense", [{"a": 1}, {"a": 2}])
        with pytest.raises(errors.MLError):
            system.predict("nothing", {"a": 1})
    query = "select count(*) from pg_stat_activity where application_name = 'left_behind'"
    deadline = time.monotonic() + 5
    while module_db.execute(query).fetchall() != [(0,)]:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_threads_share_one_connection_object(config: DatabaseConfig) -> None:
    found: list[int] = []
    with DatabaseConnection(replace(config, max_connections=3)) as db:

        def work() -> None:
            found.extend(db.execute("select %s::int as n, pg_sleep(0.01)", (n,))[0]["n"] for n in range(5))

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(found) == sorted([*range(5)] * 8)


def test_borrowed_connection_keeps_its_transaction(connect: Any) -> None:
    with connect() as own:
        own.execute("create table kept (a int)")
        db = DatabaseConnection(own)
        db.execute("insert into kept values (1)")
        with pytest.raises(errors.DatabaseError):
            db.execute("select 1 / 0")
        assert db.execute("select a from kept") == [{"a": 1}]
        own.rollback()
        assert db.execute("select to_regclass('kept') as name") == [{"name": None}]


def test_gpu_that_is_not_there_is_a_warning_with_the_reason(config: DatabaseConfig) -> None:
    with DatabaseConnection(config) as db, pytest.warns(RuntimeWarning, match="no GPU"):
        assert create_ml_system(db, enable_gpu=True).settings.gpu is False


def _kill_others(module_db: psycopg.Connection[Any]) -> None:
    module_db.execute(
        "select pg_terminate_backend(pid, 5000) from pg_stat_activity "
        "where datname = current_database() and application_name = 'motadata_ml' and pid <> pg_backend_pid()"
    )
