"""Environments of their own for what is no part of the project's, and how their programs reach a database."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict


def environment(folder: Path, requirements: Path) -> Path:
    """Make an environment with what a file names, read by the system's Python; returns the folder of its programs."""
    uv = (sys.executable, "-m", "uv", "-q")
    subprocess.run((*uv, "venv", "--python", "/usr/bin/python3", folder), check=True)
    subprocess.run((*uv, "pip", "install", "--python", folder / "bin" / "python", "-r", requirements), check=True)
    return folder / "bin"


def url_of(dsn: str) -> str:
    """Return a DSN as the address that other drivers take."""
    place = conninfo_to_dict(dsn)
    return f"postgresql://{place['user']}@{place['host']}:{place['port']}/{place['dbname']}"
