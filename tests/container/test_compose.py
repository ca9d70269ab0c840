"""compose.yaml: the primary, the hot standby, PgBouncer and the HTTP server answer the same."""

from __future__ import annotations

import secrets as randoms
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import httpx
import psycopg
import pytest
from testcontainers.core.container import DockerContainer

from motadata_ml.ml_framework import create_model_manager
from motadata_ml.model_serving import create_api_key
from motadata_ml.postgresql_database import DatabaseConfig, DatabaseConnection
from tests.container.composition import read, up

PORTS = {"primary": 5432, "standby": 5432, "pgbouncer": 6432, "serving": 8000}
ROWS = "select x, mod(x, 7) as y, 3.0 * x - mod(x, 7) as z from generate_series(1, 400) as x"
TRAIN = f"select model_version from ml.train('line', 'regression', '{ROWS}', 'z', algorithm => 'random_forest')"
ANSWER = "select ml.predict('line', '{\"x\": 50, \"y\": 3}')"


class Services:
    """The running services, and how to reach them."""

    def __init__(self, containers: dict[str, DockerContainer], passwords: dict[str, str]) -> None:
        self.containers = containers
        self._passwords = passwords

    def address(self, name: str) -> tuple[str, int]:
        container = self.containers[name]
        return container.get_container_host_ip(), int(container.get_exposed_port(PORTS[name]))

    def dsn(self, name: str, user: str = "app") -> str:
        host, port = self.address(name)
        return psycopg.conninfo.make_conninfo(
            host=host, port=port, user=user, password=self._passwords[user], dbname="motadata", connect_timeout=10
        )

    def connect(self, name: str, user: str = "app") -> psycopg.Connection[Any]:
        return psycopg.connect(self.dsn(name, user), autocommit=True)


@pytest.fixture(scope="module")
def services(client: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    folder = tmp_path_factory.mktemp("secrets")
    for parent in (folder, *list(folder.parents)[:2]):
        parent.chmod(0o755)
    passwords = {"postgres": "p'a\"ss", "replication": "re pl", "app": f"a'\"{randoms.token_hex(8)}"}
    for name, password in passwords.items():
        (folder / name).write_text(password + "\n")
        (folder / name).chmod(0o644)
    volumes = {name: f"motadata-ml-test-{name}-{uuid.uuid4().hex[:12]}" for name in read()["volumes"]}
    for volume in volumes.values():
        client.volumes.create(volume)
    try:
        with up(client, folder, volumes) as containers:
            yield Services(containers, passwords)
    finally:
        for volume in volumes.values():
            client.volumes.get(volume).remove(force=True)


@pytest.fixture(scope="module")
def trained(services: Services) -> str:
    """Train through PgBouncer, as the application's role; wait until the standby has replayed it."""
    with services.connect("pgbouncer") as session:
        row = session.execute(TRAIN).fetchone()
    assert row
    with services.connect("primary", "postgres") as primary, services.connect("standby", "postgres") as standby:
        written = primary.execute("select pg_current_wal_lsn()").fetchone()
        deadline = time.monotonic() + 30
        while standby.execute("select pg_last_wal_replay_lsn() >= %s", written).fetchone() != (True,):
            assert time.monotonic() < deadline, "the standby does not follow"
            time.sleep(0.1)
    return str(row[0])


def test_ports_are_open_to_this_machine_only() -> None:
    services = read()["services"]
    assert set(services) == set(PORTS)
    published = [port for service in services.values() for port in service["ports"]]
    assert len(published) == len(PORTS)
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_no_service_runs_as_root(services: Services) -> None:
    users = {
        name: container.exec(["id", "-u"]).output.decode().strip() for name, container in services.containers.items()
    }
    assert "0" not in users.values()
    assert len(users) == len(PORTS)


def test_the_application_is_an_ordinary_role(services: Services) -> None:
    with services.connect("pgbouncer") as session:
        assert (
            session.execute(
                "select rolsuper, rolcreaterole, rolreplication from pg_roles where rolname = 'app'"
            ).fetchone()
            == (False,) * 3
        )
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute("create role another")
    with services.connect("primary") as session, pytest.raises(psycopg.Error):
        session.execute("select ml.predict_value('health', array[21], tenant_id => 'health')")


def test_every_service_answers_the_same(services: Services, trained: str) -> None:
    answers = []
    for name in ("primary", "standby", "pgbouncer"):
        with services.connect(name) as session:
            row = session.execute(ANSWER).fetchone()
            assert row
            answers.append(row[0])
    assert answers[0]["model_version"] == trained
    assert answers[0]["prediction"] == pytest.approx(147, abs=10)
    with DatabaseConnection(DatabaseConfig.from_dsn(services.dsn("primary", "postgres"))) as db:
        key = create_api_key(create_model_manager(db), "tests", "default")
    host, port = services.address("serving")
    address = f"http://{host}:{port}/api/ml/predict/line"
    body = {"input_data": {"x": 50, "y": 3}}
    assert httpx.post(address, json=body).status_code == 401
    response = httpx.post(address, json=body, headers={"Authorization": f"Bearer {key}"}, timeout=30)
    assert response.status_code == 200, response.text
    answers.append({name: response.json().get(name) for name in answers[0]})
    assert answers[1:] == answers[:1] * 3


def test_the_standby_follows_and_says_that_it_cannot_train(services: Services, trained: str) -> None:
    with services.connect("standby") as session:
        assert session.execute("select pg_is_in_recovery()").fetchone() == (True,)
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction) as refused:
            session.execute(TRAIN)
        assert refused.value.sqlstate == "25006"
        assert refused.value.diag.message_hint
        assert "primary" in refused.value.diag.message_hint
        assert session.execute("select version from ml.model_versions where model_id = 'line'").fetchall() == [
            (trained,)
        ]


def test_a_restarted_standby_catches_up(services: Services, trained: str) -> None:
    container = services.containers["standby"].get_wrapped_container()
    container.stop(timeout=60)
    with services.connect("primary") as session:
        version = session.execute(TRAIN).fetchone()
        after = session.execute(ANSWER).fetchone()
    container.start()
    deadline = time.monotonic() + 60
    seen: Any = None
    while seen != after:
        assert time.monotonic() < deadline, f"the standby answers {seen} instead of {after}"
        time.sleep(0.5)
        try:
            with services.connect("standby") as session:
                seen = session.execute(ANSWER).fetchone()
        except psycopg.OperationalError:
            continue
    assert version
    assert after
    assert after[0]["model_version"] == version[0] != trained


def test_pgbouncer_refuses_everybody_but_the_application(services: Services) -> None:
    with pytest.raises(psycopg.OperationalError, match="authentication failed"):
        services.connect("pgbouncer", "postgres")


def test_secrets_are_nowhere_in_what_the_engine_tells(services: Services) -> None:
    for container in services.containers.values():
        wrapped = container.get_wrapped_container()
        wrapped.reload()
        told = str(wrapped.attrs) + wrapped.logs().decode()
        assert not [name for name, password in services._passwords.items() if password in told]


def test_missing_secrets_are_named(services: Services, tmp_path: Path) -> None:
    container = services.containers["pgbouncer"]
    done = container.exec(["env", "APP_PASSWORD_FILE=/nowhere", "pgbouncer.sh"])
    assert done.exit_code == 1
    assert "/nowhere" in done.output.decode()
