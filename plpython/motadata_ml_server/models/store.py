"""A trained model becomes the next version of its name."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from motadata_ml_server.models.artifacts import CHUNK_BYTES, StoredArtifact, digest_of
from motadata_ml_server.models.deployment import record_deployment
from motadata_ml_server.models.version import VersionFields, as_json
from motadata_ml_server.postgres.database import Database
from motadata_ml_server.postgres.owner import write_as_owner
from motadata_ml_server.tenants import quotas


@dataclass(frozen=True)
class Trial:
    """One trial of a hyperparameter search."""

    number: int
    hyperparameters: dict[str, Any]
    score: float | None
    details: dict[str, Any]


@dataclass(frozen=True)
class NewVersion:
    """All that a training leaves behind."""

    tenant_id: str
    model_id: str
    model_type: str
    deploy: bool
    trained_by: str
    fields: VersionFields
    artifacts: Sequence[StoredArtifact]
    trials: Sequence[Trial]


_UPSERT_MODEL = """
insert into ml.model (tenant_id, model_id, model_type, created_by) values ($1, $2, $3, $4)
on conflict (tenant_id, model_id) do update set model_id = excluded.model_id
returning id
"""


def store(db: Database, new: NewVersion) -> str:
    """Store a trained model as the next version of its name, and deploy it if asked.

    Two sessions that train one model at once queue on the model's row: each gets a version of its own.

    Returns
    -------
    str
        The version's number.
    """
    return write_as_owner(db, lambda owner: _store(owner, new))


def _store(db: Database, new: NewVersion) -> str:
    db.query("insert into ml.tenant (tenant_id) values ($1) on conflict do nothing", ["text"], [new.tenant_id])
    limits = quotas.limits_of(db, new.tenant_id, lock=True)
    if limits is not None:
        quotas.check_new_model(db, new.tenant_id, new.model_id, limits)
    names = [new.tenant_id, new.model_id, new.model_type, new.trained_by]
    model = db.query(_UPSERT_MODEL, ["text", "text", "text", "name"], names)[0]["id"]
    version = _next_version(db, model, new)
    named = {
        "model": ("bigint", model),
        "tenant_id": ("text", new.tenant_id),
        "version": ("text", version),
        "model_type": ("text", new.model_type),
        "trained_by": ("name", new.trained_by),
        "digest": ("text", digest_of([(a.kind, a.digest) for a in new.artifacts])),
        **new.fields.bound(),
    }
    places = ", ".join(f"${i + 1}" for i in range(len(named)))
    version_id = db.query(
        f"insert into ml.model_version ({', '.join(named)}) values ({places}) returning id",  # noqa: S608
        [sql_type for sql_type, _ in named.values()],
        [value for _, value in named.values()],
    )[0]["id"]
    for artifact in new.artifacts:
        _store_artifact(db, version_id, artifact)
    for trial in new.trials:
        db.query(
            "insert into ml.trial (version_id, tenant_id, number, hyperparameters, score, details) "
            "values ($1, $2, $3, $4, $5, $6)",
            ["bigint", "text", "integer", "jsonb", "float8", "jsonb"],
            [
                version_id,
                new.tenant_id,
                trial.number,
                as_json(trial.hyperparameters),
                trial.score,
                as_json(trial.details),
            ],
        )
    if new.deploy:
        record_deployment(db, model, new.tenant_id, version_id, new.trained_by)
    if limits is not None:
        quotas.count_bytes(db, new.tenant_id, limits)
    return version


def _store_artifact(db: Database, version_id: int, artifact: StoredArtifact) -> None:
    for number, offset in enumerate(range(0, max(artifact.size, 1), CHUNK_BYTES)):
        data = artifact.read(offset, min(CHUNK_BYTES, artifact.size - offset))
        db.query(
            "insert into ml.artifact (version_id, kind, chunk, digest, data) values ($1, $2, $3, $4, $5)",
            ["bigint", "text", "integer", "text", "bytea"],
            [version_id, artifact.kind, number, artifact.digest, data],
        )


def _next_version(db: Database, model: int, new: NewVersion) -> str:
    rows = db.query(
        "select version, features, label_type, model_type from ml.model_version "
        "where model operator(pg_catalog.=) $1 order by id desc limit 1",
        ["bigint"],
        [model],
    )
    if not rows:
        return "1.0.0"
    last = rows[0]
    major, minor, _ = (int(part) for part in last["version"].split("."))
    same = (
        last["model_type"] == new.model_type
        and last["label_type"] == new.fields.label_type
        and _interface(json.loads(last["features"])) == _interface(new.fields.features)
    )
    return f"{major}.{minor + 1}.0" if same else f"{major + 1}.0.0"


def _interface(features: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return sorted((feature["name"], feature["kind"]) for feature in features)
