"""Show an existing server's PL/Python the packages, without showing them to any other Python program.

PL/Python embeds the system's Python, and that reads the ``.pth`` files of the system's package folder, to which
only root writes. One of them imports a small module that looks whose process it is in: in a PostgreSQL server of
this installation it puts this environment's packages before all others, everywhere else it does nothing.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import sysconfig
from pathlib import Path

from motadata_ml.install.errors import SetupError
from motadata_ml.install.server import Server

MODULE = '''"""Let the PL/Python of one PostgreSQL server import the packages of one environment.

Written by `motadata-ml install`; `motadata-ml install --uninstall` removes it.
"""

import os
import sys

SERVER = {server!r}
PACKAGES = {packages!r}


def show():
    try:
        program = os.readlink("/proc/self/exe")
    except OSError:
        return
    suffix = " (deleted)"  # the program was upgraded while the server runs
    if program.endswith(suffix):
        program = program[: -len(suffix)]
    if program != SERVER or PACKAGES in sys.path:
        return
    names = ("site-packages", "dist-packages")
    others = [i for i, path in enumerate(sys.path) if path.rstrip("/").rpartition("/")[2] in names]
    sys.path.insert(others[0] if others else len(sys.path), PACKAGES)


show()
'''


def system_packages() -> Path:
    """Return the folder whose ``.pth`` files the system's Python, and with it PL/Python, reads.

    Raises
    ------
    SetupError
        The system's Python does not tell.
    """
    python = Path(f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}")
    code = "import site; print(site.getsitepackages()[0])"
    try:
        done = subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise SetupError(
            f"{python} does not say where its packages are: {error}",
            remedy="Make the environment with the Python that PL/Python embeds; Debian's is /usr/bin/python3.",
        ) from error
    return Path(done.stdout.strip())


def _paths(server: Server, folder: Path) -> tuple[Path, Path]:
    name = "motadata_ml_" + hashlib.sha256(str(server.bindir).encode()).hexdigest()[:8]
    return folder / f"{name}.py", folder / f"{name}.pth"


def require_matching_python(server: Server) -> None:
    """Make sure that PL/Python is there and embeds the Python this environment was made with.

    Raises
    ------
    SetupError
        It is missing, or another one.
    """
    embedded = server.embedded_python()
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    if embedded is None:
        raise SetupError(
            f"PostgreSQL {server.version} in {server.bindir} has no PL/Python",
            remedy=f"sudo apt-get install postgresql-plpython3-{server.major}",
        )
    if embedded != own:
        raise SetupError(
            f"PL/Python of PostgreSQL {server.version} embeds Python {embedded}, these packages are for Python {own}",
            remedy=f"Make an environment with python{embedded} -m venv, install the wheel with [server] into it, and "
            "use its motadata-ml: docs/install.md has the commands.",
        )


def require_readable_by_all(path: Path | None = None) -> None:
    """Make sure that any user, so the server's too, can read a folder and get to it.

    Parameters
    ----------
    path : Path, optional
        The folder; by default that of this environment's packages.

    Raises
    ------
    SetupError
        The folder or one above it is closed to others.
    """
    path = path or Path(sysconfig.get_path("purelib"))
    for folder in (path, *path.parents):
        wanted = 0o005 if folder == path else 0o001
        if folder.stat().st_mode & wanted != wanted:
            raise SetupError(
                f"the server's user cannot read {path}: {folder} is closed to others",
                remedy="Put the environment elsewhere, such as /opt/motadata-ml (sudo /usr/bin/python3 -m venv "
                "/opt/motadata-ml), and install from there.",
            )


def show_packages(server: Server, folder: Path | None = None) -> list[Path]:
    """Let a server's PL/Python import this environment's packages.

    Parameters
    ----------
    server : Server
        The server.
    folder : Path, optional
        The package folder its Python reads ``.pth`` files from; by default the system's.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    SetupError
        The environment does not fit, or the folder cannot be written to.
    """
    require_matching_python(server)
    packages = Path(sysconfig.get_path("purelib"))
    module, pth = _paths(server, folder or system_packages())
    program = str(server.program("postgres").resolve())
    texts = {module: MODULE.format(server=program, packages=str(packages)), pth: f"import {module.stem}\n"}
    for path, text in texts.items():
        try:
            beside = path.with_name(f".{path.name}.new")
            beside.write_text(text, encoding="utf-8")
            beside.chmod(0o644)
            beside.replace(path)
        except OSError as error:
            raise SetupError(
                f"cannot write {path}: {error.strerror}", remedy="Run the same command with sudo."
            ) from error
    return list(texts)


def hide_packages(server: Server, folder: Path | None = None) -> list[Path]:
    """Undo `show_packages`.

    Returns
    -------
    list of Path
        The files removed.

    Raises
    ------
    SetupError
        The folder cannot be written to.
    """
    module, pth = _paths(server, folder or system_packages())
    removed = []
    for path in (pth, module, *module.parent.glob(f"__pycache__/{module.stem}.*.pyc")):
        try:
            path.unlink()
            removed.append(path)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise SetupError(
                f"cannot remove {path}: {error.strerror}", remedy="Run the same command with sudo."
            ) from error
    return removed
