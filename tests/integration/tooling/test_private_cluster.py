"""The private cluster: made, started, stopped, found again after what happens to machines."""

from __future__ import annotations

import os
import signal
import socket
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from motadata_ml import cluster
from motadata_ml.cluster import Cluster
from motadata_ml.cluster.layout import Layout
from motadata_ml.install import SetupError, check_database


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Hold a cluster that the tests of this module bring up and down."""
    folder = tmp_path_factory.mktemp("private")
    yield folder
    cluster.down(folder)


@pytest.fixture
def running(home: Path) -> Cluster:
    return cluster.up(home)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_up_makes_a_database_whose_checks_are_all_well(running: Cluster) -> None:
    assert [check for check in check_database(running.dsn) if not check.ok] == []


def test_second_up_leaves_the_server_alone(running: Cluster) -> None:
    assert cluster.up(running.home) == running


def test_up_tells_of_sql_that_changed_within_a_version(running: Cluster) -> None:
    digest = Layout(running.home).script
    said: list[str] = []
    before = digest.read_text(encoding="ascii")
    digest.write_text("another", encoding="ascii")
    cluster.up(running.home, said.append)
    digest.write_text(before, encoding="ascii")
    cluster.up(running.home, said.append)
    assert len(said) == 1
    assert "drop extension motadata_ml cascade" in said[0]


def test_data_and_password_are_closed_to_others(running: Cluster) -> None:
    layout = Layout(running.home)
    assert (mode(layout.data), mode(layout.sockets), mode(layout.password)) == (0o700, 0o700, 0o600)


@pytest.mark.parametrize("over", ["tcp", "socket"])
def test_nobody_gets_in_without_the_password(running: Cluster, over: str) -> None:
    host = "127.0.0.1" if over == "tcp" else str(running.sockets)
    address = make_conninfo(host=host, port=running.port, user="postgres", dbname="motadata", passfile="/dev/null")
    with pytest.raises(psycopg.OperationalError, match="no password supplied"):
        psycopg.connect(address)
    with psycopg.connect(address, password=running.password) as session:
        assert session.execute("show password_encryption").fetchone() == ("scram-sha-256",)


def test_server_listens_on_the_loopback_address_only(running: Cluster) -> None:
    assert running.port != 5432
    with psycopg.connect(running.dsn) as session:
        assert session.execute("show listen_addresses").fetchone() == ("127.0.0.1",)


def test_data_port_and_password_outlive_down_and_up(running: Cluster) -> None:
    with psycopg.connect(running.dsn, autocommit=True) as session:
        session.execute("drop table if exists kept")
        session.execute("create table kept as select 42 as answer")
    assert cluster.down(running.home)
    assert cluster.status(running.home).pid is None
    assert not cluster.down(running.home)
    again = cluster.up(running.home)
    assert again.dsn == running.dsn
    with psycopg.connect(again.dsn) as session:
        assert session.execute("select answer from kept").fetchone() == (42,)


def test_up_recovers_a_server_that_was_killed(running: Cluster) -> None:
    assert running.pid is not None
    os.kill(running.pid, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while Path(f"/proc/{running.pid}/cwd").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert cluster.status(running.home).pid is None
    again = cluster.up(running.home)
    assert again.pid not in (None, running.pid)
    assert again.port == running.port


def test_pid_file_that_names_another_process_is_stale(running: Cluster) -> None:
    cluster.down(running.home)
    data = Layout(running.home).data
    (data / "postmaster.pid").write_text(f"{os.getpid()}\n{data}\n0\n{running.port}\n", encoding="ascii")
    assert cluster.status(running.home).pid is None
    assert cluster.up(running.home).pid not in (None, os.getpid())


def test_up_takes_another_port_where_the_kept_one_was_taken(running: Cluster) -> None:
    cluster.down(running.home)
    with socket.create_server(("127.0.0.1", running.port)):
        again = cluster.up(running.home)
        assert again.port != running.port
        with psycopg.connect(again.dsn) as session:
            assert session.execute("select 1").fetchone() == (1,)


def test_callers_environment_does_not_reach_the_server(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/somewhere/else")
    cluster.down(home)
    running = cluster.up(home)
    names = {entry.split(b"=")[0] for entry in Path(f"/proc/{running.pid}/environ").read_bytes().split(b"\0") if entry}
    assert b"PATH" in names
    assert not {name for name in names if name.startswith(b"PYTHON")}


def test_creation_that_was_cut_short_is_done_again(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    (layout.folder / "data.new").mkdir(parents=True)
    (layout.folder / "data.new" / "PG_VERSION").touch()
    layout.password.touch()
    try:
        assert cluster.up(tmp_path).pid is not None
    finally:
        cluster.down(tmp_path)


def test_cluster_of_another_major_version_is_explained(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    layout.data.mkdir(parents=True)
    (layout.data / "PG_VERSION").write_text("9\n", encoding="ascii")
    with pytest.raises(SetupError, match="was made by PostgreSQL 9"):
        cluster.up(tmp_path)


def test_home_that_cannot_be_made_is_explained(tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.touch()
    with pytest.raises(SetupError) as caught:
        cluster.up(in_the_way)
    assert "MOTADATA_ML_HOME" in caught.value.remedy
