"""Rows divided among threads: the same answers in the same order, and nothing left behind."""

from __future__ import annotations

import signal
import threading

import numpy as np
import pytest

from motadata_ml_server.prediction.runtimes.threads import MIN_ROWS, in_threads


@pytest.mark.parametrize("rows", [0, 1, MIN_ROWS, 2 * MIN_ROWS, 5 * MIN_ROWS + 3])
@pytest.mark.parametrize("threads", [1, 2, 7])
def test_rows_keep_their_order(rows: int, threads: int) -> None:
    given = np.arange(rows * 2, dtype=np.float64).reshape(rows, 2)
    before = set(threading.enumerate())
    assert np.array_equal(in_threads(lambda part: part * 2, given, threads), given * 2)
    assert set(threading.enumerate()) == before


def test_other_threads_take_no_signals() -> None:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    masks = {}

    def work(part: np.ndarray) -> np.ndarray:
        masks[threading.current_thread() is threading.main_thread()] = signal.pthread_sigmask(signal.SIG_BLOCK, [])
        return part

    in_threads(work, np.zeros((4 * MIN_ROWS, 1)), 2)
    assert masks[True] == before
    assert {signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGALRM} <= masks[False]
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == before


def test_an_error_of_any_part_is_raised_once_all_have_ended() -> None:
    def work(part: np.ndarray) -> np.ndarray:
        if part[0, 0] > 0:
            raise ValueError("not this part")
        return part

    before = set(threading.enumerate())
    with pytest.raises(ValueError, match="not this part"):
        in_threads(work, np.arange(4.0 * MIN_ROWS)[:, None], 4)
    assert set(threading.enumerate()) == before
