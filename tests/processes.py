"""Training workers and other processes, as /proc shows them."""

from __future__ import annotations

import contextlib
import os
import resource
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any


def workers_of(pid: int) -> list[int]:
    """Return the training workers of a backend, by their command line."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                command = (folder / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if b"motadata_ml_server.training.worker" in command and str(pid).encode() in command:
                found.append(int(folder.name))
    return found


def runs(pid: int) -> bool:
    """Tell a process that runs from one that is gone, or that nobody has waited for."""
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    except OSError:
        return False


def cpu_seconds(pid: int) -> float:
    """Return the processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
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
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            if int(fields[3]) == leader and runs(int(folder.name)):
                found.append(int(folder.name))
    return found


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
