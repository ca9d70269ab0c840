"""Take out of an environment what a server never runs: the libraries' own tests."""

from __future__ import annotations

import compileall
import os
import shutil
import sys
import sysconfig
from pathlib import Path

from motadata_ml.install.errors import SetupError


def trim() -> str:
    """Remove the tests of the libraries from this environment, and compile the rest.

    Sessions cannot write compiled modules beside the sources, so these are made here.

    Returns
    -------
    str
        A sentence on what the environment takes now.

    Raises
    ------
    SetupError
        This is no environment but the system's Python, or it cannot be written to.
    """
    if sys.prefix == sys.base_prefix:
        raise SetupError(
            f"{sys.prefix} is the system's Python, not an environment",
            remedy="sudo /usr/bin/python3 -m venv /opt/motadata-ml, and install into that.",
        )
    packages = Path(sysconfig.get_path("purelib"))
    if not os.access(packages, os.W_OK):
        raise SetupError(f"cannot write to {packages}", remedy="Run the same command with sudo.")
    trim_packages(packages)
    return f"{sys.prefix} takes {size_mb(Path(sys.prefix))} MB"


def trim_packages(packages: Path, installed: Path | None = None) -> None:
    """Remove the tests below a folder of packages, and compile the rest.

    Parameters
    ----------
    packages : Path
        The folder, such as ``lib/python3.11/site-packages`` of an environment.
    installed : Path, optional
        Where it will lie, for tracebacks, if not where it is.
    """
    # below a package only: a distribution of the name `tests` would be another's
    for tests in [*packages.glob("*/**/tests"), packages / "onnx" / "backend" / "test"]:
        if tests.is_dir() and not tests.is_symlink():
            shutil.rmtree(tests)
    compileall.compile_dir(
        packages,
        maxlevels=20,
        quiet=2,
        workers=min(2, os.cpu_count() or 1),
        stripdir=packages,
        prependdir=installed or packages,
    )


def size_mb(folder: Path) -> int:
    """Return how many megabytes the files below a folder take, as `du -sm` counts.

    Parameters
    ----------
    folder : Path
        The folder; links are not followed.
    """
    blocks = sum(path.lstat().st_blocks for path in folder.rglob("*"))
    return -(-blocks * 512 // 2**20)
