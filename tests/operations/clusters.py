"""Servers of a test's own: made, copied as standbys, started, stopped and promoted with PostgreSQL's own programs."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg

from motadata_ml.install import Server

BINDIR = Path(os.environ.get("PG_BINDIR", "/usr/lib/postgresql/15/bin"))
SETTINGS = """
fsync = off
shared_buffers = 32MB
max_connections = 40
wal_level = logical
listen_addresses = '127.0.0.1'
"""


class Cluster:
    """A PostgreSQL cluster in a folder.

    Parameters
    ----------
    server : Server
        The installation it runs on.
    data : Path
        Its data directory.
    """

    def __init__(self, server: Server, data: Path) -> None:
        self.server = server
        self.data = data
        self.port = _free_port()

    @classmethod
    def create(cls, server: Server, data: Path, settings: str = "") -> Cluster:
        """Make an empty cluster and start it."""
        cluster = cls(server, data)
        cluster._run(server.program("initdb"), "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync")
        cluster.configure(SETTINGS + settings)
        cluster.start()
        return cluster

    def standby(self, data: Path) -> Cluster:
        """Copy the cluster as a streaming standby and start it."""
        other = Cluster(self.server, data)
        other._run(BINDIR / "pg_basebackup", "-D", data, "-d", self.dsn("postgres"), "-R", "-c", "fast", "--no-sync")
        other.configure("")
        other.start()
        return other

    def configure(self, settings: str) -> None:
        """Add settings, and the port and socket folder of this cluster."""
        own = f"port = {self.port}\nunix_socket_directories = '{self.data}'\n"
        with (self.data / "postgresql.conf").open("a") as file:
            file.write(f"\n{settings}{own}")

    def start(self) -> None:
        self._run(self.server.program("pg_ctl"), "-D", self.data, "-w", "-l", self.log, "start")

    def stop(self, mode: str = "fast") -> None:
        self._run(self.server.program("pg_ctl"), "-D", self.data, "-w", "-m", mode, "stop")

    def promote(self) -> None:
        self._run(self.server.program("pg_ctl"), "-D", self.data, "-w", "promote")

    def remove(self) -> None:
        """Stop the cluster, whatever it does, and remove its files."""
        if (self.data / "postmaster.pid").exists():
            self.stop("immediate")
        shutil.rmtree(self.data)

    @property
    def log(self) -> Path:
        """The server's log."""
        return self.data.with_suffix(".log")

    def dsn(self, dbname: str = "postgres", user: str = "postgres") -> str:
        """Say how to reach a database."""
        return f"host=127.0.0.1 port={self.port} dbname={dbname} user={user}"

    def connect(self, dbname: str = "postgres", user: str = "postgres") -> psycopg.Connection[Any]:
        """Open a session in autocommit."""
        return psycopg.connect(self.dsn(dbname, user), autocommit=True)

    @staticmethod
    def _run(*command: Any) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PG"))}
        environment["PATH"] = f"{sys.prefix}/bin:{os.environ['PATH']}"
        subprocess.run(list(map(str, command)), check=True, env=environment, stdout=subprocess.DEVNULL, timeout=120)


def wait_until(what: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait for something to become true; fail where it does not."""
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.02)


def replayed(primary: psycopg.Connection[Any], standby: psycopg.Connection[Any]) -> None:
    """Wait until a standby has replayed what its primary has written."""
    row = primary.execute("select pg_current_wal_insert_lsn()").fetchone()
    assert row is not None

    def there() -> bool:
        found = standby.execute("select pg_last_wal_replay_lsn() >= %s::pg_lsn", row).fetchone()
        return found == (True,)

    wait_until(there)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
