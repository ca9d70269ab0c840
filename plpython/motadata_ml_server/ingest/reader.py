"""Rows of a source, a chunk at a time, as packed binary columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

from motadata_ml_server.columns import ColumnSchema
from motadata_ml_server.errors import InvalidInputError
from motadata_ml_server.ingest.chunk import Chunk
from motadata_ml_server.ingest.pages import PLANNING, one_by_one, ranges, step_of
from motadata_ml_server.ingest.source import Source, explain, expression
from motadata_ml_server.ingest.spool import spooled
from motadata_ml_server.ingest.wire import parts_per_column
from motadata_ml_server.postgres.database import Database, DatabaseError, Row
from motadata_ml_server.postgres.identifiers import quote_identifier, quote_literal

FIRST_CHUNK = 8
"""Rows of the first chunk: from its size the next one's is chosen. Few, for each may hold tens of megabytes."""

GROWTH = 16
"""How many times as many rows as the last one a chunk may have: the next rows may be larger than those before."""

TARGETS = 1_600
"""Buffers that a query returns as columns at most; PostgreSQL takes 1,664 columns, an array takes more."""

NO_JIT = {"jit": "off"}
"""Compiling an expression for each chunk would take longer than the chunk."""

PIECE_BYTES = 64 << 20
"""Bytes that are packed together at most, a row's own aside: far below the limit of 1 GB for one value."""

CHUNK_BYTES = 2 << 20
"""Bytes that a chunk should have: small enough for its tuples to stay within work_mem's default."""


def read_chunks(
    db: Database,
    source: Source,
    schemas: Sequence[ColumnSchema],
    max_rows: int,
    *,
    suspended: bool = False,
) -> Iterator[Chunk]:
    """Read some columns of a source in the order of its rows, all in one snapshot.

    Parameters
    ----------
    db : Database
        The caller's session; rows are read with its rights and row security.
    source : Source
        What to read.
    schemas : sequence of ColumnSchema
        Which columns, and how each travels.
    max_rows : int
        The most rows a chunk may have.
    suspended : bool
        Whether a stable function returns between two chunks: it may never be called again, and its transaction may end
        there. Then nothing is open between two chunks, and the rows of a query are all read before the first.

    Yields
    ------
    Chunk
        Never empty.
    """
    try:
        yield from _chunks(db, source, schemas, max_rows, suspended)
    except DatabaseError as error:
        raise _beyond_double(error, source, schemas) or explain(error, source.argument) from None


def _beyond_double(error: DatabaseError, source: Source, schemas: Sequence[ColumnSchema]) -> InvalidInputError | None:
    """Return the error for a numeric that double precision does not reach; None for any other error."""
    if error.sqlstate != "22003" or "double precision" not in error.message:
        return None
    asked = {schema.name for schema in schemas}
    wide = [repr(column.name) for column in source.columns if column.label == "numeric" and column.name in asked]
    where = f" in {' or '.join(wide)}, numeric," if wide else ""
    number = error.message.split('"')[1] if error.message.startswith('"') else ""
    shown = f"{number[:20]}... ({len(number)} characters)" if len(number) > 40 else number
    return InvalidInputError(
        f"{source.argument}: a number{where} is beyond double precision: {shown}",
        hint="Numbers travel as double precision: divide it in a SELECT, take its ln(), or turn it into NULL.",
    )


def _chunks(
    db: Database, source: Source, schemas: Sequence[ColumnSchema], max_rows: int, suspended: bool
) -> Iterator[Chunk]:
    utf8 = db.query("select pg_catalog.current_setting('server_encoding') as name")[0]["name"] == "UTF8"
    step = step_of(db, source, max_rows)
    if step:
        yield from _as_chunks(_by_pages(db, source, schemas, step, utf8, suspended), schemas)
        return
    chunks = _as_chunks(_by_cursor(db, source, schemas, max_rows, utf8), schemas)
    yield from spooled(db, chunks) if suspended else chunks


def _as_chunks(read: Iterator[Row], schemas: Sequence[ColumnSchema]) -> Iterator[Chunk]:
    parts = sum(map(parts_per_column, schemas))
    for row in read:
        if row["rows"]:
            yield Chunk(row["rows"], _buffers(row, parts))


def _buffers(row: Row, parts: int) -> list[bytes]:
    if "parts" in row:
        return [part or b"" for part in row["parts"]]
    return [row[f"b{i}"] or b"" for i in range(parts)]


def _by_pages(
    db: Database, source: Source, schemas: Sequence[ColumnSchema], step: int, utf8: bool, suspended: bool
) -> Iterator[Row]:
    inner = _columns(source, schemas)
    packed = _packed(schemas, utf8)
    table = str(source.table)

    def pack(read: str) -> str:
        return f"select {packed} from (select {inner} from {read}) as input"  # noqa: S608 - quoted

    if suspended:
        return one_by_one(db, table, step, pack, PLANNING)
    return db.rows(ranges(table, step, pack), PLANNING)


