"""One training at a time in a session: each has a worker and a memory cap of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from motadata_ml_server.errors import UnsupportedOperationError

_taken = False


@contextmanager
def turn() -> Iterator[None]:
    """Hold the session's only turn to train within a block.

    A query that is trained on can call functions, and those can train: without this each level would start a worker
    with the memory that one training may have.

    Raises
    ------
    UnsupportedOperationError
        ML020: the session trains already, so this training is one that its rows called.
    """
    global _taken  # noqa: PLW0603 - one session, one turn
    if _taken:
        raise UnsupportedOperationError(
            "a training that runs in this session has called ml.train",
            hint="Train on rows that call no training: run the inner ml.train first, in a statement of its own.",
        )
    _taken = True
    try:
        yield
    finally:
        _taken = False
