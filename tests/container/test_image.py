"""The image: it trains, predicts, keeps its data, and says whether it is healthy."""

from __future__ import annotations

import io
import re
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import docker
import psycopg
import pytest

from tests.container.engine import check_health
from tests.container.servers import PASSWORD, Server, Session

ROOT = Path(__file__).parents[2]
LARGEST_MB = 500
TRAIN = """
select status, model_version from ml.train('late', 'classification',
    'select x, mod(x, 7) as y, x %% 10 < 4 as late from generate_series(1, %s) as x', 'late', algorithm => %s)
"""
ANSWER = "select ml.predict('late', '{\"x\": 21, \"y\": 0}')"


@pytest.fixture(scope="module")
def server(image: str) -> Iterator[Server]:
    with Server(image) as running:
        yield running


@pytest.fixture
def session(server: Server) -> Iterator[Session]:
    with server.connect() as opened:
        yield opened


def test_image_adds_what_the_documentation_says_and_no_more(client: docker.DockerClient, image: str) -> None:
    base = re.search(r"^ARG PG_MAJOR=(\d+)$", (ROOT / "Dockerfile.postgres").read_text(), re.MULTILINE)
    assert base
    added = (
        client.images.get(image).attrs["Size"] - client.images.get(f"postgres:{base[1]}-bookworm").attrs["Size"]
    ) / 1e6
    assert 100 < added < LARGEST_MB
    stated = re.search(r"adds (\d+) MB", (ROOT / "docs" / "operations.md").read_text())
    assert stated
    assert added == pytest.approx(int(stated[1]), rel=0.05)


def test_image_holds_no_tools_that_only_building_needs(server: Server) -> None:
    missing = [server.run("sh", "-c", f"command -v {tool}")[0] for tool in ("gcc", "pip", "pip3", "git", "curl")]
    assert 0 not in missing
    assert server.run("sh", "-c", "ls /opt/motadata-ml/lib/python3*/site-packages/pip")[0] != 0
    assert server.run("sh", "-c", 'test -z "$(ls -A /var/lib/apt/lists)"')[0] == 0


def test_packages_are_compiled_and_whole(server: Server) -> None:
    """A module without its compiled form costs every session; one that was trimmed away too much, an error."""
    count = "find /opt/motadata-ml/lib -name '*.py' | wc -l; find /opt/motadata-ml/lib -name '*.pyc' | wc -l"
    sources, compiled = server.run("sh", "-c", count)[1].split()
    assert int(compiled) == int(sources) > 3000
    program = (
        "import numpy.testing, scipy.stats, sklearn.utils.estimator_checks, pandas, onnx, onnxruntime, skops.io;"
        "import motadata_ml_server.worker.__main__"
    )
    assert server.run("/opt/motadata-ml/bin/python", "-B", "-c", program) == (0, "")


def test_everything_runs_as_an_ordinary_user(client: docker.DockerClient, server: Server, image: str) -> None:
    assert client.images.get(image).attrs["Config"]["User"] == "postgres"
    assert server.run("id", "-u") == (0, "999\n")
    owners = "for p in /proc/[0-9]*; do stat -c %u $p 2>/dev/null; done | sort -u"
    assert server.run("sh", "-c", owners)[1].split() == ["999"]
    for place in ("/opt/motadata-ml/lib", "/usr/lib", "/usr/share/postgresql", "/usr/local/bin", "/etc"):
        assert server.run("test", "-w", place)[0] == 1, place


@pytest.mark.parametrize("algorithm", ["logistic_regression", "random_forest", "hist_gradient_boosting"])
def test_models_train_and_predict(session: Session, algorithm: str) -> None:
    trained = session.execute(TRAIN % (500, f"'{algorithm}'")).fetchone()
    assert trained
    assert trained[0] == "completed"
    answer = session.execute(ANSWER).fetchone()
    assert answer
    assert answer[0]["model_version"] == trained[1]
    assert sum(answer[0]["probabilities"].values()) == pytest.approx(1)
    rows = session.execute(
        "select count(*), count(distinct prediction) from ml.predict_batch('late', "
        "'select x, mod(x, 7) as y from generate_series(1, 3000) as x')"
    ).fetchone()
    assert rows
    assert rows[0] == 3000


def test_doctor_finds_nothing(session: Session) -> None:
    assert session.execute("select check_name, detail from ml.doctor() where not ok").fetchall() == []


def test_a_tenants_user_trains_and_sees_only_their_own(server: Server, session: Session) -> None:
    session.execute("create role clerk login password 'a clerk''s password'")
    clerk = server.connect("clerk", "a clerk's password")
    with clerk, pytest.raises(psycopg.errors.InsufficientPrivilege):
        clerk.execute("select ml.list_models()")
    session.execute("insert into ml.tenant (tenant_id) values ('acme')")
    session.execute("select ml.grant_usage('clerk', 'acme')")
    with server.connect("clerk", "a clerk's password") as clerk:
        clerk.execute(TRAIN % (300, "'logistic_regression'"))
        assert clerk.execute("select tenant_id, model_id from ml.models").fetchall() == [("acme", "late")]
        answer = clerk.execute(ANSWER).fetchone()
        assert answer
        assert answer[0]["model_id"] == "late"
        with pytest.raises(psycopg.Error) as refused:
            clerk.execute("select ml.predict_value('health', array[21], tenant_id => 'health')")
        assert refused.value.sqlstate
        assert refused.value.sqlstate.startswith("ML") or refused.value.sqlstate == "42501"


def test_a_wrong_password_is_refused(server: Server) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        server.connect("postgres", "wrong")


