"""Scores of many encoded rows, some at a time, so that a cancel is answered in between."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.prediction.runtimes.base import Runtime

BLOCK_ROWS: Final = 256
"""Rows that are predicted between two looks for a cancel."""


def scores_of(runtime: Runtime, encoded: NDArray[np.float64], breathe: Callable[[], None]) -> NDArray[np.float64]:
    """Return a model's scores.

    Parameters
    ----------
    runtime : Runtime
        The model.
    encoded : ndarray of float64, shape (rows, width)
        Encoded rows.
    breathe : callable
        Lets a cancel be answered.

    Returns
    -------
    ndarray of float64, shape (rows, outputs)
    """
    found = []
    for at in range(0, len(encoded), BLOCK_ROWS):
        found.append(runtime.encoded(encoded[at : at + BLOCK_ROWS]))
        breathe()
    return np.vstack(found)
