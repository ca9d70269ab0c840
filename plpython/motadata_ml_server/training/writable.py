"""Whether anything can be stored at all, asked before the work begins."""

from __future__ import annotations

from motadata_ml_server.errors import ReadOnlyError
from motadata_ml_server.postgres.database import Database


def require_writable(db: Database) -> None:
    """Refuse a standby, and a transaction that only reads.

    Raises
    ------
    ReadOnlyError
        25006: nothing can be stored.
    """
    row = db.query(
        "select pg_catalog.pg_is_in_recovery() as standby, "
        "pg_catalog.current_setting('transaction_read_only')::boolean as read_only"
    )[0]
    if row["standby"]:
        raise ReadOnlyError(
            "a standby server does not train", hint="Connect to the primary to train; predictions work here."
        )
    if row["read_only"]:
        raise ReadOnlyError("training needs a transaction that may write", hint="begin read write;")
