"""Training seconds of a tenant, of the present day in UTC, counted while they pass.

Sessions count them in the slots that all share, so that trainings that fail, are rolled back or run at this moment
count too, and several at once cannot pass the limit together. What the tables say of stored versions counts at the
least, for what was before the server's last start.
"""

from __future__ import annotations

import hashlib
import time

import numpy as np

from motadata_ml_server.errors import QuotaExceededError
from motadata_ml_server.postgres import shared_counters
from motadata_ml_server.postgres.database import Database
from motadata_ml_server.postgres.owner import query_as_owner
from motadata_ml_server.postgres.shared_counters import CALLS, SECONDS, SUBJECT

DAY = 86_400
INTERVAL = 0.25
"""Seconds between two looks at what all sessions have used."""

_STORED = """
select coalesce(pg_catalog.sum(training_time), 0) as seconds from ml.model_version
where tenant_id operator(pg_catalog.=) $1 and trained_at operator(pg_catalog.>=) pg_catalog.to_timestamp($2)
"""


class TrainingClock:
    """The time that one training takes from its tenant's budget; use it in a ``with`` block.

    Parameters
    ----------
    db : Database
        The session that trains.
    tenant_id : str
        Whose budget it is.
    limit : float or None
        Seconds a day; None counts without a limit.
    """

    def __init__(self, db: Database, tenant_id: str, limit: float | None) -> None:
        self._db = db
        self._tenant_id = tenant_id
        self._limit = limit
        self._day = _today()
        slot = shared_counters.region(db).take(shared_counters.TRAINING, _subject(tenant_id))
        self._whole, self._real = slot.whole, slot.real
        if self._whole[CALLS] != self._day:
            self._real[SECONDS] = 0.0
            self._whole[CALLS] = self._day
        self._before: float = self._real[SECONDS]
        self._stored = 0.0 if limit is None else _stored(db, tenant_id)
        self._started = self._due = time.monotonic()

    def __enter__(self) -> TrainingClock:
        self.tick()
        return self

    def __exit__(self, *_: object) -> None:
        self._real[SECONDS] = self._before + time.monotonic() - self._started

    def tick(self) -> None:
        """Count the time up to now.

        Raises
        ------
        QuotaExceededError
            ML021: the tenant's seconds of the day are used up.
        """
        now = time.monotonic()
        self._real[SECONDS] = self._before + now - self._started
        if self._limit is None or now < self._due:
            return
        self._due = now + INTERVAL
        if max(_counted(self._db, self._tenant_id), self._stored + now - self._started) >= self._limit:
            raise QuotaExceededError(
                f"tenant {self._tenant_id!r} has used up max_training_seconds_per_day = {self._limit:g}",
                hint="The day ends at midnight UTC. Train on fewer rows, or ask an administrator for ml.set_quota.",
            )


def seconds_today(db: Database, tenant_id: str) -> float:
    """Return the training seconds that a tenant has used today."""
    return max(_counted(db, tenant_id), _stored(db, tenant_id))


def _counted(db: Database, tenant_id: str) -> float:
    found = shared_counters.region(db).slots(shared_counters.TRAINING)
    mine = found[(found[:, SUBJECT] == _subject(tenant_id)) & (found[:, CALLS] == _today())]
    return float(np.ascontiguousarray(mine[:, SECONDS]).view(np.float64).sum())


def _stored(db: Database, tenant_id: str) -> float:
    rows = query_as_owner(db, _STORED, ["text", "float8"], [tenant_id, float(_today() * DAY)])
    return float(rows[0]["seconds"])


def _today() -> int:
    return int(time.time() // DAY)


def _subject(tenant_id: str) -> int:
    digest = hashlib.sha256(tenant_id.encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1
