"""The backend's side of a training: start a worker, feed it, watch it, and end it whatever happens."""

from __future__ import annotations

import contextlib
import os
import select
import signal
from collections import deque
from typing import BinaryIO, TypeVar

from motadata_ml_server.administration import options
from motadata_ml_server.errors import (
    BY_SQLSTATE,
    InternalError,
    TrainingError,
    WorkerDiedError,
    out_of_memory,
)
from motadata_ml_server.postgres.database import Database, DatabaseError
from motadata_ml_server.training.fork_protocol import Descriptors, ForkOrder
from motadata_ml_server.training.fork_server import ForkedProcess
from motadata_ml_server.training.messages import Failure, Message, Result, Step
from motadata_ml_server.training.progress import ProgressReport
from motadata_ml_server.training.protocol import FrameReader, MemoryFile, send

M = TypeVar("M")

POLL_SECONDS = 0.02
"""How long the backend sleeps before it looks for a cancel again."""

STDERR_TAIL = 2_000


class Worker:
    """A worker process with its pipes and memory files; use it in a ``with`` block.

    Parameters
    ----------
    db : Database
        The session, asked for pending cancels while waiting.
    algorithm : str
        What is to be trained; the process is forked with that imported.
    threads : int
        The most threads its numeric libraries start.
    max_memory_mb : int
        The most memory it may allocate, in MB.
    """

    def __init__(self, db: Database, algorithm: str, threads: int, max_memory_mb: int) -> None:
        self._db = db
        self._max_memory_mb = max_memory_mb
        order = ForkOrder(algorithm, threads, max_memory_mb, options.integer(db, "worker_idle_seconds"))
        with contextlib.ExitStack() as opened:
            self.rows, self.artifacts, self._errors = (
                opened.enter_context(contextlib.closing(MemoryFile(name))) for name in ("rows", "artifacts", "stderr")
            )
            its_requests, self._requests = _pipe(opened)
            self._replies, its_replies = _pipe(opened)
            self._reader = FrameReader(self._replies.fileno())
            with its_requests, its_replies:
                self._process = ForkedProcess(
                    order,
                    Descriptors(
                        requests=its_requests.fileno(),
                        replies=its_replies.fileno(),
                        rows=self.rows.descriptor,
                        artifacts=self.artifacts.descriptor,
                        errors=self._errors.descriptor,
                    ),
                )
            self._opened = opened.pop_all()
        self._waiting: deque[Message] = deque()

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        with self._opened:
            self._process.end()

    @property
    def pid(self) -> int:
        """A process that runs as long as the training does."""
        return self._process.pid

    def tell(self, message: Message) -> None:
        """Send a message to the worker; one that has died is reported as such."""
        try:
            send(self._requests, message)
        except BrokenPipeError:
            raise self._death() from None

    def result(self, report: ProgressReport) -> Result:
        """Wait for the worker's result, as `expect` does."""
        return self.expect(Result, report)

    def expect(self, kind: type[M], report: ProgressReport) -> M:
        """Wait for a message of a kind, reporting progress, answering cancels.

        Raises
        ------
        MotadataError
            What the worker reported, or how it died.
        DatabaseError
            57014 and the like: a cancel, a timeout.
        """
        while True:
            while self._waiting:
                message = self._waiting.popleft()
                if isinstance(message, kind):
                    return message
                if isinstance(message, Failure):
                    raise _reported(message)
                if isinstance(message, Step):
                    report.tell(message.step, message.fraction, **message.more)
            self._receive()
            report.flush()

    def _receive(self) -> None:
        """Wait a moment for messages, and let a pending cancel be answered.

        A millisecond's sleep, unlike one of none, also ends the session whose server's main process has died.
        """
        ready, _, _ = select.select([self._replies], [], [], POLL_SECONDS)
        self._db.query("select pg_catalog.pg_sleep(0.001)")
        if ready:
            messages, ended = self._reader.read()
            self._waiting.extend(messages)
            if ended and not self._waiting:
                raise self._death()

    def _death(self) -> Exception:
        code = self._process.end()
        if self._process.refused is not None:
            return OSError(self._process.refused, os.strerror(self._process.refused))
        tail = self._errors.read(max(0, os.fstat(self._errors.descriptor).st_size - STDERR_TAIL), STDERR_TAIL)
        said = tail.decode(errors="replace").strip()
        if "MemoryError" in said or "OpenBLAS" in said or "bad_alloc" in said:
            return out_of_memory(self._max_memory_mb)
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"
        self._db.log(f"motadata_ml: training worker ended by {how}: {said}")
        return WorkerDiedError(
            f"the training worker ended without a result, by {how}",
            hint="Nothing was stored. If the machine ran out of memory, train on fewer rows or lower max_memory_mb.",
        )


def _reported(failure: Failure) -> Exception:
    if failure.sqlstate.startswith("53"):
        return DatabaseError(failure.sqlstate, failure.message, failure.detail, failure.hint)
    cls = BY_SQLSTATE.get(failure.sqlstate, InternalError)
    if cls is InternalError:
        cls = TrainingError
    return cls(failure.message, hint=failure.hint or "", detail=failure.detail)


def _pipe(opened: contextlib.ExitStack) -> tuple[BinaryIO, BinaryIO]:
    """Return the ends of a pipe, to read from and to write to; both are closed with the stack."""
    reading, writing = os.pipe()
    ends = os.fdopen(reading, "rb", buffering=0), os.fdopen(writing, "wb")
    for end in ends:
        opened.callback(_close, end)
    return ends


def _close(end: BinaryIO) -> None:
    with contextlib.suppress(OSError):  # the other side is gone, with something unread
        end.close()
