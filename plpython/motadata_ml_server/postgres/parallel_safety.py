"""Whether one-row predictions may run in parallel plans: from PostgreSQL 17 on.

A function that calls back into SQL opens a subtransaction, which parallel plans refuse before 17, in a way that breaks
the interpreter for the rest of the session. The install script decides; ``pg_upgrade`` carries its decision to a server
that decides otherwise.
"""

from __future__ import annotations

from motadata_ml_server.postgres.database import Database

FUNCTIONS = ("predict", "predict_value", "predict_label", "predict_proba")

_OTHERWISE = """
select p.oid::pg_catalog.regprocedure::pg_catalog.text as name from pg_catalog.pg_proc p
join pg_catalog.pg_namespace n on n.oid operator(pg_catalog.=) p.pronamespace
where n.nspname operator(pg_catalog.=) 'ml' and p.proname operator(pg_catalog.=) any ($1)
    and p.proparallel operator(pg_catalog.<>) $2::pg_catalog."char" order by 1
"""


def mark(db: Database) -> str:
    """Return how this server should mark them, ``safe`` or ``unsafe``."""
    version = db.query("select pg_catalog.current_setting('server_version_num')::integer as number")[0]["number"]
    return "safe" if version >= 170_000 else "unsafe"


def marked_otherwise(db: Database) -> list[str]:
    """Return the functions that are marked in another way."""
    rows = db.query(_OTHERWISE, ["text[]", "text"], [list(FUNCTIONS), mark(db)[0]])
    return [row["name"] for row in rows]


def refresh(db: Database) -> None:
    """Mark them as this server should; the caller owns them."""
    for name in marked_otherwise(db):
        db.run(f"alter function {name} parallel {mark(db)}")
