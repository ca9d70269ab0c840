"""What the kernel can do to hold a process back, and the calls by which it is asked; none can raise in a backend.

Every function here makes one system call through the C library, which answers with a number and raises nothing. A
backend only asks what there is (`walls`); a training process has the walls built (`motadata_ml_server.worker`).
"""

from __future__ import annotations

import ctypes
import os
from typing import Any, Final, NamedTuple

_PR_SET_NO_NEW_PRIVS, _PR_GET_NO_NEW_PRIVS, _PR_SET_SECCOMP = 38, 39, 22
_SECCOMP_MODE_FILTER = 2
_SECCOMP_GET_ACTION_AVAIL = 2
_SECCOMP_RET_ERRNO = 0x00050000
_LANDLOCK_VERSION = 1

_LANDLOCK: Final = {"landlock_create_ruleset": 444, "landlock_add_rule": 445, "landlock_restrict_self": 446}
"""Calls this young have one number on every processor."""

# Of each group, the numbers on x86-64 and on 64-bit ARM; None where there is no such call.
_REFUSED: Final[dict[str, tuple[int | None, int | None]]] = {
    "fork": (57, None),
    "vfork": (58, None),
    "socket": (41, 198),
    "socketpair": (53, 199),
    "connect": (42, 203),
    "bind": (49, 200),
    "listen": (50, 201),
    "accept": (43, 202),
    "accept4": (288, 242),
    "execve": (59, 221),
    "execveat": (322, 281),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424),
    "tkill": (200, 130),
    "kcmp": (312, 272),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "shmget": (29, 194),
    "shmat": (30, 196),
    "shmctl": (31, 195),
    "semget": (64, 190),
    "semop": (65, 193),
    "semtimedop": (220, 192),
    "semctl": (66, 191),
    "msgget": (68, 186),
    "msgsnd": (69, 189),
    "msgrcv": (70, 188),
    "msgctl": (71, 187),
    "mq_open": (240, 180),
    "mq_unlink": (241, 181),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "move_mount": (429, 429),
    "open_tree": (428, 428),
    "fsopen": (430, 430),
    "setns": (308, 268),
    "unshare": (272, 97),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "kexec_load": (246, 104),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "move_pages": (279, 239),
    "migrate_pages": (256, 238),
    "syslog": (103, 116),
    "swapon": (167, 224),
    "reboot": (169, 142),
    "setpriority": (141, 140),
    "ioprio_set": (251, 30),
}
"""Calls that no fit needs: sockets, programs, other processes' memory and files, memory shared by key, the machine."""

_OWN_ONLY: Final = {
    "prlimit64": (302, 261),
    "setpgid": (109, 154),
    "sched_setaffinity": (203, 122),
    "sched_setscheduler": (144, 119),
    "sched_setparam": (142, 118),
    "sched_setattr": (314, 274),
}
"""Calls about a process by its number that a fit may make about itself alone, by its number or as 0."""

_STRICTLY_OWN: Final = {
    "kill": (62, 129),
    "tgkill": (234, 131),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
}
"""Signals: to itself alone, by its number; 0 would mean the process group."""


_CLONE: Final = (56, 220)
"""Starts threads, by a flag, or processes."""
CLONE3: Final = 435
"""The same, with its flags where no filter sees them: the C library falls back to the other where it is not there."""


class Machine(NamedTuple):
    """A processor's numbers of system calls.

    Attributes
    ----------
    audit : int
        How the kernel names the processor to a filter.
    clone : int
        The call that starts threads, and processes.
    refused : tuple of int
        Calls that no fit needs.
    own_only : tuple of int
        Calls that take a process, allowed about the caller, named or as 0.
    strictly_own : tuple of int
        Signals, allowed to the caller by its number.
    """

    audit: int
    clone: int
    refused: tuple[int, ...]
    own_only: tuple[int, ...]
    strictly_own: tuple[int, ...]


_AUDIT: Final = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}

_libc = ctypes.CDLL(None, use_errno=True)


def machine() -> Machine | None:
    """Return the numbers of this processor's system calls; None for one whose numbers are not known here."""
    known = _AUDIT.get(os.uname().machine)
    if known is None or ctypes.sizeof(ctypes.c_void_p) != 8:
        return None
    column, audit = known

    def numbers(of: dict[str, Any]) -> tuple[int, ...]:
        return tuple(pair[column] for pair in of.values() if pair[column] is not None)

    return Machine(audit, _CLONE[column], numbers(_REFUSED), numbers(_OWN_ONLY), numbers(_STRICTLY_OWN))


def call(name: str, *arguments: Any) -> int:
    """Make one of Landlock's system calls.

    Parameters
    ----------
    name : str
        A key of the table above.
    *arguments
        Numbers, or bytes whose address is passed.

    Returns
    -------
    int
        What the kernel answers; -1 for a refusal.
    """
    given = [
        ctypes.c_long(each) if isinstance(each, int) else ctypes.c_char_p(each) if each else None for each in arguments
    ]
    return int(_libc.syscall(ctypes.c_long(_LANDLOCK[name]), *given))


def landlock_version() -> int:
    """Return which version of Landlock the kernel has, 0 for none (or where a container forbids the question)."""
    if os.uname().sysname != "Linux":
        return 0
    return max(0, call("landlock_create_ruleset", None, 0, _LANDLOCK_VERSION))


def filters_calls() -> bool:
    """Tell whether the kernel filters system calls for this processor and refuses by an error."""
    known = _AUDIT.get(os.uname().machine)
    if known is None:
        return False
    number = (317, 277)[known[0]]
    action = ctypes.c_uint32(_SECCOMP_RET_ERRNO)
    asked = (ctypes.c_long(number), ctypes.c_ulong(_SECCOMP_GET_ACTION_AVAIL), ctypes.c_ulong(0))
    return int(_libc.syscall(*asked, ctypes.byref(action))) == 0


def no_new_privileges() -> bool:
    """Have no program that this process may start give it more rights; never undone."""
    zero = ctypes.c_ulong(0)
    return int(_libc.prctl(_PR_SET_NO_NEW_PRIVS, ctypes.c_ulong(1), zero, zero, zero)) == 0


def install_filter(filter_: Any) -> bool:
    """Have the kernel put every system call of this process through a filter; never undone.

    Parameters
    ----------
    filter_ : ctypes buffer
        A ``struct sock_fprog``; the kernel copies what it points to.
    """
    zero = ctypes.c_ulong(0)
    mode = ctypes.c_ulong(_SECCOMP_MODE_FILTER)
    return int(_libc.prctl(_PR_SET_SECCOMP, mode, ctypes.byref(filter_), zero, zero)) == 0


class Wall(NamedTuple):
    """Something that a training process is held by.

    Attributes
    ----------
    name : str
        What it keeps from a fit.
    stands : bool
        Whether this kernel gives it.
    needed : bool
        Whether something is open without it: the filter of calls covers what the younger walls of Landlock do.
    """

    name: str
    stands: bool
    needed: bool


def walls() -> list[Wall]:
    """Return what a training process is held by on this kernel, and what is not to be had, for the doctor."""
    version = landlock_version()
    return [
        Wall("no new privileges", _libc.prctl(_PR_GET_NO_NEW_PRIVS, *[ctypes.c_ulong(0)] * 4) >= 0, True),
        Wall("Landlock over files and tracing", version >= 1, True),
        Wall("Landlock over TCP", version >= 4, False),
        Wall("Landlock over signals", version >= 6, False),
        Wall("a filter of system calls (no socket, no program, no other process)", filters_calls(), True),
    ]
