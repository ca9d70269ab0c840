"""Start, find and stop the process of a private cluster."""

from __future__ import annotations

import importlib.util
import os
import sys
import time
from itertools import pairwise
from pathlib import Path

from motadata_ml._version import how_to_add
from motadata_ml.cluster.layout import Account, Layout, server_account
from motadata_ml.install.errors import SetupError
from motadata_ml.install.server import Server

WAIT = 60
"""Seconds that a start or a stop may take."""

OUTLIVED = "pre-existing shared memory block"
"""In PostgreSQL's words: processes of a server that was killed have not ended yet."""

OUTLIVED_WAIT = 10
"""Seconds to wait for those."""


def environment(server: Server) -> dict[str, str]:
    """Return the whole environment of the server's process.

    PL/Python finds its packages by the first folder on the PATH, this environment's ``bin``; nothing of the
    caller's environment, least of all a variable of Python's, gets through.
    """
    return {
        "PATH": f"{sys.prefix}/bin:{server.bindir}:/usr/local/bin:/usr/bin:/bin",
        "LC_ALL": "C.UTF-8",
        "HOME": "/nonexistent",
        "ORT_DISABLE_TELEMETRY": "1",
    }


def find(layout: Layout) -> int | None:
    """Return the process that runs the cluster.

    Returns
    -------
    int or None
        None where none does. A ``postmaster.pid`` left by a machine that lost power may name a process that is
        now something else, so the process has to be a PostgreSQL in this data folder.
    """
    try:
        pid = int(server_account().read(layout.data / "postmaster.pid").split("\n", 1)[0])
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (OSError, ValueError):
        return None
    return pid if serves(arguments, layout.data) else None


def serves(arguments: list[bytes], data: Path) -> bool:
    """Say whether a command line is that of a server with this data folder.

    The command line is what everybody may read of a process. Its program and folder, ``/proc/<pid>/exe`` and
    ``cwd``, are for its owner and for a root that may trace, and in a container root often may not: a running
    server would look dead.

    Parameters
    ----------
    arguments : list of bytes
        The program and its arguments; empty ones for a process that has ended and was not collected.
    data : Path
        The data folder.
    """
    if Path(os.fsdecode(arguments[0])).name != "postgres":
        return False
    return any(
        option == b"-D" and Path(os.fsdecode(folder)).resolve() == data.resolve()
        for option, folder in pairwise(arguments)
    )


def require_readable(account: Account, env: dict[str, str]) -> None:
    """Make sure that the server's user can read the packages.

    Raises
    ------
    SetupError
        It cannot, or they are not installed.
    """
    found = importlib.util.find_spec("motadata_ml_server")
    if found is None or found.origin is None:
        raise SetupError(
            "the package motadata_ml_server is not installed in this environment",
            remedy=how_to_add("server"),
        )
    for path in (found.origin, f"{sys.prefix}/bin/python3"):
        if account.run(["/usr/bin/test", "-r", path], env).returncode != 0:
            raise SetupError(
                f"the user {account.name}, who runs the server, cannot read {path}",
                remedy="Put the environment where that user can read it: every folder above it needs the mode 0755.",
            )


def _clear_stale_locks(layout: Layout, account: Account) -> None:
    """Remove lock files whose process is now something else; `find` saw no server of ours.

    PostgreSQL itself sees to those whose process is gone, and by the data folder's shared memory it still
    refuses to start beside sessions that outlived their server.
    """
    for path in (layout.data / "postmaster.pid", *layout.sockets.glob(".s.PGSQL.*.lock")):
        try:
            pid = abs(int(account.read(path).split("\n", 1)[0]))
        except ValueError:
            continue
        if Path(f"/proc/{pid}").exists():
            path.unlink()


def start(layout: Layout, account: Account, server: Server, env: dict[str, str]) -> None:
    """Start the server and wait until it answers.

    Raises
    ------
    SetupError
        It did not start; the message holds the end of its log.
    """
    require_readable(account, env)
    _clear_stale_locks(layout, account)
    command = [str(server.program("pg_ctl")), "start", "-D", str(layout.data), "-l", str(layout.log)]
    deadline = time.monotonic() + OUTLIVED_WAIT
    while True:
        before = layout.log.lstat().st_size if layout.log.exists() else 0
        done = account.run([*command, "-w", "-t", str(WAIT), "-s"], env)
        if done.returncode == 0:
            return
        said = done.stdout.strip()
        if layout.log.exists():
            new = account.read(layout.log, max(1, min(65536, layout.log.lstat().st_size - before)))
            said += "\n" + "".join(new.splitlines(keepends=True)[-10:])
        if OUTLIVED not in said or time.monotonic() > deadline:
            break
        time.sleep(0.2)
    raise SetupError(f"PostgreSQL did not start:\n{said.strip()}", remedy=f"Its log, {layout.log}, has the reason.")


def stop(layout: Layout, account: Account, server: Server) -> None:
    """Stop the server; open sessions are ended.

    Raises
    ------
    SetupError
        It did not stop in time.
    """
    command = [str(server.program("pg_ctl")), "stop", "-D", str(layout.data), "-m", "fast"]
    done = account.run([*command, "-w", "-t", str(WAIT), "-s"], environment(server))
    if done.returncode != 0:
        raise SetupError(
            f"PostgreSQL did not stop:\n{done.stdout.strip()}", remedy=f"Its log, {layout.log}, has the reason."
        )
