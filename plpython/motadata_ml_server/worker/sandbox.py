"""What a training process gives up before it reads a row: files, the network, other processes.

A fit runs numeric libraries over data that an attacker may have written. Should one of them be made to run the
attacker's code, that code is the operating system's user of the server. So the process first asks the kernel to refuse
it, and everything it starts, whatever a fit does not need. Three walls, each of which the kernel may lack:

- ``no_new_privs``: no program gives it more rights (Linux 3.5).
- Landlock: it opens nothing but the Python environment, the system's libraries, what the kernel says of the processor,
  and itself; it writes nothing, reaches no TCP port (Linux 6.7), and signals nobody outside (6.12); it traces no
  process that has not the same walls (Linux 5.13).
- a filter of system calls: no socket, no program, no process beside it (threads only), no tracing, no other process's
  memory, limits, files or signals, no shared memory of System V, no ``io_uring``, which would go around the filter.

What the kernel lacks or a container forbids is left out; `motadata_ml_server.postgres.kernel` tells which walls stand.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from typing import Final

from motadata_ml_server.postgres import kernel

SYSTEM_FOLDERS: Final = (
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/usr/local/lib",
    "/usr/share/zoneinfo",
    "/proc/self",
    "/sys/bus/pci",
    "/sys/devices",
    "/sys/fs/cgroup",
)
"""Folders whose files a fit may read beside the environment's own: libraries, time zones, itself, the machine's make
and its limits."""

SYSTEM_FILES: Final = (
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/stat",
    "/proc/sys/vm/overcommit_memory",
    "/dev/null",
    "/dev/urandom",
    "/dev/zero",
)
"""Files that libraries ask for the shape of the machine, and for random numbers."""

_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
_RULE_PATH_BENEATH = 1
_FILE_RIGHTS: Final = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
"""How many rights over files each version of Landlock knows: 2 brought linking, 3 truncating, 5 ioctl of devices."""
_NETWORK: Final = 0b11
"""Binding and connecting by TCP; from version 4 on."""
_SCOPES: Final = 0b11
"""Abstract sockets and signals of the outside; from version 6 on."""


class Walls:
    """Which walls stand around this process.

    Attributes
    ----------
    no_new_privileges, landlock, calls : bool
        Whether the kernel took each.
    """

    def __init__(self) -> None:
        self.no_new_privileges = False
        self.landlock = False
        self.calls = False


def enter() -> Walls:
    """Give up, for good, what a fit does not need; what the kernel lacks is left out.

    Call it in the process's first thread, before another is started: threads that run already keep their rights.

    Returns
    -------
    Walls
        What stands.
    """
    walls = Walls()
    walls.no_new_privileges = kernel.no_new_privileges()
    if walls.no_new_privileges:  # without it the kernel takes neither of the others from an ordinary user
        walls.landlock = _landlock()
        walls.calls = _filter_calls()
    return walls


def readable() -> Iterator[str]:
    """Yield the folders and files that a fit may read: the environment's packages, and the system's.

    Never the environment's parent, nor ``/usr/local``, where data directories lie as well.
    """
    yield from SYSTEM_FOLDERS
    yield from SYSTEM_FILES
    yield from (path for path in sys.path if os.path.isabs(path))
    yield from (sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib"))
    yield os.path.join(sys.prefix, "lib")
    yield os.path.join(sys.prefix, "pyvenv.cfg")


def _landlock() -> bool:
    version = kernel.landlock_version()
    if version < 1:
        return False
    rights = (1 << _FILE_RIGHTS.get(version, 16)) - 1
    asked = struct.pack("=QQQ", rights, _NETWORK if version >= 4 else 0, _SCOPES if version >= 6 else 0)
    # a kernel takes a longer structure than it knows where the rest is zero
    rules = kernel.call("landlock_create_ruleset", asked, len(asked), 0)
    if rules < 0:
        return False
    try:
        for path in dict.fromkeys(readable()):
            _allow(rules, path)
        return kernel.call("landlock_restrict_self", rules, 0) == 0
    finally:
        os.close(rules)


def _allow(rules: int, path: str) -> None:
    """Let files beneath a path be read; one that is not there needs no rule."""
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        folder = os.path.isdir(path)
        rule = struct.pack("=Qi", _READ_FILE | (_READ_DIR if folder else 0), descriptor)
        kernel.call("landlock_add_rule", rules, _RULE_PATH_BENEATH, rule, 0)
    finally:
        os.close(descriptor)


# The filter is a program of the kernel's classic packet filter, run for each call over its number and arguments.
_LOAD, _EQUAL, _AT_LEAST, _ANY_OF, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _FIRST = 0, 4, 16  # where a call's number and the low half of its first argument lie
_ALLOW, _REFUSE, _UNKNOWN = 0x7FFF0000, 0x00050000 | errno.EPERM, 0x00050000 | errno.ENOSYS
_CLONE_THREAD = 0x00010000
_X32: Final = 0x40000000
"""Numbers from here on are calls of x86's other tongue, by which a filter of numbers would be gone around."""

Instruction = tuple[int, int, int, int]


def program(machine: kernel.Machine, own: int) -> list[Instruction]:
    """Return the filter as instructions: what is looked at, how far to jump where it is so or not, and with what.

    Parameters
    ----------
    machine : Machine
        The processor's numbers of system calls.
    own : int
        This process: calls about processes are allowed about it (0 means itself in those that take it).
    """
    found: list[Instruction] = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, machine.audit),
        (_RETURN, 0, 0, _REFUSE),
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, 0, 1, _X32),
        (_RETURN, 0, 0, _REFUSE),
        (_EQUAL, 0, 1, kernel.CLONE3),
        (_RETURN, 0, 0, _UNKNOWN),
        (_EQUAL, 0, 4, machine.clone),
        (_LOAD, 0, 0, _FIRST),
        (_ANY_OF, 1, 0, _CLONE_THREAD),
        (_RETURN, 0, 0, _REFUSE),
        (_RETURN, 0, 0, _ALLOW),
    ]
    for number in machine.refused:
        found += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _REFUSE)]
    for number in machine.own_only:
        found += [
            (_EQUAL, 0, 5, number),
            (_LOAD, 0, 0, _FIRST),
            (_EQUAL, 2, 0, own),
            (_EQUAL, 1, 0, 0),
            (_RETURN, 0, 0, _REFUSE),
            (_RETURN, 0, 0, _ALLOW),
        ]
    for number in machine.strictly_own:
        found += [
            (_EQUAL, 0, 4, number),
            (_LOAD, 0, 0, _FIRST),
            (_EQUAL, 1, 0, own),
            (_RETURN, 0, 0, _REFUSE),
            (_RETURN, 0, 0, _ALLOW),
        ]
    return [*found, (_RETURN, 0, 0, _ALLOW)]


def _filter_calls() -> bool:
    machine = kernel.machine()
    if machine is None or not kernel.filters_calls():
        return False
    instructions = program(machine, os.getpid())
    code = ctypes.create_string_buffer(_packed(instructions))
    filter_ = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(instructions), ctypes.addressof(code)))
    return kernel.install_filter(filter_)


def _packed(instructions: Iterable[Instruction]) -> bytes:
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in instructions)
