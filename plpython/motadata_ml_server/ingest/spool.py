"""Chunks put aside: the rows of a query whose reader may be asked for the next ones later, or never again.

A cursor that is open between two chunks stays open where nobody asks for the rest (LIMIT, EXISTS, a loop that is left):
PostgreSQL tells a PL/Python function nothing of that which it could answer with a CLOSE. Whoever runs next in the
transaction could fetch from it, with the rights of the one that opened it. So nothing is open: all chunks are read at
once, and those that do not fit into some memory lie in a temporary file until they are asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import Final

from motadata_ml_server.ingest.chunk import Chunk
from motadata_ml_server.postgres.database import Database, DatabaseError

MEMORY: Final = 8 << 20
"""Bytes that are kept in memory; more go to a file."""

FOLDER: Final = Path("base")
"""Where the file lies: in the data directory, which is the working directory of every backend."""

PREFIX: Final = "pgsql_tmp_motadata_ml_"
"""How the file is called until it is unlinked, right after it was made: base backups leave out such names."""

_LIMIT = """
select case when setting operator(pg_catalog.<>) '-1' then pg_catalog.pg_size_bytes(setting) end as bytes
from pg_catalog.current_setting('temp_file_limit') as setting
"""


def spooled(db: Database, chunks: Iterator[Chunk], *, memory: int = MEMORY, folder: Path = FOLDER) -> Iterator[Chunk]:
    """Read all chunks, then yield them one by one.

    The file has no name and ends with the iterator, however that ends.

    Parameters
    ----------
    db : Database
        The caller's session.
    chunks : iterator of Chunk
        Read to its end before the first chunk is passed on.
    memory : int
        Bytes that are kept in memory; more go to a file.
    folder : Path
        Where the file lies.

    Yields
    ------
    Chunk
        The chunks, in their order.

    Raises
    ------
    DatabaseError
        53400: the file would pass the setting temp_file_limit.
    OSError
        The disk is full.
    """
    limit = db.query(_LIMIT)[0]["bytes"]
    layout: list[tuple[int, list[int]]] = []
    size = 0
    with SpooledTemporaryFile(memory, prefix=PREFIX, dir=str(folder)) as file:
        for chunk in chunks:
            for buffer in chunk.buffers:
                file.write(buffer)
            layout.append((chunk.rows, [len(buffer) for buffer in chunk.buffers]))
            size += sum(layout[-1][1])
            if limit is not None and size > max(limit, memory):
                raise _too_large(limit)
        file.seek(0)
        for rows, sizes in layout:
            yield Chunk(rows, [file.read(length) for length in sizes])


def _too_large(limit: int) -> DatabaseError:
    return DatabaseError(
        "53400",
        f"the rows of the query take more than temp_file_limit ({limit >> 10}kB) allows",
        None,
        "Predict fewer rows at a time, name a table instead of a query, or ask for a higher temp_file_limit.",
    )
