"""How far a training is: NOTICEs for its own client, a small file for every other session.

The file counts only while the worker it names is alive.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

from motadata_ml_server.postgres import processes, session_files
from motadata_ml_server.postgres.database import Database
from motadata_ml_server.postgres.owner import read_as_owner
from motadata_ml_server.tenants import membership
from motadata_ml_server.tenants.membership import caller_of

PREFIX = "motadata_ml_training_"

INTERVAL = 0.5
"""The shortest time between two reports, in seconds."""

_SESSION = """
select pg_catalog.pg_backend_pid() as pid, d.oid::bigint as database,
    pg_catalog.date_part('epoch', pg_catalog.clock_timestamp()) as now
from pg_catalog.pg_database d where d.datname operator(pg_catalog.=) pg_catalog.current_database()
"""


class ProgressReport:
    """Reports of one training; use it in a ``with`` block.

    Parameters
    ----------
    db : Database
        The session that trains.
    subject : dict
        tenant_id, model_id, model_type, algorithm and the worker's process id.
    tick : callable
        Called with every report, and while the worker is waited for; what it raises ends the training.
    """

    def __init__(self, db: Database, subject: dict[str, Any], tick: Callable[[], None]) -> None:
        self._db = db
        self._tick = tick
        session = db.query(_SESSION)[0]
        self._fixed = {**subject, "pid": session["pid"], "database": session["database"], "started": session["now"]}
        self._file = session_files.SessionFile(PREFIX, session["pid"])
        self._started = time.monotonic()
        self._due = self._started + INTERVAL
        self._latest: dict[str, Any] | None = None

    def __enter__(self) -> ProgressReport:
        session_files.forget_dead(PREFIX)
        self._write({"step": "start", "fraction": 0.0, "rows": 0})
        return self

    def __exit__(self, *_: object) -> None:
        self._file.remove()

    def tell(self, step: str, fraction: float, rows: int, **more: Any) -> None:
        """Take note of a step; it is reported at once or as soon as the last report is old enough.

        Parameters
        ----------
        step : str
            What is being done.
        fraction : float
            How much of the training is done, 0 to 1.
        rows : int
            Rows it is about.
        **more
            Further facts.
        """
        self._latest = {"step": step, "fraction": round(fraction, 4), "rows": rows, **more}
        self.flush()

    def flush(self) -> None:
        """Report the latest step, if it is not reported yet and the last report is old enough."""
        self._tick()
        now = time.monotonic()
        if self._latest is None or now < self._due:
            return
        self._due = now + INTERVAL
        seconds, fraction = now - self._started, self._latest["fraction"]
        facts = {
            **self._latest,
            "seconds": round(seconds, 3),
            "seconds_left": round(seconds * (1.0 - fraction) / fraction, 3) if fraction > 0 else None,
        }
        self._latest = None
        self._write(facts)
        self._db.notice(f"training: {facts['step']}", detail=json.dumps(facts))

    def _write(self, facts: dict[str, Any]) -> None:
        self._file.write({**self._fixed, **facts})


def running(db: Database) -> Iterator[dict[str, Any]]:
    """Yield the trainings of this database that run now, of the tenants the caller may act for."""
    here = db.query(_SESSION)[0]["database"]
    caller = caller_of(db)
    tenants = set(read_as_owner(db, lambda owner: membership.tenants_of(owner, caller)))
    for facts in session_files.read_all(PREFIX):
        if facts["database"] != here or not processes.runs(facts["worker"], "motadata_ml_server.worker"):
            continue
        if caller.superuser or facts["tenant_id"] in tenants:
            yield {
                **{name: facts.get(name) for name in _SHOWN},
                "started_at": _timestamp(db, facts["started"]),
            }


_SHOWN = (
    "tenant_id",
    "model_id",
    "model_type",
    "algorithm",
    "pid",
    "step",
    "fraction",
    "rows",
    "seconds",
    "seconds_left",
)


def _timestamp(db: Database, epoch: float) -> str:
    return str(db.query("select pg_catalog.to_timestamp($1)::pg_catalog.text as at", ["float8"], [epoch])[0]["at"])
