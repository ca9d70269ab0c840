"""Installing into a server that was there before: its PATH knows nothing of our environment."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from motadata_ml.install import Server, SetupError, hide_packages, show_packages
from motadata_ml.install.environment import require_matching_python

IMPORT = "do language plpython3u 'import motadata_ml_server'"


@dataclass(frozen=True)
class Existing:
    """A running server whose PL/Python reads the package folder of a Python without packages."""

    server: Server
    dsn: str
    python: Path
    packages: Path

    def session(self) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(self.dsn, autocommit=True)


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory, installation: Server) -> Iterator[Existing]:
    folder = tmp_path_factory.mktemp("existing")
    bare, data = folder / "bare", folder / "data"
    subprocess.run(["/usr/bin/python3", "-m", "venv", "--without-pip", bare], check=True)
    server = installation
    initdb: list[str | Path] = [server.program("initdb"), "-D", data, "-U", "postgres", "--auth=trust", "--no-sync"]
    subprocess.run(initdb, check=True, capture_output=True)
    options = f"-c listen_addresses='' -c fsync=off -c unix_socket_directories='{folder}'"
    control: list[str | Path] = [server.program("pg_ctl"), "-D", data, "-l", folder / "log", "-w"]
    subprocess.run([*control, "-o", options, "start"], check=True, env={"PATH": f"{bare}/bin:/usr/bin:/bin"})
    packages = bare / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    found = Existing(server, f"host={folder} user=postgres dbname=postgres", bare / "bin" / "python3", packages)
    with found.session() as session:
        session.execute("create extension plpython3u")
    yield found
    subprocess.run([*control, "-m", "immediate", "stop"], check=True)


@pytest.fixture
def existing(started: Existing) -> Iterator[Existing]:
    yield started
    hide_packages(started.server, started.packages)


def test_server_does_not_find_the_packages_before(existing: Existing) -> None:
    with existing.session() as session, pytest.raises(psycopg.Error, match="motadata_ml_server"):
        session.execute(IMPORT)


def test_server_finds_the_packages_after(existing: Existing) -> None:
    show_packages(existing.server, existing.packages)
    with existing.session() as session:
        session.execute(IMPORT)


def test_extension_trains_and_predicts_where_the_packages_are_shown(existing: Existing) -> None:
    show_packages(existing.server, existing.packages)
    with existing.session() as session:
        session.execute("create extension motadata_ml cascade")
        session.execute(
            "select ml.train('m', 'classification', 'select i as x, i > 50 as y from generate_series(1, 100) as i', "
            "'y', algorithm => 'decision_tree')"
        )
        assert session.execute("select ml.predict_label('m', array[99])").fetchone() == ("true",)
        session.execute("drop extension motadata_ml")


def test_other_programs_of_that_python_do_not_see_the_packages(existing: Existing) -> None:
    show_packages(existing.server, existing.packages)
    code = "import importlib.util as u, sys; sys.exit(any(map(u.find_spec, ['motadata_ml_server', 'numpy'])))"
    done = subprocess.run([existing.python, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_our_packages_come_before_those_of_the_system(existing: Existing) -> None:
    show_packages(existing.server, existing.packages)
    with existing.session() as session:
        session.execute(
            "create function python_path() returns text[] language plpython3u as 'import sys; return sys.path'"
        )
        row = session.execute("select python_path()").fetchone()
        session.execute("drop function python_path()")
    assert row is not None
    assert isinstance(row[0], list)
    folders = [folder for folder in row[0] if folder.endswith("-packages")]
    assert folders[0].startswith(sys.prefix)
    assert str(existing.packages) in folders


def test_server_of_another_installation_does_not_see_the_packages(existing: Existing, tmp_path: Path) -> None:
    other = Server(tmp_path, existing.server.sharedir, existing.server.libdir, existing.server.version)
    show_packages(other, existing.packages)
    with existing.session() as session, pytest.raises(psycopg.Error, match="motadata_ml_server"):
        session.execute(IMPORT)
    assert hide_packages(other, existing.packages)


def test_nothing_is_left_after_uninstalling(existing: Existing) -> None:
    written = show_packages(existing.server, existing.packages)
    with existing.session() as session:
        session.execute(IMPORT)
    assert set(written) <= set(hide_packages(existing.server, existing.packages))
    assert list(existing.packages.rglob("*motadata_ml*")) == []
    with existing.session() as session, pytest.raises(psycopg.Error, match="motadata_ml_server"):
        session.execute(IMPORT)


def test_server_without_the_language_is_explained(tmp_path: Path) -> None:
    with pytest.raises(SetupError) as caught:
        require_matching_python(Server(tmp_path, tmp_path, tmp_path, "15.14"))
    assert caught.value.remedy == "sudo apt-get install postgresql-plpython3-15"


def test_server_that_embeds_another_python_is_explained(tmp_path: Path) -> None:
    (tmp_path / "plpython3.so").write_bytes(b"\0libpython3.9.so.1.0\0")
    with pytest.raises(SetupError, match=r"embeds Python 3\.9"):
        require_matching_python(Server(tmp_path, tmp_path, tmp_path, "15.14"))
