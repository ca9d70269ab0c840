"""How far a training is: NOTICEs for its own client, a small file for every other session.

The file lies in ``pg_stat_tmp`` of the data directory, which is the working directory of every backend, belongs to
the server's user alone and is left out of base backups. It is named after the backend, and counts only while the
worker it names is alive.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from motadata_ml_server.postgres.database import PlpyDatabase

FOLDER = Path("pg_stat_tmp")
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
    db : PlpyDatabase
        The session that trains.
    subject : dict
        tenant_id, model_id, model_type, algorithm and the worker's process id.
    tick : callable
        Called with every report, and while the worker is waited for; what it raises ends the training.
    """

    def __init__(self, db: PlpyDatabase, subject: dict[str, Any], tick: Callable[[], None]) -> None:
        self._db = db
        self._tick = tick
        session = db.query(_SESSION)[0]
        self._fixed = {**subject, "pid": session["pid"], "database": session["database"], "started": session["now"]}
        self._file = FOLDER / f"{PREFIX}{session['pid']}.json"
        self._temporary = self._file.with_suffix(".new")
        self._started = time.monotonic()
        self._due = self._started + INTERVAL
        self._latest: dict[str, Any] | None = None

    def __enter__(self) -> ProgressReport:
        _forget_dead()
        self._write({"step": "start", "fraction": 0.0, "rows": 0})
        return self

    def __exit__(self, *_: object) -> None:
        for file in (self._file, self._temporary):
            with contextlib.suppress(OSError):
                file.unlink()

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
        """Replace the file; a full disk must not end a training that is otherwise well."""
        with contextlib.suppress(OSError):
            self._temporary.write_text(json.dumps({**self._fixed, **facts}))
            self._temporary.replace(self._file)


def running(db: PlpyDatabase) -> Iterator[dict[str, Any]]:
    """Yield the trainings of this database that run now, of the tenants the caller may act for."""
    here = db.query(_SESSION)[0]["database"]
    superuser = db.query("select rolsuper from pg_catalog.pg_roles where rolname operator(pg_catalog.=) current_user")[
        0
    ]["rolsuper"]
    for path in sorted(FOLDER.glob(f"{PREFIX}*.json")):
        facts = _read(path)
        if facts is None or facts["database"] != here or not _alive(facts):
            continue
        if superuser or _permitted(db, facts["tenant_id"]):
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


def _read(path: Path) -> dict[str, Any] | None:
    try:
        facts: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return facts


def _permitted(db: PlpyDatabase, tenant_id: str) -> bool:
    rows = db.query(
        "select exists (select from ml.tenant_role where tenant_id operator(pg_catalog.=) $1) as found",
        ["text"],
        [tenant_id],
    )
    return bool(rows[0]["found"])


def _timestamp(db: PlpyDatabase, epoch: float) -> str:
    return str(db.query("select pg_catalog.to_timestamp($1)::pg_catalog.text as at", ["float8"], [epoch])[0]["at"])


def _alive(facts: dict[str, Any]) -> bool:
    try:
        return b"motadata_ml_server.worker" in Path(f"/proc/{facts['worker']}/cmdline").read_bytes()
    except OSError:
        return False


def _forget_dead() -> None:
    """Remove what trainings left behind whose backend was killed."""
    for path in FOLDER.glob(f"{PREFIX}*"):
        if not Path(f"/proc/{path.stem.removeprefix(PREFIX)}").exists():
            with contextlib.suppress(OSError):
                path.unlink()
