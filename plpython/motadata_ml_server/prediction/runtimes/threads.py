"""Rows divided among threads that end with the call: a session keeps none."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

MIN_ROWS = 256
"""Rows below which a thread costs more than it saves."""

Array = NDArray[np.float64]


def in_threads(work: Callable[[Array], Array], rows: Array, threads: int) -> Array:
    """Apply a function that releases the interpreter's lock to parts of rows at the same time.

    The threads are started with every signal blocked: a server process handles its signals in its own thread. Where the
    machine has no thread to give, the calling one does it all.

    Parameters
    ----------
    work : callable
        Takes some rows and returns as many.
    rows : ndarray of shape (rows, width)
        All rows.
    threads : int
        The most threads to use, the calling one included.

    Returns
    -------
    ndarray
        What `work` returns, in the order of the rows.
    """
    parts = np.array_split(rows, max(1, min(threads, len(rows) // MIN_ROWS)))
    if len(parts) == 1:
        return work(rows)
    from concurrent.futures import ThreadPoolExecutor  # a session that predicts single rows does without

    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        with ThreadPoolExecutor(len(parts) - 1) as pool:
            others = _submitted(pool, work, parts[1:])
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            if others is None:
                return work(rows)
            return np.concatenate([work(parts[0]), *(other.result() for other in others)])
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _submitted(
    pool: ThreadPoolExecutor, work: Callable[[Array], Array], parts: Sequence[Array]
) -> list[Future[Array]] | None:
    """Hand parts to threads; None where the machine has no thread to give."""
    try:
        return [pool.submit(work, part) for part in parts]
    except RuntimeError:
        pool.shutdown(wait=False, cancel_futures=True)
        return None