def test_without_a_password_no_data_folder_is_made(client: docker.DockerClient, image: str) -> None:
    container = client.containers.create(image)
    try:
        container.start()
        assert container.wait(timeout=60)["StatusCode"] == 1
        assert "superuser password is not specified" in container.logs().decode()
    finally:
        container.remove(force=True, v=True)


def test_health_is_whether_it_predicts(client: docker.DockerClient, image: str) -> None:
    with Server(image, POSTGRES_USER="owner", POSTGRES_DB="shop") as server:
        assert check_health(client, server.container) == (True, "")
        with server.connect("owner", dbname="shop") as session:
            session.execute("select ml.delete_model('health', tenant_id => 'health')")
        healthy, said = check_health(client, server.container)
        assert not healthy
        assert "setup.sh" in said
        assert server.run("setup.sh") == (0, "")
        assert check_health(client, server.container) == (True, "")
        with server.connect("owner", dbname="shop") as session:
            session.execute("select ml.delete_model('health', tenant_id => 'health')")
            session.execute(
                "select ml.train('health', 'regression', 'select x, 3.0 * x as y from "
                "generate_series(1, 20) as x', 'y', algorithm => 'linear', tenant_id => 'health')"
            )
        healthy, said = check_health(client, server.container)
        assert (healthy, said.strip()) == (False, "predicted 63 instead of 42")


def test_models_outlive_a_restart(image: str) -> None:
    with Server(image) as server:
        with server.connect() as session:
            session.execute(TRAIN % (500, "'random_forest'"))
            before = session.execute(ANSWER).fetchone()
        began = time.monotonic()
        server.container.restart(timeout=60)
        assert time.monotonic() - began < 45, "it did not stop when asked to"
        server.wait()
        with server.connect() as session:
            assert session.execute(ANSWER).fetchone() == before
        assert "database system was shut down" in server.logs()
        assert "was not properly shut down" not in server.logs()


def test_a_volume_keeps_models_and_password(client: docker.DockerClient, image: str, volume: str) -> None:
    with Server(image, volume=volume) as server, server.connect() as session:
        session.execute(TRAIN % (500, "'random_forest'"))
        before = session.execute(ANSWER).fetchone()
    with Server(image, volume=volume, password="another password") as server:
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            server.connect()
        with server.connect("postgres", PASSWORD) as session:
            assert session.execute(ANSWER).fetchone() == before
            versions = session.execute("select count(*) from ml.model_versions where model_id = 'health'").fetchone()
            assert versions == (1,), "the init script ran a second time"
        assert check_health(client, server.container) == (True, "")


def test_a_data_folder_of_plain_postgresql_gets_the_extension(
    client: docker.DockerClient, image: str, volume: str
) -> None:
    plain = re.sub(
        r".*ARG PG_MAJOR=(\d+).*", r"postgres:\1-bookworm", (ROOT / "Dockerfile.postgres").read_text(), flags=re.DOTALL
    )
    with Server(plain, volume=volume) as server, server.connect() as session:
        session.execute("create table kept as select 1 as x")
    with Server(image, volume=volume) as server:
        healthy, said = check_health(client, server.container)
        assert not healthy
        assert "setup.sh" in said
        assert server.run("setup.sh") == (0, "")
        assert server.run("setup.sh") == (0, ""), "it can be run again"
        assert check_health(client, server.container) == (True, "")
        with server.connect() as session:
            assert session.execute("select x from kept").fetchone() == (1,)


def test_an_older_versions_models_are_upgraded_and_predict_the_same(image: str, volume: str) -> None:
    dump = ROOT / "tests" / "migration" / "data" / "models_0.1.0.sql"
    with Server(image, volume=volume) as server:
        server.container.put_archive("/tmp", _archive(dump))  # noqa: S108 - in the container
        with server.connect() as session:
            session.execute("create database shop template template0")
            session.execute("create role old_user login")
        psql = ("psql", "-qX", "-v", "ON_ERROR_STOP=1", "-d", "shop", "-o", "/dev/null")
        assert server.run(*psql, "-f", f"/tmp/{dump.name}") == (0, "")  # noqa: S108
    with Server(image, volume=volume, POSTGRES_DB="shop") as server, server.connect(dbname="shop") as session:
        version = "select extversion from pg_extension where extname = 'motadata_ml'"
        assert session.execute(version).fetchone() == ("0.1.0",)
        answers = (
            "select count(*), count(*) filter (where answer = ml.predict(e.model, to_jsonb(r), tenant_id => e.tenant)) "
            "from expected e join rows r using (id)"
        )
        assert session.execute(answers).fetchone() == (200, 200)
        assert server.run("setup.sh") == (0, "")
        assert session.execute(version).fetchone() != ("0.1.0",)
        assert session.execute(answers).fetchone() == (200, 200)
        assert session.execute("select check_name, detail from ml.doctor() where not ok").fetchall() == []
        session.execute("select ml.train('linear', 'regression', 'select load, visits, price from rows', 'price')")


def test_it_runs_on_a_read_only_root_without_capabilities(client: docker.DockerClient, image: str, volume: str) -> None:
    hardened = {"read_only": True, "cap_drop": ["ALL"], "security_opt": ["no-new-privileges"]}
    with Server(image, sockets=volume, more=hardened) as server, server.connect() as session:
        assert server.run("touch", "/var/lib/postgresql/written")[0] == 1
        session.execute(TRAIN % (300, "'hist_gradient_boosting'"))
        assert session.execute(ANSWER).fetchone()
        assert check_health(client, server.container) == (True, "")


def _archive(path: Path) -> bytes:
    """Return a file as the tar archive that engines take."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.add(path, arcname=path.name)
    return packed.getvalue()
