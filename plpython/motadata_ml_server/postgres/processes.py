"""What the kernel says of other processes of this machine."""

from __future__ import annotations

from pathlib import Path


def exists(pid: int | str) -> bool:
    """Tell whether there is a process of that number, which may be another than the one it was noted for."""
    return Path(f"/proc/{pid}").exists()


def born(pid: int) -> int:
    """Return when a process started, in the kernel's ticks since the machine did; 0 where there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0
    return int(text.rpartition(")")[2].split()[19])


def runs(pid: int, what: str) -> bool:
    """Tell whether a process was started with some text in its command."""
    try:
        return what.encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
