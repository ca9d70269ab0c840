"""Small files in which a session tells every other one what it is doing.

They lie in ``pg_stat_tmp`` of the data directory, which is the working directory of every backend, belongs to the
server's user alone and is left out of base backups. Each is named after the process of its session.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from motadata_ml_server.postgres import processes

FOLDER: Final = Path("pg_stat_tmp")


class SessionFile:
    """The file of one session.

    Parameters
    ----------
    prefix : str
        What it is about: the beginning of its name.
    pid : int
        The backend's process.
    """

    def __init__(self, prefix: str, pid: int) -> None:
        self._file = FOLDER / f"{prefix}{pid}.json"
        self._temporary = self._file.with_suffix(".new")

    def write(self, facts: dict[str, Any]) -> None:
        """Replace what it says, whole; on a full disk it stays as it was."""
        with contextlib.suppress(OSError):
            self._temporary.write_text(json.dumps(facts))
            self._temporary.replace(self._file)

    def remove(self) -> None:
        """Remove it."""
        for path in (self._file, self._temporary):
            with contextlib.suppress(OSError):
                path.unlink()


def read_all(prefix: str) -> Iterator[dict[str, Any]]:
    """Yield what all sessions say, in the order of their files' names; what is half gone is left out."""
    for path in sorted(FOLDER.glob(f"{prefix}*.json")):
        try:
            facts = json.loads(path.read_text())
        except (OSError, ValueError):
            continue
        yield facts


def forget_dead(prefix: str) -> None:
    """Remove the files whose session was killed."""
    for path in FOLDER.glob(f"{prefix}*"):
        if not processes.exists(path.stem.removeprefix(prefix)):
            with contextlib.suppress(OSError):
                path.unlink()
