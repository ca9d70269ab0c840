"""What an attacker's code tries from inside a fit.

Run as a worker is, ``python -I attacks_from_a_fit.py FOLDER PID PORT``: FOLDER stands for the data directory, PID for a
session's process, PORT for a server on this machine. It writes a JSON object to its standard error: of each attack
"refused", or what it got.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from motadata_ml_server.training.fork_protocol import Descriptors, ForkOrder
from motadata_ml_server.worker import lifetime, preload
from motadata_ml_server.worker import training_process as worker

FOLDER, PID, PORT = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
LIBC = ctypes.CDLL(None, use_errno=True)
ARM = os.uname().machine == "aarch64"


def kernel(x86: int, arm: int, *arguments: Any) -> int:
    """Make a system call by its number."""
    answer = int(LIBC.syscall(ctypes.c_long(arm if ARM else x86), *map(ctypes.c_long, arguments)))
    if answer < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return answer


def read_memory() -> int:
    """Read the other process's memory where its program lies."""
    with open(f"/proc/{PID}/maps") as maps:
        start = int(maps.readline().split("-")[0], 16)
    buffer = ctypes.create_string_buffer(8)
    vectors = (ctypes.c_size_t * 2)(ctypes.addressof(buffer), 8), (ctypes.c_size_t * 2)(start, 8)
    return kernel(310, 270, PID, ctypes.addressof(vectors[0]), 1, ctypes.addressof(vectors[1]), 1, 0)


def read_memory_blindly() -> int:
    """Ask for another process's memory at an address that need not be mapped: with EFAULT the kernel has looked."""
    buffer = ctypes.create_string_buffer(8)
    vectors = (ctypes.c_size_t * 2)(ctypes.addressof(buffer), 8), (ctypes.c_size_t * 2)(4096, 8)
    try:
        return kernel(310, 270, PID, ctypes.addressof(vectors[0]), 1, ctypes.addressof(vectors[1]), 1, 0)
    except OSError as error:
        if error.errno in (1, 3):
            raise
        return -(error.errno or 0)


def fork() -> int:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    return child


def connect(family: int, address: Any) -> str:
    with socket.socket(family) as made:
        made.connect(address)
    return "connected"


def listen() -> str:
    with socket.create_server(("127.0.0.1", 0)):
        return "listening"


ATTACKS: dict[str, Callable[[], Any]] = {
    "read a file of the data directory": (FOLDER / "PG_VERSION").read_text,
    "write a file of the data directory": lambda: (FOLDER / "PG_VERSION").write_text("99"),
    "make a file in the data directory": lambda: (FOLDER / "postgresql.auto.conf").write_text("archive_mode = on"),
    "remove a file of the data directory": (FOLDER / "global").unlink,
    "rename a file of the data directory": lambda: (FOLDER / "PG_VERSION").rename(FOLDER / "x"),
    "link a file of the data directory": lambda: os.link(FOLDER / "PG_VERSION", FOLDER / "y"),
    "list the data directory": lambda: os.listdir(FOLDER),
    "truncate a file of the data directory": lambda: os.truncate(FOLDER / "PG_VERSION", 0),
    "go to it by /proc/self/root": lambda: Path(f"/proc/self/root{FOLDER}/PG_VERSION").read_text(),
    "go to it by the session's working folder": lambda: os.listdir(f"/proc/{PID}/cwd/"),
    "read the passwords of the machine": lambda: Path("/etc/passwd").read_text(),
    "write to /tmp": lambda: Path(f"/tmp/motadata_ml_attack_{PID}").write_text("x"),  # noqa: S108
    "write to shared memory": lambda: Path(f"/dev/shm/motadata_ml_attack_{PID}").write_text("x"),  # noqa: S108
    "write into the environment's packages": lambda: os.open(worker.__file__, os.O_WRONLY),
    "read the session's memory by /proc": lambda: os.open(f"/proc/{PID}/mem", os.O_RDONLY),
    "write the session's memory by /proc": lambda: os.open(f"/proc/{PID}/mem", os.O_WRONLY),
    "read the session's environment": lambda: Path(f"/proc/{PID}/environ").read_bytes(),
    "open the session's files": lambda: os.listdir(f"/proc/{PID}/fd"),
    "read the session's memory by a call": read_memory,
    "read the session's memory at a known place": read_memory_blindly,
    "read the fork server's memory": lambda: os.open(f"/proc/{os.getppid()}/mem", os.O_RDONLY),
    "open the fork server's files": lambda: os.listdir(f"/proc/{os.getppid()}/fd"),
    "signal the fork server": lambda: os.kill(os.getppid(), 0),
    "trace the fork server": lambda: kernel(101, 117, 16, os.getppid(), 0, 0),
    "limit the fork server": lambda: resource.prlimit(os.getppid(), resource.RLIMIT_CORE, (0, 0)),
    "trace the session": lambda: kernel(101, 117, 16, PID, 0, 0),
    "be traced, and trace": lambda: kernel(101, 117, 0, 0, 0, 0),
    "take a handle of the session": lambda: kernel(434, 434, PID, 0),
    "signal the session": lambda: os.kill(PID, 0),
    "signal a thread of the session": lambda: kernel(234, 131, PID, PID, 0),
    "signal every process": lambda: os.kill(-1, 0),
    "signal its own group": lambda: os.kill(0, 0),
    "limit the session": lambda: resource.prlimit(PID, resource.RLIMIT_CORE, (0, 0)),
    "bind the session to a processor": lambda: os.sched_setaffinity(PID, {0}),
    "slow the session": lambda: os.setpriority(os.PRIO_PROCESS, PID, 19),
    "connect to the server": lambda: connect(socket.AF_INET, ("127.0.0.1", PORT)),
    "connect by IPv6": lambda: connect(socket.AF_INET6, ("::1", PORT)),
    "connect by a local socket": lambda: connect(socket.AF_UNIX, str(FOLDER / ".s.PGSQL.5432")),
    "send a datagram": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", PORT)),
    "listen": listen,
    "look a host up": lambda: socket.getaddrinfo("example.org", 80),
    "talk to the kernel by netlink": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW),
    "start a program": lambda: subprocess.run(["/bin/true"], check=True),
    "start a shell": lambda: os.posix_spawn("/bin/sh", ["sh", "-c", "exit"], {}),
    "become a program": lambda: os.execv("/nowhere", ["true"]),  # noqa: S606
    "start a process that stays": fork,
    "start a process by clone3": lambda: kernel(435, 435, 0, 64),
    "make a ring of calls": lambda: kernel(425, 425, 1, 0),
    "share memory by a key": lambda: kernel(29, 194, 0, 4096, 0o600 | 0o1000),
    "make a namespace": lambda: kernel(272, 97, 0x10000000),
    "load a program into the kernel": lambda: kernel(321, 280, 0, 0, 0),
    "call by x86's other numbers": lambda: kernel(0x40000000 | 41, 198, 2, 1, 0),
}