def _by_cursor(
    db: Database, source: Source, schemas: Sequence[ColumnSchema], max_rows: int, utf8: bool
) -> Iterator[Row]:
    query = f"select {_columns(source, schemas)} from (\n{source.query}\n) as input"  # noqa: S608 - names quoted, query checked
    cursor = db.query("select ml._open_cursor($1)::pg_catalog.text as name", ["text"], [query])[0]["name"]
    types = {"text": "pg_catalog.text", "vector": "pg_catalog.bytea"}
    columns = [f"c{n} {types.get(schema.kind, 'pg_catalog.float8')}" for n, schema in enumerate(schemas)]
    large = any(schema.kind in ("text", "vector") for schema in schemas)
    wanted = min(FIRST_CHUNK, max_rows)
    try:
        while True:
            fetched = f"ml._fetch({quote_literal(cursor)}, {wanted}) as input ({', '.join(columns) or 'c0 integer'})"
            pack = f"select {_packed(schemas, utf8)} from {_in_pieces(schemas, fetched) if large else fetched}"  # noqa: S608 - our own names
            rows = nbytes = 0
            for piece in db.rows(pack, NO_JIT) if large else db.query(pack):
                rows += piece["rows"]
                nbytes += _size(piece)
                yield piece
            if not rows:
                break
            wanted = max(1, min(max_rows, GROWTH * rows, rows * CHUNK_BYTES // max(1, nbytes)))
    except Exception:  # not GeneratorExit: no SQL may run while PostgreSQL drops an iterator
        with suppress(DatabaseError):  # what went wrong first is to be told
            db.query("select ml._close_cursor($1)", ["text"], [cursor])
        raise
    db.query("select ml._close_cursor($1)", ["text"], [cursor])


def _size(piece: Row) -> int:
    values = [value for name, value in piece.items() if name != "rows" and value is not None]
    return sum(sum(len(part or b"") for part in value) if isinstance(value, list) else len(value) for value in values)


def _columns(source: Source, schemas: Sequence[ColumnSchema]) -> str:
    """Return the columns c0, c1... of the input, each as it travels."""
    expressions = []
    for number, schema in enumerate(schemas):
        column = source.column(schema.name, "column")
        quoted = quote_identifier(column.origin or column.name)
        expressions.append(f"{expression(column, schema, 'input.' + quoted)} as c{number}")
    return ", ".join(expressions) or "1 as c0"


def _in_pieces(schemas: Sequence[ColumnSchema], fetched: str) -> str:
    """Return the rows of a chunk in groups that are packed apart: their texts and vectors can be large.

    The rows that were fetched are still as they were stored: of a value that lies out of line they hold the place.
    """
    sizes = " operator(pg_catalog.+) ".join(
        f"coalesce(pg_catalog.octet_length(c{n}), 0)::pg_catalog.float8"
        for n, schema in enumerate(schemas)
        if schema.kind in ("text", "vector")
    )
    return (
        "(select numbered.* from (select input.*, pg_catalog.row_number() over () as n, "  # noqa: S608 - our own names
        f"pg_catalog.floor(pg_catalog.sum({sizes}) over (rows unbounded preceding) "
        f"operator(pg_catalog./) {PIECE_BYTES}) as piece from {fetched}) as numbered "
        "order by numbered.piece, numbered.n) as input group by input.piece order by input.piece"
    )


def _packed(schemas: Sequence[ColumnSchema], utf8: bool) -> str:
    """Return the number of rows and the buffers b0, b1... of the columns c0, c1..."""
    parts = []
    for number, schema in enumerate(schemas):
        column = f"c{number}"
        if schema.kind == "text":
            length = column if utf8 else f"pg_catalog.convert_to({column}, 'UTF8')"
            parts.append(f"pg_catalog.convert_to(pg_catalog.string_agg({column}, ''), 'UTF8')")
            parts.append(f"ml._bytes(pg_catalog.array_agg(pg_catalog.octet_length({length})))")
        elif schema.kind == "vector":
            parts.append(f"pg_catalog.string_agg({column}, '')")
            parts.append(f"ml._bytes(pg_catalog.array_agg(pg_catalog.octet_length({column})))")
        else:
            parts.append(f"ml._bytes(pg_catalog.array_agg({column}))")
    if len(parts) >= TARGETS:
        return f"pg_catalog.count(*) as rows, array[{', '.join(parts)}] as parts"
    return ", ".join(["pg_catalog.count(*) as rows", *(f"{part} as b{i}" for i, part in enumerate(parts))])
