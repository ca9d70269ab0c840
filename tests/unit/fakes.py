"""The extension without a server, as the unit tests of tenants, models, schedules and predictions use it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from motadata_ml_server.models.artifacts import StoredArtifact
from motadata_ml_server.models.store import NewVersion, Trial, store
from motadata_ml_server.models.version import VersionFields, VisibleVersion
from motadata_ml_server.models.visibility import look_up
from motadata_ml_server.postgres import shared_counters
from motadata_ml_server.postgres.database import DatabaseError, Row, standing_in
from motadata_ml_server.postgres.fake_database import FakeDatabase
from motadata_ml_server.tenants import grants

SQL = Path(__file__).parents[2] / "sql"


def extension(*more: str) -> FakeDatabase:
    """Return a database in which the extension has just been created, and further scripts have run."""
    db = FakeDatabase([*(path.read_text(encoding="utf-8") for path in sorted(SQL.glob("*.sql"))), *more])

    def own_tenants(values: Sequence[Any]) -> Iterable[Row]:
        rows = db.execute("select tenant_id, role from ml.tenant_role")
        own = {str(row["tenant_id"]) for row in rows if db.has_role(values[0], row["role"])}
        return [{"tenant_id": name} for name in sorted(own)[:2]]

    db.answer("from own, lateral (", own_tenants)
    db.answer("from ml.tenant_role r join ml.model m", [])
    db.answer(") as n, lateral (", [])  # what is faster for most roles; the whole question is asked after it
    db.answer("from pg_catalog.pg_class c, pg_catalog.aclexplode(c.relacl) a", [])  # the fake has no rights on tables
    db.answer("from pg_catalog.pg_class c join pg_catalog.pg_namespace", [{"name": "models"}, {"name": "trials"}])
    db.answer("pg_catalog.aclexplode(p.proacl) a", lambda values: held(db, values[0]))
    db.answer("pg_catalog.aclexplode(l.proacl) a", [])
    db.create_function("starts_with", lambda text, start: text.startswith(start))
    db.answer("to_regclass('ml.model_grant')", [{"shares": True}])
    db.answer("pg_postmaster_start_time", [{"started": 1, "database": 5}])
    return db


def held(db: FakeDatabase, role: str) -> list[Row]:
    """Return what the GRANT and REVOKE statements that were noted have left a role, as the catalogue has it."""
    name = db.execute("select quote_ident(?) as name", role)[0]["name"]
    pattern = re.compile(rf"(grant|revoke) (\w+) on (function |schema |)(.*) (?:to|from) {re.escape(name)}")
    found: dict[tuple[str, str], str] = {}
    for match in filter(None, (pattern.fullmatch(one.sql) for one in db.statements)):
        verb, privilege, kind, objects = match.groups()
        for each in objects.split(", "):
            if verb == "grant":
                found[kind.strip() or "view", each] = privilege.upper()
            else:
                found.pop((kind.strip() or "view", each), None)
    return [{"kind": kind, "name": each, "privileges": rights} for (kind, each), rights in found.items()]


def share_counters(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Let the file of counters lie in an empty folder, as in a data directory."""
    (folder / "pg_stat_tmp").mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setattr(shared_counters, "_region", None)


@contextmanager
def session(db: FakeDatabase, role: str) -> Iterator[FakeDatabase]:
    """Be a session of a role: what is raised within undoes what it wrote, as in one statement."""
    with standing_in(db), db.acting_as(role), db.statement():
        yield db


def grant(db: FakeDatabase, role: str, *tenants: str, admin: bool = False) -> None:
    """Make a role that may act for some tenants."""
    if not db.execute("select 1 as one from pg_catalog.pg_roles where rolname = ?", role):
        db.create_role(role)
    for tenant in tenants:
        with session(db, "postgres"):
            grants.grant_usage(db, role, tenant, admin)


def artifact(kind: str, data: bytes) -> StoredArtifact:
    """Return an artifact on its way into the database."""
    return StoredArtifact(kind, hashlib.sha256(data).hexdigest(), len(data), lambda at, size: data[at : at + size])


def fields(**changed: Any) -> VersionFields:
    """Return what a training stores, with some fields changed."""
    known: dict[str, Any] = {
        "algorithm": "logistic_regression",
        "hyperparameters": {"C": 1.0},
        "features": [{"name": "a", "kind": "number"}, {"name": "b", "kind": "category"}],
        "target": "y",
        "target_type": "text",
        "label_type": "text",
        "classes": ["no", "yes"],
        "metrics": {"accuracy": 0.9},
        "training_rows": 100,
        "dropped_rows": 0,
        "training_query": "select * from t",
        "source_tables": ["public.t"],
        "data_fingerprint": "f",
        "random_state": 42,
        "runtime": {"name": "linear"},
        "warnings": [],
        "library_versions": {"numpy": "2"},
        "training_time": 1.5,
        "arguments": None,
    }
    return VersionFields(**{**known, **changed})


def new_version(
    model_id: str = "m",
    *,
    tenant_id: str = "north",
    model_type: str = "classification",
    deploy: bool = True,
    role: str = "ann",
    artifacts: Sequence[StoredArtifact] = (),
    trials: Sequence[Trial] = (),
    **changed: Any,
) -> NewVersion:
    """Return what a training leaves behind."""
    kept = artifacts or [artifact("plan", b"{}"), artifact("linear", b"weights")]
    return NewVersion(tenant_id, model_id, model_type, deploy, role, fields(**changed), kept, trials)


def seen(
    db: FakeDatabase, model_id: str = "m", version: str | None = None, *, role: str = "ann", tenant_id: str = "north"
) -> VisibleVersion:
    """Return a version of a model as a role sees it."""
    with session(db, role):
        return look_up(db, model_id, version, tenant_id)


def train(db: FakeDatabase, model_id: str = "m", *, role: str = "ann", **changed: Any) -> str:
    """Store a version as a role would by training; returns its number."""
    with session(db, role):
        return store(db, new_version(model_id, role=role, **changed))


def pg_cron(db: FakeDatabase) -> None:
    """Install pg_cron: jobs are a table, schedules have five fields, and a role sees its own jobs."""
    db.create_extension("pg_cron")
    db.execute("create table cron.job (jobid integer primary key, schedule text, command text, username text)")

    def schedule(cron: str, command: str) -> int:
        if len(cron.split()) != 5:
            raise DatabaseError("22023", f"invalid schedule: {cron}", None, None)
        rows = db.execute(
            "insert into cron.job (schedule, command, username) values (?, ?, ?) returning jobid",
            cron,
            command,
            db.role,
        )
        return int(rows[0]["jobid"])

    db.create_function("cron_schedule", schedule)
    db.create_function(
        "cron_unschedule", lambda job: bool(db.execute("delete from cron.job where jobid = ? returning 1", job))
    )
