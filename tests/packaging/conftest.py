"""What a release hands out, built once, and servers of which each reads an environment of its own."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from motadata_ml.install import Server, find_server, relocate, remove_files
from tests.conftest import BINDIR
from tools.dist import bundle, packages


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheels and the source distributions; returns their folder."""
    folder = tmp_path_factory.mktemp("dist")
    packages.build(folder)
    return folder


@pytest.fixture(scope="session")
def bundled(built: Path) -> Path:
    """Build the bundle beside them."""
    return bundle.build(packages.wheels(built), built)


@dataclass(frozen=True)
class Machine:
    """A PostgreSQL with an extension folder of its own, whose PL/Python reads a bare Python's packages.

    Attributes
    ----------
    folder : Path
        Where everything of it is.
    server : Server
        Its programs and folders.
    """

    folder: Path
    server: Server

    @property
    def environment(self) -> Path:
        """Where the recipes are to put their environment."""
        return self.folder / "opt"

    @property
    def bare(self) -> Path:
        """The environment without packages that stands for the system's Python."""
        return self.folder / "bare"

    def arguments(self) -> str:
        """Say to `motadata-ml install` which server and which system's Python are meant."""
        packages = self.bare / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
        return f"--pg-config {self.server.program('pg_config')} --site-packages {packages}"

    def follow(self, recipe: str, folder: Path, before: Sequence[str] = ()) -> str:
        """Do what a recipe of a page says, as this machine's owner and in its folders; returns what was printed."""
        own = recipe.replace("sudo ", "").replace("/opt/motadata-ml", str(self.environment))
        done = subprocess.run(
            [*before, "bash", "-euo", "pipefail", "-c", own],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{own}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        return done.stdout

    @contextmanager
    def running(self) -> Iterator[psycopg.Connection[Any]]:
        """Run the server; yields a session as superuser."""
        data, control = self.folder / "data", self.server.program("pg_ctl")
        initdb = (self.server.program("initdb"), "-D", data, "-U", "postgres", "--auth=trust", "--no-sync")
        subprocess.run(initdb, check=True, capture_output=True)
        options = f"-c listen_addresses='' -c fsync=off -c unix_socket_directories='{self.folder}'"
        start = (control, "-D", data, "-l", self.folder / "log", "-w", "-o", options, "start")
        # discarded: the server would keep a pipe open
        path = {"PATH": f"{self.bare}/bin:/usr/bin:/bin"}
        subprocess.run(start, check=True, env=path, stdout=subprocess.DEVNULL)
        try:
            with psycopg.connect(f"host={self.folder} user=postgres dbname=postgres", autocommit=True) as session:
                yield session
        finally:
            subprocess.run((control, "-D", data, "-m", "immediate", "stop"), check=True, stdout=subprocess.DEVNULL)
            shutil.rmtree(data)


@pytest.fixture
def machine(installation: Server) -> Iterator[Machine]:
    """Lay out a machine where nothing of ours is installed, in a folder that the server's user can read."""
    folder = Path(tempfile.mkdtemp(prefix="motadata-ml-"))
    folder.chmod(0o755)
    try:
        yield _laid_out(folder, installation)
    finally:
        shutil.rmtree(folder)


def _laid_out(folder: Path, installation: Server) -> Machine:
    subprocess.run(["/usr/bin/python3", "-m", "venv", "--without-pip", folder / "bare"], check=True)
    server = relocate(installation, folder / "postgresql")
    assert remove_files(server.extension_folder)
    # it says where the folders are from where it is itself
    shutil.copy2(find_server(BINDIR / "pg_config").program("pg_config"), server.program("pg_config"))
    return Machine(folder, server)
