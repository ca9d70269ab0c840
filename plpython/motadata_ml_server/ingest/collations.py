"""Columns whose collation calls different texts equal: their bytes do not say which category they are."""

from __future__ import annotations

from collections.abc import Sequence

from motadata_ml_server.ingest.source import Source
from motadata_ml_server.postgres.database import Database
from motadata_ml_server.postgres.identifiers import quote_identifier

_ANY = "select 1 from pg_catalog.pg_collation where not collisdeterministic limit 1"

_AMONG = """
select pg_catalog.format('%I.%I', n.nspname, c.collname) as qualified, pg_catalog.quote_ident(c.collname) as name
from pg_catalog.pg_collation c join pg_catalog.pg_namespace n on n.oid operator(pg_catalog.=) c.collnamespace
where not c.collisdeterministic
"""


def nondeterministic(db: Database, source: Source, names: Sequence[str]) -> dict[str, str]:
    """Return the columns with a nondeterministic collation, and how it is called.

    Parameters
    ----------
    db : Database
        The caller's session.
    source : Source
        Where the columns are.
    names : sequence of str
        Columns that travel as text.

    Notes
    -----
    A database without such a collation is asked one question. In others no row is read: the collation of an expression
    is known before.
    """
    if not names or not db.query(_ANY):
        return {}
    known = {text: row["name"] for row in db.query(_AMONG) for text in (row["qualified"], row["name"])}
    asked = ", ".join(
        f"pg_catalog.pg_collation_for(input.{quote_identifier(name)}::pg_catalog.text) as c{at}"
        for at, name in enumerate(names)
    )
    row = db.query(
        f"select {asked} from (values (1)) as one (n) "  # noqa: S608 - quoted, checked
        f"left join (select * from (\n{source.query}\n) as all_rows limit 0) as input on true"
    )[0]
    found = {name: known.get(row[f"c{at}"]) for at, name in enumerate(names)}
    return {name: collation for name, collation in found.items() if collation is not None}
