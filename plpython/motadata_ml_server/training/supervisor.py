"""The backend's side of a training: start a worker, feed it, watch it, and end it whatever happens."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
from collections import deque
from typing import TypeVar

from motadata_ml_server.administration.environment import interpreter
from motadata_ml_server.errors import (
    BY_SQLSTATE,
    InternalError,
    TrainingError,
    TrainingMemoryError,
    WorkerDiedError,
    out_of_memory,
)
from motadata_ml_server.postgres.database import Database, DatabaseError
from motadata_ml_server.training.messages import Failure, Message, Result, Step
from motadata_ml_server.training.progress import ProgressReport
from motadata_ml_server.training.protocol import FrameReader, MemoryFile, send

M = TypeVar("M")

POLL_SECONDS = 0.02
"""How long the backend sleeps before it looks for a cancel again."""

STDERR_TAIL = 2_000


def _environment(threads: int) -> dict[str, str]:
    limits = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
    return {
        "PATH": "/usr/bin:/bin",
        "LC_ALL": "C.UTF-8",
        "TMPDIR": os.environ.get("TMPDIR", "/tmp"),  # noqa: S108 - joblib wants one
        "ORT_DISABLE_TELEMETRY": "1",
        "OMP_WAIT_POLICY": "passive",  # threads that wait by spinning take the time of those that they wait for
        "OPENBLAS_NUM_THREADS": "1",  # as it is loaded; a fit raises it once the sandbox is entered
        **dict.fromkeys(limits, str(threads)),
    }


class Worker:
    """A worker process with its pipes and memory files; use it in a ``with`` block.

    Parameters
    ----------
    db : Database
        The session, asked for pending cancels while waiting.
    threads : int
        The most threads its numeric libraries start.
    max_memory_mb : int
        The most memory it may allocate, in MB.
    """

    def __init__(self, db: Database, threads: int, max_memory_mb: int) -> None:
        self._db = db
        self._max_memory_mb = max_memory_mb
        with contextlib.ExitStack() as opened:
            self.rows, self.artifacts, self._errors = (
                opened.enter_context(contextlib.closing(MemoryFile(name))) for name in ("rows", "artifacts", "stderr")
            )
            self._process = self._start(threads)
            opened.pop_all()
        assert self._process.stdout is not None  # noqa: S101 - PIPE was asked for
        self._replies = self._process.stdout
        self._reader = FrameReader(self._replies.fileno())
        self._waiting: deque[Message] = deque()

    def _start(self, threads: int) -> subprocess.Popen[bytes]:
        files = (self.rows.descriptor, self.artifacts.descriptor)
        return subprocess.Popen(
            [
                interpreter(),
                "-I",
                "-m",
                "motadata_ml_server.worker",
                *map(str, (*files, os.getpid(), self._max_memory_mb)),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors.descriptor,
            pass_fds=files,
            env=_environment(threads),
            cwd="/",
            start_new_session=True,
        )

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        for file in (self.rows, self.artifacts, self._errors):
            file.close()

    @property
    def pid(self) -> int:
        """The worker's process id."""
        return self._process.pid

    def tell(self, message: Message) -> None:
        """Send a message to the worker; one that has died is reported as such."""
        stdin = self._process.stdin
        assert stdin is not None  # noqa: S101 - PIPE was asked for
        try:
            send(stdin, message)  # type: ignore[arg-type]  # IO[bytes] of a pipe is a BinaryIO
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

    def _death(self) -> WorkerDiedError | TrainingMemoryError:
        code = self._process.wait()
        tail = self._errors.read(max(0, os.fstat(self._errors.descriptor).st_size - STDERR_TAIL), STDERR_TAIL)
        said = tail.decode(errors="replace").strip()
        if "MemoryError" in said or "OpenBLAS" in said or "bad_alloc" in said:
            return out_of_memory(self._max_memory_mb)
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"
        self._db.log(f"motadata_ml: training worker {self.pid} ended by {how}: {said}")
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
