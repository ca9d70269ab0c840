"""The features that add most, in their order."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.errors import InvalidArgumentError
from motadata_ml_server.inspection.contributions import Array

MOST: Final = 10_000
"""Features of a row at most that are returned."""


def check_top_k(top_k: int | None) -> int | None:
    """Return how many features are asked for.

    Raises
    ------
    InvalidArgumentError
        ML009: it is none.
    """
    if top_k is not None and not 1 <= top_k <= MOST:
        raise InvalidArgumentError(
            f"top_k must be from 1 to {MOST}, got {top_k}", hint="Leave it out for all features of the model."
        )
    return top_k


def ranked(parts: Array, top_k: int | None, *, zeros: bool = True) -> NDArray[np.intp]:
    """Return the positions of each row's largest parts, those that take most away like those that add most.

    Parameters
    ----------
    parts : ndarray of float64, shape (rows, features)
        What each adds.
    top_k : int or None
        How many; None takes all.
    zeros : bool
        Whether features that add nothing in any row are returned.

    Returns
    -------
    ndarray of int, shape (rows, k)
        The largest first; equal ones in the order of the features.
    """
    size = np.abs(parts)
    most = parts.shape[1] if zeros else int(np.count_nonzero(size, axis=1).max(initial=0))
    if top_k is not None:
        most = min(most, top_k)
    if 4 * most < parts.shape[1] and most:
        # the few largest of many: ordered alone, ties by position
        chosen = np.sort(np.argpartition(-size, most - 1, axis=1)[:, :most], axis=1)
        order = np.argsort(-np.take_along_axis(size, chosen, axis=1), axis=1, kind="stable")
        return np.take_along_axis(chosen, order, axis=1)
    return np.argsort(-size, axis=1, kind="stable")[:, :most]
