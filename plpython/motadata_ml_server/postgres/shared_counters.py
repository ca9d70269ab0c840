"""Counters that all sessions of a server share, without a write to any table: slots of a file that each maps.

The file lies in ``pg_stat_tmp`` of the data directory, the working directory of every backend: only the server's user
gets there, base backups leave it out, and a standby has its own. A slot belongs to one living process, which alone
writes it, so that counting takes no lock; readers add up. What a process leaves behind when it ends is taken over,
counts and all, by the next one that counts the same thing. Only taking a slot is done under a lock.

The disk space is allocated when the file is made, so that a full disk cannot fault a page later on. A file that is
not ours, is damaged or cannot be made means that this session counts for itself alone; nothing fails.
"""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
import stat
import time
from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.postgres import processes
from motadata_ml_server.postgres.database import Database
from motadata_ml_server.postgres.session_files import FOLDER

FILE: Final = FOLDER / "motadata_ml_counters"
FORMAT: Final = 1
SLOTS: Final = 16_384
"""As many pairs of session and version as can be counted at once; a slot has 64 bytes."""

RESERVED: Final = 4_096
"""Slots that only training takes: who predicts with many versions from many sessions must not end its counting."""

PREDICTIONS: Final = 1
TRAINING: Final = 2

SCOPE, SUBJECT, OWNER, BORN, CALLS, ROWS, ERRORS, SECONDS = range(8)
"""The words of a slot: kind and database, what is counted, the process and when it started, the counters."""

LOCK_TRIES: Final = 200
LOCK_PAUSE: Final = 0.001

_MAGIC: Final = 0x314D4C5441544F4D
_SLOT: Final = 64
_WORDS: Final = 8

Words = NDArray[np.int64]

_SERVER = """
select (extract(epoch from pg_catalog.pg_postmaster_start_time()) operator(pg_catalog.*) 1000000)::bigint as started,
    (select oid::bigint from pg_catalog.pg_database
        where datname operator(pg_catalog.=) pg_catalog.current_database()) as database
"""


class Slot:
    """One slot, or private memory of the same shape.

    Parameters
    ----------
    memory : memoryview
        64 bytes.

    Attributes
    ----------
    whole : memoryview
        Its eight words as integers.
    real : memoryview
        The same as doubles.
    """

    __slots__ = ("real", "whole")

    def __init__(self, memory: memoryview) -> None:
        self.whole = memory.cast("q")
        self.real = memory.cast("d")


class Region:
    """The file of this server as this session maps it.

    Parameters
    ----------
    db : Database
        The session.
    """

    def __init__(self, db: Database) -> None:
        server = db.query(_SERVER)[0]
        self._database = int(server["database"])
        self._memory: mmap.mmap | None = None
        with contextlib.suppress(OSError, ValueError):
            self._memory = _open(int(server["started"]))

    @property
    def shared(self) -> bool:
        """Whether other sessions see what this one counts."""
        return self._memory is not None

    def take(self, kind: int, subject: int) -> Slot:
        """Return this process's slot for a subject; private memory where there is none to have.

        Parameters
        ----------
        kind : int
            `PREDICTIONS` or `TRAINING`.
        subject : int
            What is counted, a number of 63 bits.
        """
        if self._memory is not None:
            with contextlib.suppress(OSError), _locked():
                words = self._words(self._memory)
                place = self._place(words, kind, subject)
                if place is not None:
                    # The end of the header is the first slot's beginning.
                    start = (place + 1) * _SLOT
                    return Slot(memoryview(self._memory)[start : start + _SLOT])
        return Slot(memoryview(bytearray(_SLOT)))

    def slots(self, kind: int) -> Words:
        """Return a copy of this database's slots of a kind, of shape (slots, 8)."""
        if self._memory is None:
            return np.empty((0, _WORDS), np.int64)
        words = self._words(self._memory)
        return np.array(words[words[:, SCOPE] == self._scope(kind)])

    def _scope(self, kind: int) -> int:
        return kind << 32 | self._database

    @staticmethod
    def _words(memory: mmap.mmap) -> Words:
        return np.frombuffer(memory, np.int64)[_WORDS:].reshape(SLOTS, _WORDS)

    def _place(self, words: Words, kind: int, subject: int) -> int | None:
        """Find a slot and make it this process's own: one of this subject, else a free one, else a dead one."""
        own, born = os.getpid(), processes.born(os.getpid())
        same = (words[:, SCOPE] == self._scope(kind)) & (words[:, SUBJECT] == subject)
        for place in np.flatnonzero(same).tolist():
            if _may_take(words[place], own):
                words[place, OWNER], words[place, BORN] = own, born
                return int(place)
        within = words if kind == TRAINING else words[: SLOTS - RESERVED]
        free = np.flatnonzero(within[:, SCOPE] == 0)
        if len(free):
            place = int(free[-1] if kind == TRAINING else free[0])
        else:
            dead = next((p for p in np.argsort(within[:, CALLS]).tolist() if _may_take(within[p], 0)), None)
            if dead is None:
                return None
            place = int(dead)
        words[place] = (0, subject, own, born, 0, 0, 0, 0)
        words[place, SCOPE] = self._scope(kind)
        return place


def _may_take(slot: Words, own: int) -> bool:
    owner = int(slot[OWNER])
    return owner == own or processes.born(owner) != int(slot[BORN])


@contextlib.contextmanager
def _locked() -> Iterator[int]:
    """Hold the file open and locked; it is refused unless it is this user's alone."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(FILE, flags, 0o600)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
            raise PermissionError(FILE)
        _lock(descriptor)
        try:
            yield descriptor
        finally:
            # A mapping keeps a copy of the descriptor, so that closing this one would not let go.
            fcntl.flock(descriptor, fcntl.LOCK_UN)
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> None:
    """Take the lock; a process that was stopped while it held it must not stop all others."""
    for _ in range(LOCK_TRIES):
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        time.sleep(LOCK_PAUSE)
    raise TimeoutError(FILE)


def _open(server_started: int) -> mmap.mmap:
    """Map the file; one that an earlier run of the server left is emptied first."""
    size = (SLOTS + 1) * _SLOT
    with _locked() as descriptor:
        header = (_MAGIC, FORMAT, server_started, SLOTS, 0, 0, 0, 0)
        wanted = np.array(header, np.int64).tobytes()
        if os.fstat(descriptor).st_size != size or os.pread(descriptor, _SLOT, 0) != wanted:
            os.posix_fallocate(descriptor, 0, size)
            os.ftruncate(descriptor, size)
            os.pwrite(descriptor, bytes(size - _SLOT), _SLOT)
            os.pwrite(descriptor, wanted, 0)
        return mmap.mmap(descriptor, size)


_region: Region | None = None


def region(db: Database) -> Region:
    """Return the session's view of the file."""
    global _region  # noqa: PLW0603 - one process, one mapping
    if _region is None:
        _region = Region(db)
    return _region
