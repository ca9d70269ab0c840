"""Whole PostgreSQL clusters of one test: made, started, stopped, and asked through PostgreSQL's own programs."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from motadata_ml.install import Server

SUPERUSER = "postgres"
SETTINGS = {"listen_addresses": "", "fsync": "off", "full_page_writes": "on", "max_connections": "30"}

Session = psycopg.Connection[Any]


def link_programs(server: Server, real: Server) -> None:
    """Put every program of the real server beside those of the relocated one, which has only three."""
    for program in real.bindir.iterdir():
        if not (server.bindir / program.name).exists():
            (server.bindir / program.name).symlink_to(program)


def call(*command: str | Path, cwd: Path | None = None, ok: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a program to its end; what it said is in the failure."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd, stdin=subprocess.DEVNULL)
    assert not ok or done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}\n{done.stderr}"
    return done


@dataclass(frozen=True)
class Cluster:
    """A cluster whose sockets are in a folder of its own.

    Parameters
    ----------
    server : Server
        The programs, with all of the real server's.
    data, sockets : Path
        Its folders.
    port : int
        Of the socket; there is no other.
    """

    server: Server
    data: Path
    sockets: Path
    port: int = 5432

    def create(self, *options: str) -> None:
        """Run initdb."""
        initdb: list[str | Path] = [
            self.server.program("initdb"),
            "-D",
            self.data,
            "-U",
            SUPERUSER,
            "--auth=trust",
            "--no-sync",
        ]
        call(*initdb, "--encoding=UTF8", "--locale=C", *options)

    @contextmanager
    def running(self, **settings: str) -> Iterator[Cluster]:
        """Run the server as long as the block lasts."""
        given = {**SETTINGS, "unix_socket_directories": str(self.sockets), "port": str(self.port), **settings}
        options = " ".join(f"-c {name}='{value}'" for name, value in given.items())
        control: list[str | Path] = [self.server.program("pg_ctl"), "-D", self.data, "-w", "-t", "120"]
        log = self.data.with_suffix(".log")
        done = subprocess.run([*control, "-l", log, "-o", options, "start"], check=False)
        assert done.returncode == 0, log.read_text()
        try:
            yield self
        finally:
            call(*control, "-m", "fast", "stop")

    def address(self, dbname: str = "postgres", user: str = SUPERUSER) -> str:
        """Return the DSN of a database."""
        return make_conninfo(host=str(self.sockets), port=self.port, user=user, dbname=dbname)

    def connect(self, dbname: str = "postgres", user: str = SUPERUSER) -> Session:
        """Open a session in autocommit."""
        return psycopg.connect(self.address(dbname, user), autocommit=True)

    def make_database(self, dbname: str, *statements: str) -> str:
        """Create an empty database and run statements in it."""
        with self.connect() as session:
            session.execute(f"create database {dbname} template template0".encode())
        with self.connect(dbname) as session:
            for statement in statements:
                session.execute(statement.encode())
        return dbname

    def program(
        self, name: str, dbname: str, *arguments: str | Path, user: str = SUPERUSER, ok: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run one of the client programs on a database."""
        return call(self.server.program(name), "-d", self.address(dbname, user), *arguments, ok=ok)


def beside(cluster: Cluster, name: str) -> Cluster:
    """Return a cluster in the neighbouring folder, with sockets of its own."""
    folder = cluster.data.parent.with_name(name)
    folder.mkdir()
    return Cluster(cluster.server, folder / "data", folder)
