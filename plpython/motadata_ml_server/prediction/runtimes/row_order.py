"""Rows in an order in which neighbours take the same branches of a model's trees.

Most of what a tree costs is waiting for branches that the processor guessed wrong. It guesses by what the rows before
did, so rows that are alike in what the trees split on first are predicted about twice as fast one after another.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    pass

MIN_ROWS: Final = 1000
"""Rows below which there are too few alike."""
_CELLS: Final = 8
"""Into how many cells of about as many rows each feature's numbers are divided."""
_SAMPLE: Final = 1000


def alike_together(rows: NDArray[np.float64], features: Sequence[int]) -> NDArray[np.intp]:
    """Return an order of rows by which rows alike in some features are neighbours.

    Parameters
    ----------
    rows : ndarray of shape (rows, width)
        Encoded rows, one at the least.
    features : sequence of int
        What they are compared by, the most important first.

    Returns
    -------
    ndarray of int, shape (rows,)
        Positions of all rows.
    """
    cells = np.zeros(len(rows), dtype=np.int16)
    step = 1 + len(rows) // _SAMPLE
    for feature in features:
        column = np.ascontiguousarray(rows[:, feature])
        sample = np.sort(column[::step])
        cuts = sample[np.arange(1, _CELLS) * len(sample) // _CELLS]
        cells = cells * np.int16(_CELLS) + np.searchsorted(cuts, column).astype(np.int16)
    return np.argsort(cells, kind="stable")
