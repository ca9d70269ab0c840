"""Rows of a source, a chunk at a time, as packed binary columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from motadata_ml_server.columns import ColumnSchema
from motadata_ml_server.database import DatabaseError, PlpyDatabase
from motadata_ml_server.ingest.source import Source, explain, expression
from motadata_ml_server.ingest.wire import parts_per_column
from motadata_ml_server.names import quote_identifier

FIRST_CHUNK = 1_000
"""Rows of the first chunk: from its size the next one's is chosen."""

CHUNK_BYTES = 2 << 20
"""Bytes that a chunk should have: small enough for its tuples to stay within work_mem's default."""


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

    @property
    def nbytes(self) -> int:
        """Size of all buffers."""
        return sum(map(len, self.buffers))


def read_chunks(db: PlpyDatabase, source: Source, schemas: Sequence[ColumnSchema], max_rows: int) -> Iterator[Chunk]:
    """Read some columns of a source in the order of its rows, all in one snapshot.

    Parameters
    ----------
    db : PlpyDatabase
        The caller's session; rows are read with its rights and row security.
    source : Source
        What to read.
    schemas : sequence of ColumnSchema
        Which columns, and how each travels.
    max_rows : int
        The most rows a chunk may have.

    Yields
    ------
    Chunk
        Never empty.
    """
    try:
        yield from _chunks(db, source, schemas, max_rows)
    except DatabaseError as error:
        raise explain(error, source.argument) from None


def _chunks(db: PlpyDatabase, source: Source, schemas: Sequence[ColumnSchema], max_rows: int) -> Iterator[Chunk]:
    utf8 = db.query("select pg_catalog.current_setting('server_encoding') as name")[0]["name"] == "UTF8"
    cursor = _open(db, source, schemas, utf8)
    pack = _pack_query(schemas, utf8)
    names = [f"b{i}" for i in range(sum(map(parts_per_column, schemas)))]
    wanted = min(FIRST_CHUNK, max_rows)
    while True:
        row = db.query(pack, ["text", "integer"], [cursor, wanted])[0]
        rows = row["rows"]
        if rows:
            chunk = Chunk(rows, [row[name] or b"" for name in names])
            yield chunk
            wanted = _next_size(chunk, max_rows)
        if not rows:
            break
    db.query("select ml._close_cursor($1)", ["text"], [cursor])


def _next_size(chunk: Chunk, max_rows: int) -> int:
    return max(1, min(max_rows, chunk.rows * CHUNK_BYTES // max(1, chunk.nbytes)))


def _open(db: PlpyDatabase, source: Source, schemas: Sequence[ColumnSchema], utf8: bool) -> str:
    expressions = []
    for number, schema in enumerate(schemas):
        column = source.column(schema.name, "column")
        quoted = quote_identifier(column.name)
        expressions.append(f"{expression(column, schema.kind, 'input.' + quoted, utf8)} as c{number}")
    listed = ", ".join(expressions) or "1 as c0"
    query = f"select {listed} from (\n{source.query}\n) as input"  # noqa: S608 - names quoted, query checked
    return str(db.query("select ml._open_cursor($1)::pg_catalog.text as name", ["text"], [query])[0]["name"])


def _pack_query(schemas: Sequence[ColumnSchema], utf8: bool) -> str:
    packed = ["pg_catalog.count(*) as rows"]
    types = []
    for number, schema in enumerate(schemas):
        column = f"c{number}"
        if schema.kind == "text":
            length = column if utf8 else f"pg_catalog.convert_to({column}, 'UTF8')"
            packed.append(f"pg_catalog.convert_to(pg_catalog.string_agg({column}, ''), 'UTF8')")
            packed.append(f"ml._bytes(pg_catalog.array_agg(pg_catalog.octet_length({length})))")
            types.append(f"{column} pg_catalog.text")
        elif schema.kind == "vector":
            packed.append(f"pg_catalog.string_agg({column}, '')")
            packed.append(f"ml._bytes(pg_catalog.array_agg(pg_catalog.octet_length({column})))")
            types.append(f"{column} pg_catalog.bytea")
        else:
            packed.append(f"ml._bytes(pg_catalog.array_agg({column}))")
            types.append(f"{column} pg_catalog.float8")
    named = [packed[0], *(f"{part} as b{i}" for i, part in enumerate(packed[1:]))]
    columns = ", ".join(types) or "c0 integer"
    return f"select {', '.join(named)} from ml._fetch($1, $2) as input ({columns})"  # noqa: S608 - our own names
