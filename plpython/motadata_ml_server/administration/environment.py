"""The Python environment that PL/Python runs in."""

from __future__ import annotations

import sys
from pathlib import Path

import motadata_ml_server


def interpreter() -> str:
    """Return the Python that owns the environment this package is installed in."""
    for folder in Path(motadata_ml_server.__file__).resolve().parents:
        if (folder / "pyvenv.cfg").exists():
            return str(folder / "bin" / "python3")
    own = Path(sys.prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    return str(own) if own.exists() else "/usr/bin/python3"
