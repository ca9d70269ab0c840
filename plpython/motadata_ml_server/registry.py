"""Models and their versions in the database: store, look up, deploy, delete."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from motadata_ml_server import definer
from motadata_ml_server.database import PlpyDatabase, Row
from motadata_ml_server.errors import ArtifactError, InvalidArgumentError, VersionNotFoundError
from motadata_ml_server.inference.visibility import VisibleVersion, model_not_found
from motadata_ml_server.observe import quotas

if TYPE_CHECKING:
    from motadata_ml_server.inference.predictor import Predictor

CHUNK_BYTES = 16 << 20
"""The most bytes of an artifact in one row."""

PLAN = "plan"
PROFILE = "profile"


@dataclass(frozen=True)
class StoredArtifact:
    """An artifact on its way into the database.

    Attributes
    ----------
    kind : str
        ``plan``, ``profile``, ``skops``, ``linear`` or ``onnx``.
    digest : str
        SHA-256 of its bytes, in hexadecimal.
    size : int
        Number of bytes.
    read : callable
        ``read(offset, size)`` returns some of them.
    """

    kind: str
    digest: str
    size: int
    read: Callable[[int, int], bytes]


@dataclass(frozen=True)
class NewVersion:
    """All that a training leaves behind."""

    tenant_id: str
    model_id: str
    model_type: str
    deploy: bool
    trained_by: str
    fields: dict[str, Any]
    artifacts: Sequence[StoredArtifact]
    trials: Sequence[dict[str, Any]]


def digest_of(artifacts: Sequence[tuple[str, str]]) -> str:
    """Return one digest over the kinds and digests of all artifacts of a version."""
    return hashlib.sha256(json.dumps(sorted(artifacts)).encode()).hexdigest()


# -- store -------------------------------------------------------------------------------------------------------

_UPSERT_MODEL = """
insert into ml.model (tenant_id, model_id, model_type, created_by) values ($1, $2, $3, $4)
on conflict (tenant_id, model_id) do update set model_type = excluded.model_type
returning id
"""

_FIELDS = {
    "algorithm": "text",
    "hyperparameters": "jsonb",
    "features": "jsonb",
    "target": "text",
    "target_type": "text",
    "label_type": "text",
    "classes": "text[]",
    "metrics": "jsonb",
    "training_rows": "bigint",
    "dropped_rows": "bigint",
    "training_query": "text",
    "source_tables": "text[]",
    "data_fingerprint": "text",
    "random_state": "integer",
    "runtime": "jsonb",
    "warnings": "text[]",
    "library_versions": "jsonb",
    "training_time": "float8",
    "arguments": "jsonb",
}


def store(db: PlpyDatabase, new: NewVersion) -> str:
    """Store a trained model as the next version of its name, and deploy it if asked.

    Two sessions that train one model at once queue on the model's row: each gets a version of its own.

    Returns
    -------
    str
        The version's number.
    """
    return definer.write_as_owner(db, lambda owner: _store(owner, new))


def _store(db: PlpyDatabase, new: NewVersion) -> str:
    db.query("insert into ml.tenant (tenant_id) values ($1) on conflict do nothing", ["text"], [new.tenant_id])
    limits = quotas.limits_of(db, new.tenant_id, lock=True)
    if limits is not None:
        quotas.check_new_model(db, new.tenant_id, new.model_id, limits)
    names = [new.tenant_id, new.model_id, new.model_type, new.trained_by]
    model = db.query(_UPSERT_MODEL, ["text", "text", "text", "name"], names)[0]["id"]
    version = _next_version(db, model, new)
    fields = {"arguments": None, **new.fields, "digest": digest_of([(a.kind, a.digest) for a in new.artifacts])}
    types = {**_FIELDS, "digest": "text"}
    columns = ["model", "tenant_id", "version", "model_type", "trained_by", *types]
    places = ", ".join(f"${i + 1}" for i in range(len(columns)))
    version_id = db.query(
        f"insert into ml.model_version ({', '.join(columns)}) values ({places}) returning id",  # noqa: S608
        ["bigint", "text", "text", "text", "name", *types.values()],
        [model, new.tenant_id, version, new.model_type, new.trained_by, *(fields[name] for name in types)],
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
                trial["number"],
                trial["hyperparameters"],
                trial["score"],
                trial["details"],
            ],
        )
    if limits is not None:
        quotas.check_bytes(db, new.tenant_id, limits)
    if new.deploy:
        _deploy(db, model, new.tenant_id, version_id, new.trained_by)
    return version


def _store_artifact(db: PlpyDatabase, version_id: int, artifact: StoredArtifact) -> None:
    for number, offset in enumerate(range(0, max(artifact.size, 1), CHUNK_BYTES)):
        data = artifact.read(offset, min(CHUNK_BYTES, artifact.size - offset))
        db.query(
            "insert into ml.artifact (version_id, kind, chunk, digest, data) values ($1, $2, $3, $4, $5)",
            ["bigint", "text", "integer", "text", "bytea"],
            [version_id, artifact.kind, number, artifact.digest, data],
        )


def _next_version(db: PlpyDatabase, model: int, new: NewVersion) -> str:
    rows = db.query(
        "select version, features, label_type, model_type from ml.model_version "
        "where model = $1 order by id desc limit 1",
        ["bigint"],
        [model],
    )
    if not rows:
        return "1.0.0"
    last = rows[0]
    major, minor, _ = (int(part) for part in last["version"].split("."))
    same = (
        last["model_type"] == new.model_type
        and last["label_type"] == new.fields["label_type"]
        and _interface(last["features"]) == _interface(new.fields["features"])
    )
    return f"{major}.{minor + 1}.0" if same else f"{major + 1}.0.0"


def _interface(features: str) -> list[tuple[str, str]]:
    return sorted((feature["name"], feature["kind"]) for feature in json.loads(features))


# -- load --------------------------------------------------------------------------------------------------------

_DESCRIBE = """
select model_type, label_type, classes, runtime operator(pg_catalog.->>) 'name' as runtime
from ml.model_version where id operator(pg_catalog.=) $1
"""

_CHUNKS = "select digest, data from ml.artifact where version_id = $1 and kind = $2 order by chunk"
_DIGESTS = "select kind, digest from ml.artifact where version_id = $1 and chunk = 0"


def load_predictor(db: PlpyDatabase, visible: VisibleVersion) -> Predictor:
    """Load a version that the caller was seen to be allowed, ready to predict.

    Raises
    ------
    ArtifactError
        ML018: what is stored is not what was stored, or not acceptable.
    """
    from motadata_ml_server.features.plan import FeaturePlan
    from motadata_ml_server.inference.predictor import Predictor
    from motadata_ml_server.persistence.json_intake import read_json

    version_id = visible.version_id
    row = db.query(_DESCRIBE, ["bigint"], [version_id])[0]
    kind = row["runtime"] if row["runtime"] in ("linear", "onnx", "grouped") else "skops"
    stored, payload = load_artifacts(db, visible, [PLAN, kind])
    plan = read_json(stored, "feature plan", FeaturePlan.from_json)
    meaning = (row["classes"], row["label_type"], row["model_type"])
    if kind == "grouped":
        from motadata_ml_server.inference.grouped import GroupedPredictor

        return GroupedPredictor(plan, payload, *meaning)
    return Predictor(plan, kind, payload, *meaning)


def load_artifacts(db: PlpyDatabase, visible: VisibleVersion, kinds: Sequence[str]) -> list[bytes]:
    """Load some artifacts of a version as the owner, checking every digest."""
    found = load_present(db, visible, kinds)
    if found.keys() != set(kinds):
        raise _damaged(visible)
    return [found[kind] for kind in kinds]


def load_present(db: PlpyDatabase, visible: VisibleVersion, kinds: Sequence[str]) -> dict[str, bytes]:
    """Load those of some artifacts that the version was stored with, checking every digest.

    Raises
    ------
    ArtifactError
        ML018: what is stored is not what was stored.
    """
    digests, loaded = definer.read_as_owner(db, lambda owner: _load(owner, visible.version_id, kinds))
    if digest_of(digests) != visible.digest:
        raise _damaged(visible)
    expected = dict(digests)
    found = {kind: data for kind, data in zip(kinds, loaded, strict=True) if kind in expected}
    if any(hashlib.sha256(data).hexdigest() != expected[kind] for kind, data in found.items()):
        raise _damaged(visible)
    return found


def _load(db: PlpyDatabase, version_id: int, kinds: Sequence[str]) -> tuple[list[tuple[str, str]], list[bytes]]:
    digests = [(row["kind"], row["digest"]) for row in db.query(_DIGESTS, ["bigint"], [version_id])]
    loaded = []
    for kind in kinds:
        rows = db.query(_CHUNKS, ["bigint", "text"], [version_id, kind])
        loaded.append(b"".join(row["data"] for row in rows))
    return digests, loaded


def _damaged(visible: VisibleVersion) -> ArtifactError:
    return ArtifactError(
        f"the stored artifacts of model {visible.model_id!r} version {visible.version} do not match their digest",
        hint="Restore table ml.artifact from a backup, roll back to another version, or train again.",
    )


# -- deploy, roll back, delete -----------------------------------------------------------------------------------

_LOCK = "select id, deployed_version_id from ml.model where tenant_id = $1 and model_id = $2 for update"


def _lock(db: PlpyDatabase, tenant_id: str, model_id: str) -> Row:
    rows = db.query(_LOCK, ["text", "text"], [tenant_id, model_id])
    if not rows:
        raise model_not_found(model_id, tenant_id)
    return rows[0]


def deploy(db: PlpyDatabase, visible: VisibleVersion, role: str) -> str:
    """Make a version the one that predicts; returns its number."""

    def operation(owner: PlpyDatabase) -> str:
        model = _lock(owner, visible.tenant_id, visible.model_id)
        if not owner.query("select from ml.model_version where id = $1", ["bigint"], [visible.version_id]):
            raise VersionNotFoundError(
                f"version {visible.version} of model {visible.model_id!r} was deleted meanwhile",
                hint="select * from ml.model_versions lists what is there.",
            )
        if model["deployed_version_id"] != visible.version_id:
            _deploy(owner, model["id"], visible.tenant_id, visible.version_id, role)
        return visible.version

    return definer.write_as_owner(db, operation)


def _deploy(db: PlpyDatabase, model: int, tenant_id: str, version_id: int, role: str) -> None:
    db.query(
        "insert into ml.deployment (model, tenant_id, version_id, deployed_by) values ($1, $2, $3, $4)",
        ["bigint", "text", "bigint", "name"],
        [model, tenant_id, version_id, role],
    )
    db.query(
        "update ml.model set deployed_version_id = $2 where id = $1",
        ["bigint", "bigint"],
        [model, version_id],
    )


_STANDING = """
select d.id, d.version_id, v.version from ml.deployment d join ml.model_version v on v.id = d.version_id
where d.model = $1 and d.rolled_back_at is null order by d.id desc limit 2
"""


def rollback(db: PlpyDatabase, tenant_id: str, model_id: str) -> str:
    """Deploy again what was deployed before the present version; returns its number.

    Raises
    ------
    VersionNotFoundError
        ML014: nothing was deployed before.
    """

    def operation(owner: PlpyDatabase) -> str:
        model = _lock(owner, tenant_id, model_id)["id"]
        standing = owner.query(_STANDING, ["bigint"], [model])
        if len(standing) < 2:
            raise VersionNotFoundError(
                f"model {model_id!r} has no earlier deployment to roll back to",
                hint="Deploy a version by its number: select ml.deploy(model_id, version).",
            )
        present, earlier = standing
        owner.query(
            "update ml.deployment set rolled_back_at = pg_catalog.clock_timestamp() where id = $1",
            ["bigint"],
            [present["id"]],
        )
        owner.query(
            "update ml.model set deployed_version_id = $2 where id = $1",
            ["bigint", "bigint"],
            [model, earlier["version_id"]],
        )
        return str(earlier["version"])

    return definer.write_as_owner(db, operation)


def delete(db: PlpyDatabase, tenant_id: str, model_id: str, visible: VisibleVersion | None) -> bool:
    """Delete a model with all its versions, or one version that is not deployed.

    Raises
    ------
    InvalidArgumentError
        ML009: the version is deployed.
    """

    def operation(owner: PlpyDatabase) -> bool:
        model = _lock(owner, tenant_id, model_id)
        if visible is None:
            owner.query("delete from ml.model where id = $1", ["bigint"], [model["id"]])
        elif model["deployed_version_id"] == visible.version_id:
            raise InvalidArgumentError(
                f"version {visible.version} of model {model_id!r} is deployed and cannot be deleted",
                hint="Deploy another version first, or delete the whole model by naming no version.",
            )
        else:
            owner.query("delete from ml.model_version where id = $1", ["bigint"], [visible.version_id])
        return True

    return definer.write_as_owner(db, operation)
