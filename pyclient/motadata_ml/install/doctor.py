"""Look at this machine's installation, one thing at a time."""

from __future__ import annotations

import importlib.util
import os
import sysconfig
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import psycopg

from motadata_ml._version import __version__, how_to_add
from motadata_ml.install.environment import require_matching_python, require_readable_by_all
from motadata_ml.install.errors import SetupError
from motadata_ml.install.script import NAME, default_version
from motadata_ml.install.server import Server, find_server

LIBRARIES = ("numpy", "onnx", "onnxruntime", "scikit-learn", "skl2onnx", "skops", "sqlglot")


@dataclass(frozen=True)
class Check:
    """What one look at the installation found.

    Parameters
    ----------
    name : str
        What was looked at.
    ok : bool
        Whether it is as it has to be.
    detail : str
        What was found.
    remedy : str
        What to do where it is not.
    """

    name: str
    ok: bool
    detail: str
    remedy: str = ""


def _look(name: str, find: Callable[[], str]) -> Check:
    try:
        return Check(name, True, find())
    except SetupError as error:
        return Check(name, False, str(error), error.remedy)


def _python(server: Server) -> str:
    require_matching_python(server)
    return f"PL/Python embeds Python {server.embedded_python()}, as the packages need"


def _packages() -> str:
    missing = [name for name in LIBRARIES if not _version(name)]
    if missing or importlib.util.find_spec("motadata_ml_server") is None:
        raise SetupError(
            f"missing in this environment: {', '.join(missing) or 'motadata_ml_server'}",
            remedy=how_to_add("server"),
        )
    return ", ".join(f"{name} {_version(name)}" for name in LIBRARIES)


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _environment() -> str:
    packages = Path(sysconfig.get_path("purelib"))
    if os.getuid() == 0:
        require_readable_by_all(packages)
        return f"the server's user can read {packages}"
    if not os.access(packages, os.R_OK | os.X_OK):
        raise SetupError(f"{packages} cannot be read", remedy="Run it as the environment's owner.")
    return str(packages)


def _extension(server: Server) -> str:
    control = server.extension_folder / f"{NAME}.control"
    try:
        version = default_version(control.read_text(encoding="utf-8"))
    except OSError as error:
        raise SetupError(
            f"{control}: {error.strerror}",
            remedy="sudo motadata-ml install",
        ) from error
    if version != __version__:
        raise SetupError(
            f"the extension's files are of version {version}, the package is {__version__}",
            remedy="sudo motadata-ml install, then in each database: alter extension motadata_ml update",
        )
    return f"version {version} in {server.extension_folder}, as the package"


def check_machine(pg_config: Path | None = None) -> Iterator[Check]:
    """Look at the server, its Python, the packages and, for a server that is named, the extension's files.

    Parameters
    ----------
    pg_config : Path, optional
        The program that describes the server; by default one is found, for a private cluster to run, which
        has extension files of its own.

    Yields
    ------
    Check
        One at a time, in the order in which they should be repaired.
    """
    try:
        server = find_server(pg_config)
    except SetupError as error:
        yield Check("server", False, str(error), error.remedy)
        yield _look("packages", _packages)
        return
    yield Check("server", True, f"PostgreSQL {server.version} in {server.bindir}")
    yield _look("language", lambda: _python(server))
    yield _look("packages", _packages)
    yield _look("environment", _environment)
    if pg_config is not None:
        yield _look("extension", lambda: _extension(server))


def check_database(dsn: str) -> Iterator[Check]:
    """Look at one database: whether it answers, has the extension, and what the extension says of itself.

    Parameters
    ----------
    dsn : str
        How to connect.

    Yields
    ------
    Check
        One at a time; those of ``ml.doctor()`` last.
    """
    try:
        session = psycopg.connect(dsn, autocommit=True, connect_timeout=10)
    except psycopg.Error as error:
        yield Check("connection", False, str(error).strip(), "Start the server, or correct the DSN.")
        return
    with session:
        name = session.info.dbname
        yield Check("connection", True, f"database {name} as {session.info.user}")
        row = session.execute(
            "select extversion from pg_catalog.pg_extension where extname operator(pg_catalog.=) %s", [NAME]
        ).fetchone()
        if row is None:
            files = session.execute(
                "select from pg_catalog.pg_available_extensions where name operator(pg_catalog.=) %s", [NAME]
            ).fetchone()
            remedy = f"As superuser, in {name}: create extension motadata_ml cascade"
            if files is None:
                remedy = f"On the server's machine: sudo motadata-ml install. {remedy}"
            yield Check("extension in the database", False, f"{name} has no extension {NAME}", remedy)
            return
        remedy = "alter extension motadata_ml update, or install the package of the extension's version"
        detail = f"extension {row[0]}, this package {__version__}"
        yield Check("extension in the database", row[0] == __version__, detail, remedy)
        try:
            for found in session.execute("select check_name, ok, detail, remedy from ml.doctor()"):
                yield Check(f"ml.doctor: {found[0]}", found[1], found[2], found[3] or "")
        except psycopg.errors.InsufficientPrivilege as error:
            remedy = "Ask an administrator for ml.grant_usage, or connect as superuser."
            yield Check("ml.doctor", False, str(error.diag.message_primary), remedy)
        except psycopg.Error as error:
            remedy = error.diag.message_hint or (
                "The server's PL/Python does not find the packages: sudo motadata-ml install, then reconnect."
            )
            yield Check("ml.doctor", False, str(error.diag.message_primary), remedy)
