"""The fork server: imports what trainings need, and forks a process for each. Never imported by a backend.

Started as ``python -I -m motadata_ml_server.worker CONTROL_FD PARENT_PID``. It runs no thread and starts no pool of
threads: what is forked could not use them, and would wait for them for ever. It reads no row: the memory files of a
training pass through it on their way to the process that it forks, and are closed unread.
"""

from __future__ import annotations

import gc
import os
import resource
import select
import signal
import socket
import sys
import time

from motadata_ml_server.training import fork_protocol
from motadata_ml_server.training.fork_protocol import Descriptors, ForkOrder
from motadata_ml_server.worker import lifetime, preload

LOOK_SECONDS = 5.0
"""How often an idle fork server looks whether memory is short."""

OOM_SCORE = 800
"""Where the kernel must choose, it ends a training, or who waits for one, before it ends the server."""


def main(arguments: list[str]) -> int:
    """Serve a session until it ends."""
    control_fd, session = map(int, arguments)
    lifetime.die_with(session)
    lifetime.name("ml_fork_server")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with open("/proc/self/oom_score_adj", "w") as score:
        score.write(str(OOM_SCORE))
    with socket.socket(fileno=control_fd) as control:
        _serve(control)
    return 0


def _serve(control: socket.socket) -> None:
    state = preload.environment_state()
    gc.disable()  # what is imported stays
    idle_seconds: float | None = None
    while _has_order(control, idle_seconds):
        received = fork_protocol.receive_order(control)
        if received is None or preload.environment_state() != state:
            return
        order, descriptors = received
        fork_protocol.answer(control, fork_protocol.TAKEN)
        if not _training(control, order, descriptors):
            return
        idle_seconds = float(order.idle_seconds)


def _has_order(control: socket.socket, idle_seconds: float | None) -> bool:
    """Wait for an order; False where it is time to end. The first is on its way."""
    if idle_seconds is None:
        return True
    last = time.monotonic() + idle_seconds
    while not lifetime.memory_is_short():
        left = last - time.monotonic()
        ready, _, _ = select.select([control], [], [], max(0.0, min(left, LOOK_SECONDS)))
        if ready:
            return True
        if left <= LOOK_SECONDS:
            return False
    return False


def _training(control: socket.socket, order: ForkOrder, descriptors: Descriptors) -> bool:
    """Fork a training and wait until its session has it ended; False once the session itself has ended."""
    os.dup2(descriptors.errors, 2)
    preload.preload(order.algorithm)
    gc.freeze()  # so that no child copies pages only to look for garbage on them
    server = os.getpid()
    try:
        child = os.fork()
    except OSError as error:
        _let_go(descriptors)
        fork_protocol.answer(control, fork_protocol.REFUSED, error.errno or 0)
        return True
    if child == 0:
        _become_training(control, order, descriptors, server)
    _let_go(descriptors)
    fork_protocol.answer(control, fork_protocol.FORKED, child)
    if not fork_protocol.wait_for_end(control):
        return False
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    fork_protocol.answer(control, fork_protocol.ENDED, os.waitstatus_to_exitcode(status))
    return True


def _let_go(descriptors: Descriptors) -> None:
    """Forget the training's files, its errors among them."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    descriptors.close()


def _become_training(control: socket.socket, order: ForkOrder, descriptors: Descriptors, server: int) -> None:
    """Be the training's process from here on; never returns."""
    code = 1
    try:
        lifetime.die_with(server)
        control.close()
        from motadata_ml_server.worker import training_process

        code = training_process.run(order, descriptors)
    finally:
        os._exit(code)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
