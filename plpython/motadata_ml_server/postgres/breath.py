"""Moments at which long work in Python lets a cancel, a timeout or the end of the session be answered."""

from __future__ import annotations

import time
from typing import Final

from motadata_ml_server.postgres.database import Database

EVERY_SECONDS: Final = 0.03
"""How long work goes on between two questions: one takes some 20 us, a cancel should be answered within 200 ms."""


class Breath:
    """Asks now and then whether the statement is still wanted.

    PostgreSQL notes a cancel at once but answers it only where its own code looks for one; Python code never does. Work
    of many small steps calls this after each: a call is a look at the clock, and every `EVERY_SECONDS` a statement.

    Parameters
    ----------
    db : Database
        The session.
    """

    def __init__(self, db: Database) -> None:
        self._db = db
        self._next = time.monotonic() + EVERY_SECONDS

    def __call__(self) -> None:
        """Let a pending cancel be answered, if it is time to.

        Raises
        ------
        DatabaseError
            57014 and the like: the statement is cancelled.
        """
        if time.monotonic() >= self._next:
            self._db.query("select pg_catalog.pg_sleep(0)")
            self._next = time.monotonic() + EVERY_SECONDS


def no_breath() -> None:
    """Ask nobody: for work outside of a session, as in a test."""
