"""A server of one's own: PostgreSQL's programs in a folder, with extension files that nobody else replaces.

PostgreSQL looks for its files relative to the program that runs (``make_relative_path`` in ``src/port/path.c``),
so copies of three programs beside links to everything else are a whole installation. CREATE EXTENSION reads the
folder's own ``extension``: two checkouts on one machine never see each other's scripts, and no rights of root are
needed. From PostgreSQL 18 on ``extension_control_path`` would do; this does on every version.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from motadata_ml.install.errors import SetupError
from motadata_ml.install.script import NAME, extension_files, write_files
from motadata_ml.install.server import Server

PROGRAMS = ("postgres", "initdb", "pg_ctl")
"""Those that look for files of the installation; a link would lead them back to where it points."""


def relocate(server: Server, folder: Path) -> Server:
    """Make or refresh a server of one's own.

    Parameters
    ----------
    server : Server
        The installed server.
    folder : Path
        Where to; takes about 9 MB.

    Returns
    -------
    Server
        The one in the folder, with this package's extension files.

    Raises
    ------
    SetupError
        The folder cannot be written to, or the installed server not be read.
    """
    places = (server.bindir, server.sharedir, server.libdir)
    common = os.path.commonpath(places)
    bindir, sharedir, libdir = (folder / place.relative_to(common) for place in places)
    own = Server(bindir, sharedir, libdir, server.version)
    try:
        for inner in (own.bindir, own.extension_folder, own.libdir.parent):
            _make_folder(inner, folder)
        for name in PROGRAMS:
            _copy(server.program(name), own.program(name))
        _link(server.libdir, own.libdir)
        for path in server.sharedir.iterdir():
            if path != server.extension_folder:
                _link(path, own.sharedir / path.name)
        _link_extensions(server.extension_folder, own.extension_folder)
    except OSError as error:
        raise SetupError(
            f"cannot lay out a server in {folder}: {error}",
            remedy="Run it as the folder's owner, or name another folder in MOTADATA_ML_HOME.",
        ) from error
    write_files(own.extension_folder)
    return own


def _make_folder(path: Path, top: Path) -> None:
    """Make a folder and those above it up to `top`, readable for the server's user whatever the umask."""
    path.mkdir(parents=True, exist_ok=True)
    while True:
        if path.stat().st_mode & 0o755 != 0o755:
            path.chmod(0o755)
        if path == top:
            return
        path = path.parent


def _copy(source: Path, target: Path) -> None:
    """Copy a program unless it is there; after an upgrade of PostgreSQL it is another one."""
    wanted = source.stat()
    if target.exists():
        found = target.stat()
        if (found.st_size, found.st_mtime_ns) == (wanted.st_size, wanted.st_mtime_ns):
            return
    beside = target.with_name(f".{target.name}.new")
    shutil.copy2(source, beside)
    beside.replace(target)


def _link(source: Path, target: Path) -> None:
    if target.is_symlink() and target.readlink() == source:
        return
    beside = target.with_name(f".{target.name}.new")
    beside.unlink(missing_ok=True)
    beside.symlink_to(source)
    beside.replace(target)


def _link_extensions(source: Path, target: Path) -> None:
    """Link to every other extension's files; of ours, installed or earlier ones, keep only this package's."""
    others = {path.name: path for path in source.iterdir() if not path.name.startswith((NAME, f".{NAME}"))}
    for name, path in others.items():
        _link(path, target / name)
    wanted = others.keys() | extension_files().keys()
    for path in target.iterdir():
        if path.name not in wanted:
            path.unlink()
