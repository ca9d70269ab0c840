"""The session's fork server: a process that has imported what trainings need, and forks one for each of them.

A session has one at most. It is started by the first training, serves the next ones, and ends with the session, once
it was idle for the option `worker_idle_seconds`, or where memory runs short. It never sees a row, and knows nothing of
who trains: what it is told is in `ForkOrder`.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess

from motadata_ml_server.administration.environment import interpreter
from motadata_ml_server.training import fork_protocol
from motadata_ml_server.training.fork_protocol import Descriptors, ForkOrder

TAKEN_SECONDS = 1.0
"""How long an idle fork server may take to say that it has read an order; one that does not is replaced."""

END_SECONDS = 10.0
"""How long a killed process may take to give back its memory."""


def _environment() -> dict[str, str]:
    """Return what the fork server and all that it forks find set: one thread each, until a training asks for more.

    Threads that wait for work sleep rather than spin: the machine is a database server's, whose cores do other work.
    """
    single = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    return {
        "PATH": "/usr/bin:/bin",
        "LC_ALL": "C.UTF-8",
        "TMPDIR": os.environ.get("TMPDIR", "/tmp"),  # noqa: S108 - joblib wants one
        "ORT_DISABLE_TELEMETRY": "1",
        "OMP_WAIT_POLICY": "passive",
        "GOMP_SPINCOUNT": "0",
        "KMP_BLOCKTIME": "0",
        "OPENBLAS_THREAD_TIMEOUT": "4",
        **dict.fromkeys(single, "1"),
    }


class _ForkServer:
    """The process, and what it has been asked for.

    Attributes
    ----------
    child : int or None
        The process that it has forked, once that is known. It waits for none before it is told to, so the number
        means that process until then.
    refused : int or None
        The error number where it could not fork.
    """

    def __init__(self, errors: int) -> None:
        self.child: int | None = None
        self.refused: int | None = None
        self.control, its_own = fork_protocol.pair()
        try:
            self.process = subprocess.Popen(
                [interpreter(), "-I", "-m", "motadata_ml_server.worker", str(its_own.fileno()), str(os.getpid())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                pass_fds=(its_own.fileno(),),
                env=_environment(),
                cwd="/",
                start_new_session=True,
            )
        except BaseException:
            self.control.close()
            raise
        finally:
            its_own.close()

    def order(self, order: ForkOrder, descriptors: Descriptors) -> None:
        """Ask for a training's process."""
        self.child = self.refused = None
        fork_protocol.send_order(self.control, order, descriptors)

    def has_taken(self) -> bool:
        """Tell whether it has read the order; one that has been idle may have ended meanwhile."""
        try:
            return fork_protocol.receive_answer(self.control, TAKEN_SECONDS) is not None
        except OSError:
            return False

    def look(self, seconds: float = 0) -> int | None:
        """Note what it answers; return how the process that it had forked ended, if it says so."""
        while (answer := fork_protocol.receive_answer(self.control, seconds)) is not None:
            what, number = answer
            if what == fork_protocol.ENDED:
                return number
            if what == fork_protocol.FORKED:
                self.child = number
            elif what == fork_protocol.REFUSED:
                self.refused = number
        raise ConnectionResetError

    def end_child(self) -> int | None:
        """End what it has forked, or is about to fork.

        Returns
        -------
        int or None
            The exit status of that process, negative for a signal; None where the fork server is gone with it.
        """
        try:
            with contextlib.suppress(BlockingIOError):
                self.look()
            if self.refused is not None:
                return 0
            if self.child is None:
                return None
            os.kill(self.child, signal.SIGKILL)
            fork_protocol.send_end(self.control)
            return self.look(END_SECONDS)
        except OSError:
            return None

    def end(self) -> int:
        """End it, and with it whatever it has forked; return its exit status."""
        self.process.kill()
        self.control.close()
        return self.process.wait()


_standing: _ForkServer | None = None
"""The session's, between trainings."""


class ForkedProcess:
    """A process forked for one training.

    Parameters
    ----------
    order : ForkOrder
        What it is for.
    descriptors : Descriptors
        Copies of these are what it reads and writes.
    """

    def __init__(self, order: ForkOrder, descriptors: Descriptors) -> None:
        global _standing
        self._code: int | None = None
        server, _standing = _standing, None
        if server is not None and not self._handed_to(server, order, descriptors):
            server.end()
            server = None
        if server is None:
            server = _ForkServer(descriptors.errors)
            try:
                server.order(order, descriptors)
            except BaseException:
                server.end()
                raise
        self._server = server

    @staticmethod
    def _handed_to(server: _ForkServer, order: ForkOrder, descriptors: Descriptors) -> bool:
        try:
            server.order(order, descriptors)
        except OSError:
            return False
        return server.has_taken()

    @property
    def pid(self) -> int:
        """A process that runs as long as the training does: the fork server's, which is known at once."""
        return self._server.process.pid

    @property
    def refused(self) -> int | None:
        """The error number where the process could not be forked."""
        return self._server.refused

    def end(self) -> int:
        """End the process and wait for it; return its exit status, negative for a signal."""
        global _standing  # noqa: PLW0603 - as above
        if self._code is None:
            ended = self._server.end_child()
            if ended is None:
                self._code = self._server.end()
            else:
                self._code = ended
                _standing = self._server
        return self._code
