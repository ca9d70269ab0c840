"""Some rows as packed columns."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Chunk:
    """Some rows as packed columns.

    Attributes
    ----------
    rows : int
        How many.
    buffers : list of bytes
        The buffers of all columns, in order; see `wire`.
    """

    rows: int
    buffers: list[bytes]
