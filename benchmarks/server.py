"""A PostgreSQL server of the benchmarks' own, with the extension and the data."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg

from motadata_ml.install import find_server, relocate

BINDIR = Path(os.environ.get("PG_BINDIR", "/usr/lib/postgresql/15/bin"))

_SETTINGS = """
listen_addresses = '127.0.0.1'
shared_buffers = '512MB'
max_wal_size = '4GB'
max_connections = 200
synchronize_seqscans = off
"""

_DRAWN = "select id from flights order by hashint4(id) limit %s"


@contextmanager
def running_server() -> Iterator[str]:
    """Start a server in a folder that goes away with it; yields its DSN as superuser."""
    with TemporaryDirectory(prefix="motadata-ml-bench-") as name:
        folder = Path(name)
        server = relocate(find_server(BINDIR / "pg_config"), folder / "postgresql")
        data = folder / "data"
        environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("PYTHON")},
            "PATH": f"{sys.prefix}/bin:{os.environ['PATH']}",
        }
        _run([server.program("initdb"), "-D", data, "-U", "postgres", "-A", "trust"], environment)
        port = free_port()
        (data / "postgresql.conf").open("a").write(f"{_SETTINGS}port = {port}\nunix_socket_directories = '{folder}'\n")
        control = [server.program("pg_ctl"), "-D", data, "-w"]
        _run([*control, "-l", folder / "log", "start"], environment)
        try:
            dsn = f"postgresql://postgres@127.0.0.1:{port}/bench"
            with psycopg.connect(dsn.replace("/bench", "/postgres"), autocommit=True) as session:
                session.execute("create database bench")
            with psycopg.connect(dsn, autocommit=True) as session:
                session.execute("create extension motadata_ml cascade")
            yield dsn
        finally:
            _run([*control, "-m", "immediate", "stop"], environment)


@contextmanager
def running_standby(primary: str) -> Iterator[str]:
    """Start a streaming standby of a server in a folder that goes away with it; yields its DSN as superuser."""
    with TemporaryDirectory(prefix="motadata-ml-bench-") as name:
        folder = Path(name)
        server = relocate(find_server(BINDIR / "pg_config"), folder / "postgresql")
        data = folder / "data"
        environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("PYTHON")},
            "PATH": f"{sys.prefix}/bin:{os.environ['PATH']}",
        }
        source = primary.rpartition("/")[0]
        _run([BINDIR / "pg_basebackup", "-D", data, "-d", source, "-R", "-c", "fast"], environment)
        port = free_port()
        (data / "postgresql.conf").open("a").write(f"port = {port}\nunix_socket_directories = '{folder}'\n")
        control = [server.program("pg_ctl"), "-D", data, "-w"]
        _run([*control, "-l", folder / "log", "start"], environment)
        try:
            yield f"postgresql://postgres@127.0.0.1:{port}/{primary.rpartition('/')[2]}"
        finally:
            _run([*control, "-m", "immediate", "stop"], environment)


@contextmanager
def pin(core: int) -> Iterator[None]:
    """Have processes that are started meanwhile, and theirs, run on one core."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _run(command: list[Any], environment: dict[str, str]) -> None:
    subprocess.run([str(part) for part in command], check=True, env=environment, stdout=subprocess.DEVNULL)


def free_port() -> int:
    """Return a TCP port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def prepare(session: psycopg.Connection[Any], rows: int, sample: int, flights: int) -> None:
    """Make the tables that all measurements share: points, a sample of them, numbers and flights."""
    from motadata_ml.demo._flights import load

    session.execute("select setseed(0.42)")
    make_points(session, "points", rows)
    session.execute(f"create table sample as select * from points limit {sample}")
    session.execute("create table numbers as select c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, target as c11 from points")
    if load(session) > flights:
        session.execute(f"delete from flights where id not in ({_DRAWN})", [flights])
        session.execute("vacuum full analyze flights")
    for table in ("points", "sample", "numbers"):
        session.execute(f"vacuum analyze {table}")
    session.execute("checkpoint")


def make_points(session: psycopg.Connection[Any], table: str, rows: int) -> None:
    """Make a table of ten random numbers a row, a label and a target that follow from them, and who is held out."""
    columns = ", ".join(f"random() as c{n}" for n in range(1, 11))
    session.execute(
        f"create table {table} as select *, c1 + c2 * c3 > 0.6 + random() * 0.3 as label, "
        "2 * c1 - c2 + c3 as target, random() < 0.2 as held "
        f"from (select {columns} from generate_series(1, {rows})) as r"
    )
