"""The installed program, as a shell calls it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest


class Program:
    """Calls `motadata-ml` with a private cluster of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": "/usr/bin:/bin", "MOTADATA_ML_HOME": str(self.home), "HOME": str(self.home)}
        command = [f"{sys.prefix}/bin/motadata-ml", *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    call = Program(tmp_path_factory.mktemp("program"))
    done = call("up")
    assert done.returncode == 0, done.stderr
    assert f"go on with: {sys.prefix}/bin/motadata-ml psql" in done.stdout
    yield call
    call("down")


def test_dsn_is_all_that_is_printed(program: Program) -> None:
    done = program("dsn")
    assert done.stderr == ""
    with psycopg.connect(done.stdout.removesuffix("\n")) as session:
        assert session.execute("select count(*) from ml.models").fetchone() == (0,)


def test_psql_gets_the_further_arguments(program: Program) -> None:
    done = program("psql", "-X", "-A", "-t", "-c", "select current_database()")
    assert (done.returncode, done.stdout, done.stderr) == (0, "motadata\n", "")


def test_psql_hands_its_status_on(program: Program) -> None:
    assert program("psql", "-X", "-v", "ON_ERROR_STOP=1", "-c", "select nothing").returncode == 1


def test_status_names_process_and_address(program: Program) -> None:
    done = program("status")
    assert done.returncode == 0
    assert "running, process" in done.stdout
    assert "127.0.0.1:" in done.stdout


def test_doctor_is_content_with_a_new_cluster(program: Program) -> None:
    done = program("doctor")
    assert done.returncode == 0, done.stdout
    assert "ml.doctor: versions" in done.stdout
    assert "FAILED" not in done.stdout


def test_doctor_says_what_a_database_without_the_extension_needs(program: Program) -> None:
    dsn = program("dsn").stdout.strip().removesuffix("/motadata") + "/postgres"
    done = program("doctor", "--dsn", dsn)
    assert done.returncode == 1
    assert "remedy: As superuser, in postgres: create extension motadata_ml cascade" in done.stdout


def test_doctor_says_what_a_role_without_rights_needs(program: Program) -> None:
    dsn = program("dsn").stdout.strip()
    with psycopg.connect(dsn, autocommit=True) as session:
        session.execute("create role stranger login password 'stranger'")
    try:
        done = program("doctor", "--dsn", f"postgresql://stranger:stranger@{dsn.split('@')[1]}")
    finally:
        with psycopg.connect(dsn, autocommit=True) as session:
            session.execute("drop role stranger")
    assert done.returncode == 1
    assert "ml.grant_usage" in done.stdout


def test_status_of_a_stopped_cluster_is_three(program: Program) -> None:
    assert program("down").stdout == "stopped\n"
    assert program("status").returncode == 3
    done = program("psql")
    assert (done.returncode, done.stdout) == (1, "")
    assert "remedy: Run: motadata-ml up" in done.stderr
    assert program("up").returncode == 0
