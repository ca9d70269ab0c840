"""Lines of the server's log that an administrator greps: a fixed prefix, then ``key=value``.

Text values are written as JSON strings, so that a name with a line break cannot forge a line. What an estimator says of
the rows stays out: a failure is told by its SQLSTATE.
"""

from __future__ import annotations

import json
import os
import time
from typing import Any

from motadata_ml_server.errors import MotadataError
from motadata_ml_server.postgres.database import Database, DatabaseError
from motadata_ml_server.postgres.printable import printable

PREFIX = "motadata_ml:"


def line(event: str, **fields: Any) -> str:
    """Return one line of the log.

    Parameters
    ----------
    event : str
        What happened, a word.
    **fields
        Numbers as they are, everything else as a JSON string.
    """
    parts = [f"{PREFIX} event={event}"]
    for name, value in fields.items():
        told = f"{value:.3f}" if isinstance(value, float) else str(value)
        parts.append(f"{name}={told if isinstance(value, (int, float)) else _quoted(told)}")
    return " ".join(parts)


def _quoted(text: str) -> str:
    """Return a text as a JSON string; what is escaped is what a terminal that shows the log would obey."""
    return printable(json.dumps(text, ensure_ascii=False))


class TrainingLog:
    """The log of one training; use it in a ``with`` block.

    Parameters
    ----------
    db : Database
        The session that trains.
    **subject
        tenant, model, model_type, algorithm and role.
    """

    def __init__(self, db: Database, **subject: str) -> None:
        self._db = db
        self._subject = {**subject, "pid": os.getpid()}
        self._started = time.monotonic()
        self._found: dict[str, Any] = {}

    def __enter__(self) -> TrainingLog:
        self._db.log(line("training_started", **self._subject))
        return self

    def found(self, **fields: Any) -> None:
        """Take note of what came out of it."""
        self._found |= fields

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        seconds = time.monotonic() - self._started
        if error is None:
            self._db.log(line("training_completed", **self._subject, **self._found, seconds=seconds))
            return
        sqlstate = error.sqlstate if isinstance(error, (MotadataError, DatabaseError)) else "ML000"
        self._db.log(line("training_failed", **self._subject, sqlstate=sqlstate, seconds=seconds))