ALLOWED: dict[str, Callable[[], Any]] = {
    "read its libraries": lambda: Path(os.__file__).read_bytes()[:1] != b"",
    "signal itself": lambda: not kernel(62, 129, os.getpid(), 0),
    "limit itself": lambda: resource.prlimit(0, resource.RLIMIT_CORE) == (0, 0),
    "get random numbers": lambda: len(os.urandom(8)) == 8,
    "read what the processor is": lambda: "processor" in Path("/proc/cpuinfo").read_text(),
    "make a memory file": lambda: os.memfd_create("x") > 2,
}

REFUSED = (1, 2, 3, 13, 38)
"""EPERM, ENOENT (where even a file's being there is not told), ESRCH, EACCES, ENOSYS."""


def outcome(attack: Callable[[], Any]) -> str:
    """Return "refused", or what came of it."""
    try:
        return f"went through: {attack()!r}"[:200]
    except subprocess.CalledProcessError as error:
        return f"went through: {error}"
    except socket.gaierror:
        return "refused"
    except OSError as error:
        if isinstance(error, FileNotFoundError) and "/nowhere" in str(error):
            return "went through: the program was looked for"
        return "refused" if error.errno in REFUSED else f"went through: {error}"


def attack(*_: Any) -> None:
    """Try everything, in the first thread and in another, and tell."""
    threads = len(os.listdir("/proc/self/task"))
    told: dict[str, Any] = {name: outcome(each) for name, each in ATTACKS.items()}

    def beside() -> None:
        told.update({f"{name}, in a thread": outcome(each) for name, each in ATTACKS.items()})

    thread = threading.Thread(target=beside)
    thread.start()
    thread.join()
    told.update({name: bool(each()) for name, each in ALLOWED.items()})
    told["threads"] = threads
    os.write(2, json.dumps(told).encode())
    os._exit(0)


def be_forked() -> None:
    """Do as a fork server does: import first, fork, and only then have the process give up what it needs no more."""
    preload.preload("LogisticRegression")
    server = os.getpid()
    nothing, told = os.open(os.devnull, os.O_RDWR), os.dup(2)
    if os.fork() == 0:
        lifetime.die_with(server)
        descriptors = Descriptors(nothing, os.dup(nothing), nothing, nothing, told)
        os._exit(worker.run(ForkOrder("LogisticRegression", 1, 2000, 0), descriptors))
    os._exit(os.waitstatus_to_exitcode(os.wait()[1]))


if __name__ == "__main__":
    worker._train = attack  # type: ignore[assignment]
    be_forked()
