"""How long who administers waits for a transaction that others leave open: not long, and never for ever.

An administrator who is about to be revoked could change his own row, and keep the transaction open.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from motadata_ml_server.postgres.database import Database, DatabaseError

WAIT: Final = "500ms"
"""How long a statement waits for another transaction."""

LOCK_NOT_AVAILABLE: Final = "55P03"


@contextmanager
def soon(owner: Database, what: str) -> Iterator[None]:
    """Have each statement of a block wait no longer than `WAIT` for another transaction.

    Parameters
    ----------
    owner : Database
        The session, as the owner.
    what : str
        What the block changes, for the message.

    Raises
    ------
    DatabaseError
        55P03: another transaction has changed the same, and did not end.
    """
    try:
        with owner.planning({"lock_timeout": WAIT}):
            yield
    except DatabaseError as error:
        if error.sqlstate != LOCK_NOT_AVAILABLE:
            raise
        raise DatabaseError(
            LOCK_NOT_AVAILABLE,
            f"{what} cannot be changed now: another transaction is changing the same and has not ended",
            None,
            "Try again when it has ended. A superuser finds it in pg_stat_activity, as 'idle in transaction', and ends "
            "it with pg_terminate_backend(pid).",
        ) from None
