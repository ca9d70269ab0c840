"""Wheels and source distributions: one of client, server package and extension, one of the compiled loops."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

import motadata_ml

ROOT = Path(__file__).parents[2]
NATIVE = ROOT / "plpython" / "motadata_ml_native"
VERSION = motadata_ml.__version__


def build(folder: Path) -> list[Path]:
    """Build both distributions with the tools of this environment, so without a network.

    Each wheel is made from its source distribution, which therefore holds all that is needed.

    Parameters
    ----------
    folder : Path
        Where to; files of the same names are replaced.

    Returns
    -------
    list of Path
        The wheel and the source distribution of either.

    Raises
    ------
    subprocess.CalledProcessError
        A build fails; it has said why.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        made, loops = Path(scratch, "made"), Path(scratch, "loops")
        # setuptools writes beside what it builds
        shutil.copytree(NATIVE, loops, ignore=shutil.ignore_patterns("build", "*.egg-info", "*.so", "__pycache__"))
        for source in (ROOT, loops):
            options = ("--offline", "--no-build-isolation", "--python", sys.executable, "--out-dir", str(made))
            subprocess.run((sys.executable, "-m", "uv", "-q", "build", *options, str(source)), check=True)
        found = sorted([*made.glob("*.whl"), *made.glob("*.tar.gz")])
        return [Path(shutil.copy(path, folder)) for path in found]


def project() -> dict[str, Any]:
    """Return what pyproject.toml says of the project."""
    read: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return read


def wheels(folder: Path) -> list[Path]:
    """Return the wheels of this version that a folder holds."""
    return sorted(folder.glob(f"motadata_ml*-{VERSION}-*.whl"))
