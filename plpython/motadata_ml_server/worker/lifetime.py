"""When a process of the worker's ends: with the one that started it, and before memory is short for the server."""

from __future__ import annotations

import ctypes
import os
import signal
from typing import Final

_PR_SET_PDEATHSIG, _PR_SET_NAME = 1, 15
SHORT: Final = 0.1
"""Memory is short where less than this share of it can be had, of the machine's or of the control group's."""

_MACHINE: Final = "/proc/meminfo"
_GROUP: Final = "/sys/fs/cgroup"


def die_with(parent: int) -> None:
    """Have the kernel end this process when its parent ends, however that does."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def name(what: str) -> None:
    """Set what ``ps`` and ``top`` call this process, at most 15 characters."""
    ctypes.CDLL(None).prctl(_PR_SET_NAME, what.encode(), 0, 0, 0)


def memory_is_short(machine: str = _MACHINE, group: str = _GROUP) -> bool:
    """Tell whether the machine, or the container, has hardly any memory left.

    Parameters
    ----------
    machine, group : str
        Where the kernel tells of the machine's memory, and the folder of the control group's.
    """
    return _short_of(*_machine(machine)) or _short_of(*_group(group))


def _short_of(available: int, total: int) -> bool:
    return total > 0 and available < SHORT * total


def _machine(path: str) -> tuple[int, int]:
    """Return the bytes available and in all; zeros where that is not told."""
    try:
        with open(path) as told:
            fields = {line.split(":")[0]: line.split()[1] for line in told}
        return int(fields["MemAvailable"]) * 1024, int(fields["MemTotal"]) * 1024
    except (OSError, KeyError, IndexError, ValueError):
        return 0, 0


def _group(folder: str) -> tuple[int, int]:
    """Return the same of the control group that a container sees as its own: files that can be dropped count as had."""
    try:
        with open(f"{folder}/memory.max") as told:
            most = int(told.read())  # "max" where there is none
        with open(f"{folder}/memory.current") as told:
            used = int(told.read())
        with open(f"{folder}/memory.stat") as told:
            files = dict(line.split() for line in told)
        return most - used + int(files["inactive_file"]), most
    except (OSError, KeyError, ValueError):
        return 0, 0
