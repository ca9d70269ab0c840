"""The private cluster's life: up, down, status."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from motadata_ml._version import __version__
from motadata_ml.cluster import create, postmaster
from motadata_ml.cluster.layout import Layout, default_home, server_account
from motadata_ml.install.errors import SetupError
from motadata_ml.install.relocate import relocate
from motadata_ml.install.server import Server, find_server

DATABASE = "motadata"


@dataclass(frozen=True)
class Cluster:
    """A private cluster.

    Parameters
    ----------
    home : Path
        The folder that holds it.
    pid : int or None
        The server's process; None where it is down.
    port : int
        The port on the loopback address.
    sockets : Path
        The folder of its socket.
    password : str
        The superuser's password.
    """

    home: Path
    pid: int | None
    port: int
    sockets: Path
    password: str

    @property
    def dsn(self) -> str:
        """The URL to connect with, password included."""
        return f"postgresql://{create.SUPERUSER}:{self.password}@127.0.0.1:{self.port}/{DATABASE}"


def _silent(_: str) -> None:
    """Say nothing."""


@contextmanager
def _locked(layout: Layout) -> Iterator[None]:
    """Hold the lock; nobody else on the machine can open its file, and so hold it for ever."""
    descriptor = os.open(layout.lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        os.fchmod(descriptor, 0o600)  # it was open to all before 0.3.0
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def server_of(layout: Layout) -> Server:
    """Return the PostgreSQL that a private cluster runs on.

    Raises
    ------
    SetupError
        The cluster was made by another major version than the one found.
    """
    server = find_server()
    made_by = server_account().read(layout.data / "PG_VERSION").strip()
    if not made_by or made_by == str(server.major):
        return server
    beside = Path(f"/usr/lib/postgresql/{made_by}/bin/pg_config")
    if beside.exists():
        return find_server(beside)
    raise SetupError(
        f"the private cluster in {layout.home} was made by PostgreSQL {made_by}, found is {server.version}",
        remedy=f"Install postgresql-{made_by}, or name its programs in PG_BINDIR.",
    )


def status(home: Path | None = None) -> Cluster:
    """Describe the private cluster.

    Parameters
    ----------
    home : Path, optional
        The folder that holds it; by default that of `motadata_ml.cluster.default_home`.

    Raises
    ------
    SetupError
        There is none, or the caller may not see it.
    """
    layout = Layout(home or default_home())
    password = create.read_password(layout)
    try:
        port = int(layout.port.read_text(encoding="ascii"))
    except (OSError, ValueError) as error:
        raise SetupError(
            f"the private cluster in {layout.home} was not finished", remedy="Run: motadata-ml up"
        ) from error
    return Cluster(layout.home, postmaster.find(layout), port, layout.sockets, password)


def up(home: Path | None = None, say: Callable[[str], None] = _silent) -> Cluster:
    """Create the private cluster where it is missing, start it where it is down, install the extension.

    Parameters
    ----------
    home : Path, optional
        The folder that holds it; by default that of `motadata_ml.cluster.default_home`.
    say : callable, optional
        Told each step before it is taken.

    Raises
    ------
    SetupError
        A step failed.
    """
    layout = Layout(home or default_home())
    account = server_account()
    server = server_of(layout)
    _require_language(server)
    create.make_folders(layout, account)
    with _locked(layout):
        own = relocate(server, layout.server)
        if not layout.data.exists():
            say(f"creating a private PostgreSQL {server.version} cluster in {layout.folder}")
            create.initialise(layout, account, own, postmaster.environment(server))
        if postmaster.find(layout) is None:
            port = create.choose_port(layout)
            create.write_settings(layout, port)
            say(f"starting it on 127.0.0.1:{port}")
            postmaster.start(layout, account, own, postmaster.environment(server))
        cluster = status(layout.home)
        changed = _prepare_database(cluster, say)
        _compare_script(layout, server, changed, say)
    return cluster


def down(home: Path | None = None) -> bool:
    """Stop the private cluster; its data stay.

    Returns
    -------
    bool
        Whether it was running.
    """
    layout = Layout(home or default_home())
    if not layout.data.exists():
        return False
    with _locked(layout):
        if postmaster.find(layout) is None:
            return False
        postmaster.stop(layout, server_account(), server_of(layout))
    return True


def _require_language(server: Server) -> None:
    if server.embedded_python() is None:
        raise SetupError(
            f"PostgreSQL {server.version} has no PL/Python",
            remedy=f"sudo apt-get install postgresql-plpython3-{server.major}",
        )


def _compare_script(layout: Layout, server: Server, changed: bool, say: Callable[[str], None]) -> None:
    """Tell a developer that the database has an older SQL of the same version, which no update brings up to date."""
    script = server.extension_folder / f"motadata_ml--{__version__}.sql"
    digest = hashlib.sha256(script.read_bytes()).hexdigest() if script.exists() else ""
    if changed or not layout.script.exists():
        layout.script.write_text(digest, encoding="ascii")
    elif layout.script.read_text(encoding="ascii") != digest:
        say(
            f"the SQL of version {__version__} is not what it was when the extension was made; to get it, and lose "
            "all models: drop extension motadata_ml cascade, then motadata-ml up"
        )


def _prepare_database(cluster: Cluster, say: Callable[[str], None]) -> bool:
    """Make the database and the extension where they are missing; say whether the extension was touched."""
    with psycopg.connect(cluster.dsn, dbname="postgres", autocommit=True) as session:
        if (
            session.execute(
                "select from pg_catalog.pg_database where datname operator(pg_catalog.=) %s", [DATABASE]
            ).fetchone()
            is None
        ):
            say(f"creating the database {DATABASE}")
            session.execute(sql.SQL("create database {}").format(sql.Identifier(DATABASE)))
    with psycopg.connect(cluster.dsn, autocommit=True) as session:
        versions = session.execute(
            "select installed_version, default_version from pg_catalog.pg_available_extensions "
            "where name operator(pg_catalog.=) 'motadata_ml'"
        ).fetchone()
        if versions is None or versions[0] is None:
            say("installing the extension: create extension motadata_ml cascade")
            session.execute("create extension if not exists motadata_ml cascade")
            return True
        if versions[0] != versions[1]:
            say(f"updating the extension from {versions[0]} to {versions[1]}")
            session.execute("alter extension motadata_ml update")
            return True
    return False
