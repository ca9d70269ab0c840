"""Rows divided among threads that end with the call: a session keeps none."""

from __future__ import annotations

import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

MIN_ROWS = 256
"""Rows below which a thread costs more than it saves."""

Array = NDArray[np.float64]


def in_threads(work: Callable[[Array], Array], rows: Array, threads: int) -> Array:
    """Apply a function that releases the interpreter's lock to parts of rows at the same time.

    The threads are started with every signal blocked: a server process handles its signals in its own thread.

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
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        with ThreadPoolExecutor(len(parts) - 1) as pool:
            others = [pool.submit(work, part) for part in parts[1:]]
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            return np.concatenate([work(parts[0]), *(other.result() for other in others)])
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
