"""An installed PostgreSQL server: where its programs and files are, and which Python it embeds."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from motadata_ml.install.errors import SetupError

DEBIAN = Path("/usr/lib/postgresql")
"""Where Debian keeps the programs of every major version."""


@dataclass(frozen=True)
class Server:
    """The folders of one installed PostgreSQL.

    Parameters
    ----------
    bindir : Path
        Its programs.
    sharedir : Path
        Its data files; extensions are in the folder ``extension`` below.
    libdir : Path
        Its loadable modules.
    version : str
        The version, such as ``15.14``.
    """

    bindir: Path
    sharedir: Path
    libdir: Path
    version: str

    @property
    def major(self) -> int:
        """The major version."""
        return int(self.version.split(".")[0])

    @property
    def extension_folder(self) -> Path:
        """Where CREATE EXTENSION looks."""
        return self.sharedir / "extension"

    def program(self, name: str) -> Path:
        """Return the path of one of the server's programs."""
        return self.bindir / name

    def embedded_python(self) -> str | None:
        """Say which Python PL/Python embeds.

        Returns
        -------
        str or None
            Such as ``3.11``, read from the name of the library that the module is linked to; None
            where PL/Python is not installed.
        """
        try:
            module = (self.libdir / "plpython3.so").read_bytes()
        except OSError:
            return None
        found = re.search(rb"libpython(3\.\d+)", module)
        return found[1].decode() if found else "unknown"


def read_pg_config(program: Path) -> Server:
    """Ask ``pg_config`` where its server is.

    Parameters
    ----------
    program : Path
        The program ``pg_config`` of the server meant.

    Raises
    ------
    SetupError
        There is no such program, or it does not answer.
    """
    command = [str(program), "--bindir", "--sharedir", "--pkglibdir", "--version"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
        bindir, sharedir, libdir, version = answer
        number = re.search(r"\d+(\.\d+)?", version)
        if number is None:
            raise ValueError(version)
    except (OSError, subprocess.CalledProcessError, ValueError) as error:
        raise SetupError(
            f"{program} does not say where PostgreSQL is: {error}",
            remedy="Name the pg_config of your server with --pg-config; Debian has it in /usr/lib/postgresql/15/bin.",
        ) from error
    return Server(Path(bindir), Path(sharedir), Path(libdir), number[0])


def _rank(server: Server) -> tuple[bool, bool, int]:
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    control = server.extension_folder / "motadata_ml.control"
    return control.is_file(), server.embedded_python() == here, server.major


def find_server(pg_config: Path | None = None) -> Server:
    """Find the PostgreSQL to work with.

    Parameters
    ----------
    pg_config : Path, optional
        The program that describes it. By default the folder in ``PG_BINDIR`` decides; then the Debian
        servers, those first that have the extension, then those that embed this Python, then the newest.

    Raises
    ------
    SetupError
        No server is installed.
    """
    if pg_config is not None:
        return read_pg_config(pg_config)
    if "PG_BINDIR" in os.environ:
        return read_pg_config(Path(os.environ["PG_BINDIR"]) / "pg_config")
    found = [
        read_pg_config(path.with_name("pg_config"))
        for path in DEBIAN.glob("*/bin/postgres")
        if path.with_name("pg_config").exists()
    ]
    if not found:
        raise SetupError(
            f"no PostgreSQL server in {DEBIAN}",
            remedy="sudo apt-get install postgresql-15 postgresql-plpython3-15, "
            "or name another server's programs in PG_BINDIR",
        )
    return max(found, key=_rank)
