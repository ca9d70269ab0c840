"""A plain table read by ranges of its pages: one query packs each range, without a row passing through a cursor."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from motadata_ml_server.ingest.source import Source
from motadata_ml_server.postgres.database import Database, Row
from motadata_ml_server.postgres.identifiers import quote_literal

ROWS_PER_PAGE = 291
"""The most rows that a page of 8 kB can hold: taken where the table was never analyzed."""

PAGES = 128
"""Pages of a range: small enough for its arrays to stay in the processor's cache."""

PLANNING = {"enable_seqscan": "off", "enable_tidscan": "on", "jit": "off"}
"""Settings for `ranges`: each is read by its tuple identifiers, never by a scan of the whole table."""

_SUITABLE = """
select case when c.reltuples operator(pg_catalog.>) 0 and c.relpages operator(pg_catalog.>) 0
    then pg_catalog.ceil(c.reltuples operator(pg_catalog./) c.relpages)::integer end as rows_per_page
from pg_catalog.pg_class c join pg_catalog.pg_am a on a.oid operator(pg_catalog.=) c.relam
where c.oid operator(pg_catalog.=) $1::pg_catalog.regclass
    and c.relkind operator(pg_catalog.=) any (array['r', 'm']::pg_catalog."char"[])
    and not c.relhassubclass and a.amname operator(pg_catalog.=) 'heap'
    and pg_catalog.current_setting('block_size') operator(pg_catalog.=) '8192'
    and pg_catalog.current_setting('transaction_isolation') operator(pg_catalog.<>) 'serializable'
    and not pg_catalog.row_security_active(c.oid)
    and pg_catalog.has_table_privilege(c.oid, 'SELECT')
    and (c.reltoastrelid operator(pg_catalog.=) 0
        or pg_catalog.pg_relation_size(c.reltoastrelid) operator(pg_catalog.=) 0)
"""


def step_of(db: Database, source: Source, max_rows: int) -> int:
    """Return how many pages to read at a time, 0 where a source has to be read through a cursor.

    Suitable is a table of which the caller may read every row, and whose values all lie in its own pages: those
    bound what a range can hold. A serializable transaction scans, which locks the table against what it did not see.

    Parameters
    ----------
    db : Database
        The caller's session.
    source : Source
        What to read.
    max_rows : int
        The rows a range should have at most, as far as the statistics of the table tell.
    """
    if source.table is None:
        return 0
    found = db.query(_SUITABLE, ["text"], [source.table])
    return min(PAGES, max_rows // (found[0]["rows_per_page"] or ROWS_PER_PAGE)) if found else 0


def ranges(table: str, step: int, pack: Callable[[str], str]) -> str:
    """Return a query with one row for each range of a table's pages, in order, all in its snapshot.

    The number of pages is taken when the query runs: after its snapshot, so that no row of it lies behind.

    Parameters
    ----------
    table : str
        Quoted name.
    step : int
        Pages of a range.
    pack : callable
        Returns the aggregating SELECT over a FROM item with alias ``input``.
    """
    packed = pack(_range(table, "r.first", step))
    return (
        f"select p.* from pg_catalog.generate_series(0::bigint, {_pages(table)}, {step}) as r (first), "  # noqa: S608 - quoted
        f"lateral (\n{packed}\n) as p"
    )


def one_by_one(
    db: Database, table: str, step: int, pack: Callable[[str], str], settings: Mapping[str, str]
) -> Iterator[Row]:
    """Yield the rows of `ranges`, each by a query of its own, so that nothing stays open between two of them.

    They are of one snapshot where the calling function is stable: PostgreSQL then gives all its queries that of the
    statement that called it, or of the cursor that it is read through.
    """
    query = pack(_range(table, "$1", step))
    pages = db.query(f"select {_pages(table)} as pages")[0]["pages"]
    for first in range(0, pages, step):
        with db.planning(settings):
            row = db.query(query, ["bigint"], [first])[0]
        yield row


def _pages(table: str) -> str:
    return f"pg_catalog.pg_relation_size({quote_literal(table)}::pg_catalog.regclass) operator(pg_catalog./) 8192"


def _range(table: str, first: str, step: int) -> str:
    """Return a FROM item of the rows of some pages."""
    low = f"pg_catalog.format('(%s,0)', {first})::pg_catalog.tid"
    high = f"pg_catalog.format('(%s,0)', {first} operator(pg_catalog.+) {step})::pg_catalog.tid"
    return (
        f"only {table} as input where input.ctid operator(pg_catalog.>=) {low} "
        f"and input.ctid operator(pg_catalog.<) {high}"
    )
