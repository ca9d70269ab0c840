"""Make this environment's program callable by its name, in a shell that knows nothing of the environment."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path

NAME = "motadata-ml"


def own_program() -> Path:
    """Return this environment's program."""
    return Path(sys.prefix, "bin", NAME)


def link_folder() -> Path:
    """Return the folder for a link: the machine's for root, else the user's own."""
    return Path("/usr/local/bin") if os.getuid() == 0 else Path.home() / ".local" / "bin"


def link_program(program: Path, folder: Path, path: str) -> str:
    """Link to a program where a shell looks for it, or say how to call it by its name.

    Another program of that name, or a link to one that is there, stays as it is. No folder is made.

    Parameters
    ----------
    program : Path
        The program.
    folder : Path
        Where the link may go.
    path : str
        The shell's ``PATH``.

    Returns
    -------
    str
        What was done, or one line to paste.
    """
    name = program.name
    if not _found(name, path, program):
        place = folder / name
        free = not os.path.lexists(place) or (place.is_symlink() and not place.exists())
        if free and folder.is_dir() and os.access(folder, os.W_OK) and str(folder) in path.split(os.pathsep):
            beside = folder / f".{name}.{os.getpid()}"
            beside.symlink_to(program)
            beside.replace(place)
    if _found(name, path, program):
        return f"{name} is on the PATH"
    return f'to call it by its name: export PATH={shlex.quote(str(program.parent))}:"$PATH"'


def _found(name: str, path: str, program: Path) -> bool:
    """Whether the name calls the program; what comes first on the PATH counts."""
    found = shutil.which(name, path=path)
    return found is not None and Path(found).resolve() == program.resolve()
