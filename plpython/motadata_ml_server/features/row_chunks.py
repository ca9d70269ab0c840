"""A table cut into pieces whose encoding stays small."""

from __future__ import annotations

from typing import Final

import numpy as np

from motadata_ml_server.columns import ColumnTable

CHUNK_BYTES: Final = 32 << 20
"""Encoded rows held at once while a table is predicted."""


def row_chunks(table: ColumnTable, width: int) -> list[tuple[slice, ColumnTable]]:
    """Cut a table into pieces whose encoding stays within `CHUNK_BYTES`.

    Parameters
    ----------
    table : ColumnTable
        Rows to predict.
    width : int
        Encoded numbers of a row.

    Returns
    -------
    list of (slice, ColumnTable)
        In order.
    """
    size = max(1, CHUNK_BYTES // (8 * max(1, width)))
    if table.rows <= size:
        return [(slice(0, table.rows), table)] if table.rows else []
    return [
        (slice(at, min(at + size, table.rows)), table.take(np.arange(at, min(at + size, table.rows))))
        for at in range(0, table.rows, size)
    ]
