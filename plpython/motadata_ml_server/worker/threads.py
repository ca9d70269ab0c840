"""How many threads are worth it: few cells take longer to hand to threads than to work on."""

from __future__ import annotations

from typing import Final

SMALL_CELLS: Final = 500_000
"""Up to so many cells one thread is as fast as several, and on a busy machine much faster: each waits for the rest."""


def threads_for(rows: int, width: int, allowed: int) -> int:
    """Return the threads for numeric libraries that work on a matrix of so many rows and columns."""
    return 1 if rows * max(width, 1) < SMALL_CELLS else allowed
