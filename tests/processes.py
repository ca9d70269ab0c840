"""Training workers and other processes, as /proc shows them."""

from __future__ import annotations

import contextlib
import os
import resource
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any


def processes(file: str) -> Iterator[tuple[int, bytes]]:
    """Yield every process with what a file of its folder in /proc says, those left out that end meanwhile."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                yield int(folder.name), (folder / file).read_bytes()


def fields_of(stat: bytes) -> list[bytes]:
    """Return the fields of a stat file from the state on: the name before it may hold anything."""
    return stat.rsplit(b")", 1)[1].split()


def _of_the_worker(pid: int) -> Iterator[tuple[int, int]]:
    """Yield the processes that serve a backend's trainings, each with its parent."""
    wanted = {b"motadata_ml_server.worker", str(pid).encode()}
    for found, command in processes("cmdline"):
        if wanted <= set(command.split(b"\0")):
            with contextlib.suppress(OSError):
                yield found, int(fields_of(Path(f"/proc/{found}/stat").read_bytes())[1])


def workers_of(pid: int) -> list[int]:
    """Return the training workers of a backend: forked processes, those that have lost their fork server included."""
    return [found for found, parent in _of_the_worker(pid) if parent != pid]


def fork_servers_of(pid: int) -> list[int]:
    """Return the processes that a backend keeps for its next training."""
    return [found for found, parent in _of_the_worker(pid) if parent == pid]


def children_of(pid: int) -> list[int]:
    """Return the processes that a process has started, ended ones that nobody has waited for included."""
    return [found for found, stat in processes("stat") if int(fields_of(stat)[1]) == pid]


def runs(pid: int) -> bool:
    """Tell a process that runs from one that is gone, or that nobody has waited for."""
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    except OSError:
        return False


def cpu_seconds(pid: int) -> float:
    """Return the processor time that a process has used."""
    fields = fields_of(Path(f"/proc/{pid}/stat").read_bytes())
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def open_files(pid: int) -> list[str]:
    """Return what the descriptors of a process refer to; none of one that has ended."""
    try:
        return [os.readlink(entry) for entry in Path(f"/proc/{pid}/fd").iterdir()]
    except OSError:
        return []


def wait_for(condition: Callable[[], Any], seconds: float = 20.0) -> Any:
    """Return what a condition gives once it is true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.01)
    raise AssertionError("waited in vain")


def processes_of_session(leader: int) -> list[int]:
    """Return a session leader with all that it started, as long as they run."""
    return [found for found, stat in processes("stat") if int(fields_of(stat)[3]) == leader and runs(found)]


def shared_files_of(pid: int) -> list[str]:
    """Return the files by which joblib and multiprocessing let the processes of a worker share memory."""
    return [
        path.name
        for folder in (Path("/dev/shm"), Path("/tmp"))  # noqa: S108 - where the libraries would put them
        for path in folder.iterdir()
        if f"_{pid}_" in path.name or f"-{pid}-" in path.name
    ]


@contextlib.contextmanager
def limited(pid: int, what: int, limit: int) -> Iterator[None]:
    """Lower a limit of a process, and give it back."""
    before = resource.prlimit(pid, what)
    resource.prlimit(pid, what, (limit, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, what, before)
