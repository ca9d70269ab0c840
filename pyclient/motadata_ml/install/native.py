"""Build the compiled loops, `motadata_ml_native`, into this environment.

`settle` is what an installation calls: it builds them where that is possible, and says what was done.
``python -m motadata_ml.install.native [SOURCE] [--packages] [--wheel FOLDER]`` builds them for scripts.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Sequence
from importlib import metadata, util
from pathlib import Path

import motadata_ml
from motadata_ml._version import __version__
from motadata_ml.install.errors import SetupError

PURE = "MOTADATA_ML_PURE"
"""The variable that, set to 1 for a build, leaves the compiled loops out and removes those of an earlier build."""

NAME = "motadata-ml-native"

WITHOUT = "everything works without the compiled loops; predictions of trees, and of single rows, take longer"
"""What their absence costs."""


def sources() -> Path:
    """Return the folder of their sources: shipped inside the package, or the checkout's that the package runs from."""
    package = Path(motadata_ml.__file__).resolve().parent
    shipped = package / "extension" / "native"
    return shipped if shipped.is_dir() else package.parents[1] / "plpython" / "motadata_ml_native"


def settle() -> str:
    """Build the loops where a compiler is, or can be installed from Debian; return a sentence on what was done.

    Loops of this version that are there already stay as they are. It never fails: what serves without them is told.
    """
    try:
        if os.environ.get(PURE) != "1" and _version() == __version__:
            return f"the compiled loops are installed, version {__version__}"
        built = build(sources(), packages=True)
    except SetupError as error:
        return f"did not build the compiled loops: {error}\n{WITHOUT}. {error.remedy}"
    return "built the compiled loops" if built else f"left out the compiled loops: {PURE}=1"


def _version() -> str | None:
    try:
        return metadata.version(NAME)
    except metadata.PackageNotFoundError:
        return None


def missing_packages() -> list[str]:
    """Return the Debian packages without which the loops cannot be built here."""
    missing = []
    if shutil.which("gcc") is None and shutil.which("cc") is None:
        missing += ["gcc", "libc6-dev"]
    if not Path(sysconfig.get_path("platinclude"), "Python.h").is_file():
        missing.append("python3-dev")
    return missing


def install_packages(packages: Sequence[str]) -> None:
    """Install Debian packages, as root or through sudo.

    Raises
    ------
    SetupError
        There is no apt-get, or no right to run it, or it fails.
    """
    remedy = f"sudo apt-get install {' '.join(packages)}"
    if shutil.which("apt-get") is None:
        raise SetupError(f"missing: {', '.join(packages)}, and there is no apt-get", remedy=remedy)
    prefix: list[str] = [] if os.getuid() == 0 else ["sudo", "-n"]
    if prefix and shutil.which("sudo") is None:
        raise SetupError(f"missing: {', '.join(packages)}", remedy=remedy)
    for command in (["update", "-q"], ["install", "-y", "-q", "--no-install-recommends", *packages]):
        _run([*prefix, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", *command], remedy)


def build(source: Path, *, packages: bool = False, wheel: Path | None = None) -> bool:
    """Build the loops from their sources and install them.

    Parameters
    ----------
    source : Path
        The folder with the distribution's ``pyproject.toml``; nothing is written into it.
    packages : bool
        Whether a compiler and Python's headers may be installed from Debian where they are missing.
    wheel : Path, optional
        A folder to put the wheel into, instead of installing it.

    Returns
    -------
    bool
        Whether they are installed: not where `MOTADATA_ML_PURE` is 1.

    Raises
    ------
    SetupError
        What is needed is not there, or the build fails.
    """
    if os.environ.get(PURE) == "1":
        if _version() is not None:
            _run([sys.executable, "-m", "pip", "uninstall", "-q", "-y", NAME], "python -m pip uninstall " + NAME)
        return False
    if util.find_spec("pip") is None:
        raise SetupError("this environment has no pip", remedy=f"{sys.executable} -m ensurepip")
    if not (source / "pyproject.toml").is_file():
        raise SetupError(
            f"{source} is not the folder of {NAME}", remedy="Name the folder that holds its pyproject.toml."
        )
    missing = missing_packages()
    if missing and packages:
        install_packages(missing)
    elif missing:
        raise SetupError(f"missing: {', '.join(missing)}", remedy=f"sudo apt-get install {' '.join(missing)}")
    remedy = "The last lines say what failed; without the compiled loops everything works, more slowly."
    with tempfile.TemporaryDirectory() as scratch:
        copied, made = Path(scratch, "source"), Path(scratch, "wheel")
        shutil.copytree(source, copied, ignore=shutil.ignore_patterns("build", "*.egg-info", "*.so", "__pycache__"))
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
        # with what is here where that will do, so that no network is needed
        here = ["--no-build-isolation"] if _builds_wheels() else []
        _run([*pip, "wheel", "-q", "--no-deps", *here, "-w", str(made), str(copied)], remedy)
        built = next(made.glob("*.whl"))
        if wheel is not None:
            wheel.mkdir(parents=True, exist_ok=True)
            shutil.copy(built, wheel)
        else:
            _run([*pip, "install", "-q", "--no-deps", "--no-index", "--force-reinstall", str(built)], remedy)
    return True


def _builds_wheels() -> bool:
    """Whether setuptools is here, of a version that makes wheels by itself."""
    try:
        return int(metadata.version("setuptools").split(".")[0]) > 70
    except (metadata.PackageNotFoundError, ValueError):
        return False


def _run(command: list[str], remedy: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        end = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
        raise SetupError(f"{' '.join(command)} failed:\n{end}", remedy=remedy)


def main(arguments: Sequence[str] | None = None) -> int:
    """Build as the command line says; 1, and why, where that fails."""
    parser = argparse.ArgumentParser(prog="python -m motadata_ml.install.native", description=build.__doc__)
    parser.add_argument("source", type=Path, nargs="?", default=sources())
    parser.add_argument("--packages", action="store_true", help="install what is missing from Debian")
    parser.add_argument("--wheel", type=Path, help="put the wheel into this folder instead of installing it")
    given = parser.parse_args(arguments)
    try:
        done = build(given.source, packages=given.packages, wheel=given.wheel)
    except SetupError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{NAME} built\n" if done else f"{NAME} left out: {PURE}=1\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
