"""After uninstalling there is no object, role, grant, job, file or process of ours."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from motadata_ml.install import Server, show_packages, write_files
from tests.operations.clusters import Cluster
from tests.processes import workers_of

Session = psycopg.Connection[Any]

TRAIN = "select ml.train('m', 'regression', 'select i as x, 2 * i as y from generate_series(1, 50) i', 'y')"


@pytest.fixture
def cluster(installation: Server, tmp_path: Path) -> Iterator[Cluster]:
    made = Cluster.create(installation, tmp_path / "data")
    yield made
    made.remove()


def program(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [f"{sys.prefix}/bin/motadata-ml", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def everything(session: Session) -> list[str]:
    """Return all that a database and its server have, but for PL/Python, by a description each."""
    return [
        text
        for (text,) in session.execute(
            """select distinct pg_describe_object(classid, objid, 0) from pg_depend
            where objid >= 16384 and classid <> 'pg_cast'::regclass
            union select 'schema ' || nspname from pg_namespace where nspname !~ '^pg_(toast_)?temp'
            union select 'role ' || rolname from pg_roles union select 'database ' || datname from pg_database
            union select format('grant to %s in %s', refobjid::regrole, d.classid::regclass) from pg_shdepend d
                where refclassid = 'pg_authid'::regclass
            order by 1"""
        )
    ]


def files(cluster: Cluster) -> set[str]:
    return {str(path) for path in cluster.data.rglob("*motadata*")}


def test_a_database_is_as_it_was_before(cluster: Cluster) -> None:
    with cluster.connect() as session:
        session.execute("create database other")
        session.execute("create role alice login")
        session.execute("create extension plpython3u")
        before = everything(session)
        session.execute("create extension motadata_ml")
        session.execute("select ml.grant_usage('alice', 'acme')")
        session.execute(TRAIN)
        session.execute("select ml.predict_value('m', array[3])")
        assert files(cluster) == {str(cluster.data / "pg_stat_tmp" / "motadata_ml_counters")}
        assert everything(session) != before
        done = program("uninstall", "--dsn", cluster.dsn())
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.splitlines() == [
            "removed extension motadata_ml and schema ml of postgres",
            "removed the server's file of counters",
        ]
        assert everything(session) == before
        assert files(cluster) == set()
        assert workers_of(session.info.backend_pid) == []
        session.execute("drop role alice")


def test_a_server_keeps_its_counters_for_the_databases_that_are_left(cluster: Cluster) -> None:
    with cluster.connect() as session:
        session.execute("create database other")
    for name in ("postgres", "other"):
        with cluster.connect(name) as session:
            session.execute("create extension motadata_ml cascade")
            session.execute(TRAIN)
            session.execute("select ml.predict_value('m', array[3])")
    assert program("uninstall", "--dsn", cluster.dsn()).returncode == 0
    assert files(cluster)
    with cluster.connect("other") as session:
        assert session.execute("select calls from ml.stat_models").fetchone() == (1,)
    assert program("uninstall", "--dsn", cluster.dsn("other")).returncode == 0
    assert files(cluster) == set()


def test_what_depends_on_the_extension_is_named_and_kept(cluster: Cluster) -> None:
    with cluster.connect() as session:
        session.execute("create extension motadata_ml cascade")
        session.execute("create view mine as select * from ml.models")
        done = program("uninstall", "--dsn", cluster.dsn())
        assert done.returncode == 1
        assert "other objects depend on it" in done.stderr
        assert session.execute("select count(*) from mine").fetchone() == (0,)
        assert program("uninstall", "--dsn", cluster.dsn(), "--cascade").returncode == 0
        assert session.execute("select to_regclass('mine')").fetchone() == (None,)
        again = program("uninstall", "--dsn", cluster.dsn())
        assert (again.returncode, "has no extension motadata_ml" in again.stderr) == (1, True)


def test_only_a_superuser_uninstalls(cluster: Cluster) -> None:
    with cluster.connect() as session:
        session.execute("create extension motadata_ml cascade")
        session.execute("create role alice login")
    done = program("uninstall", "--dsn", cluster.dsn(user="alice"))
    assert done.returncode == 1
    assert "alice is not a superuser" in done.stderr


def test_the_machine_has_no_file_after_the_last_step(installation: Server, tmp_path: Path) -> None:
    packages = tmp_path / "packages"
    packages.mkdir()
    own = Server(installation.bindir, tmp_path / "share", installation.libdir, installation.version)
    assert write_files(own.extension_folder)
    assert show_packages(own, packages)
    config = tmp_path / "pg_config"
    places = (own.bindir, own.sharedir, own.libdir, f"PostgreSQL {own.version}")
    config.write_text("#!/bin/sh\nprintf '%s\\n' " + " ".join(f"'{place}'" for place in places) + "\n")
    config.chmod(0o755)
    done = program("install", "--uninstall", "--pg-config", config, "--site-packages", packages)
    assert (done.returncode, done.stderr) == (0, "")
    assert list(tmp_path.rglob("*motadata*")) == []
