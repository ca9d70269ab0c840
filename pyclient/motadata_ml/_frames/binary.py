"""Columns as the stream that ``COPY ... FROM STDIN (FORMAT BINARY)`` reads.

Rows are put together a run at a time by NumPy, never cell by cell in Python.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from motadata_ml._frames.columns import Column
from motadata_ml._frames.packing import Field

_HEADER = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
_TRAILER = b"\xff\xff"
RUN_ROWS = 16_384
"""Rows put together at once: some megabytes for usual rows."""


def copy_stream(columns: Sequence[Column], run_rows: int = RUN_ROWS) -> Iterator[bytes]:
    """Yield the binary COPY stream of some columns.

    Parameters
    ----------
    columns : sequence of Column
        All of the same length.
    run_rows : int
        Rows in each piece.

    Yields
    ------
    bytes
        Header, runs of rows, trailer.
    """
    yield _HEADER
    rows = len(columns[0])
    for start in range(0, rows, run_rows):
        run = slice(start, min(start + run_rows, rows))
        yield _run([column.pack(run) for column in columns], run.stop - run.start)
    yield _TRAILER


def _run(fields: Sequence[Field], rows: int) -> bytes:
    """Return some rows: each the number of fields, then length and bytes of each field."""
    sizes = [4 + np.maximum(field.lengths, 0) for field in fields]
    totals = np.sum(sizes, axis=0) + 2
    ends = np.cumsum(totals)
    at = ends - totals
    out = np.empty(int(ends[-1]), dtype=np.uint8)
    out[at] = len(fields) >> 8
    out[at + 1] = len(fields) & 0xFF
    at = at + 2
    for field, size in zip(fields, sizes, strict=True):
        prefix = np.ascontiguousarray(field.lengths.astype(">i4")).view(np.uint8).reshape(rows, 4)
        out[at[:, None] + np.arange(4)] = prefix
        _place(out, field, at + 4)
        at = at + size
    return out.tobytes()


def _place(out: NDArray[np.uint8], field: Field, at: NDArray[np.int64]) -> None:
    """Write a field's values where they belong."""
    present = field.lengths >= 0
    if field.data.ndim == 2:
        out[at[present][:, None] + np.arange(field.data.shape[1])] = field.data
        return
    lengths = field.lengths[present]
    begins = np.cumsum(lengths) - lengths
    out[np.repeat(at[present] - begins, lengths) + np.arange(len(field.data))] = field.data
