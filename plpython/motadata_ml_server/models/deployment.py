"""Which version of a model predicts: deploy, roll back, delete."""

from __future__ import annotations

from motadata_ml_server.errors import InvalidArgumentError, VersionNotFoundError
from motadata_ml_server.models.version import VisibleVersion, model_not_found
from motadata_ml_server.postgres.database import Database, Row
from motadata_ml_server.postgres.owner import query_as_owner, write_as_owner
from motadata_ml_server.tenants import quotas

_LOCK = """
select id, deployed_version_id from ml.model
where tenant_id operator(pg_catalog.=) $1 and model_id operator(pg_catalog.=) $2 for update
"""


def _lock(db: Database, tenant_id: str, model_id: str) -> Row:
    rows = db.query(_LOCK, ["text", "text"], [tenant_id, model_id])
    if not rows:
        raise model_not_found(model_id, tenant_id)
    return rows[0]


def deploy(db: Database, visible: VisibleVersion, role: str) -> str:
    """Make a version the one that predicts; returns its number.

    Raises
    ------
    QuotaExceededError
        ML021: the tenant may store no more bytes; each deployment is a row of the history.
    """

    def operation(owner: Database) -> str:
        model = _lock(owner, visible.tenant_id, visible.model_id)
        if not owner.query(
            "select from ml.model_version where id operator(pg_catalog.=) $1", ["bigint"], [visible.version_id]
        ):
            raise VersionNotFoundError(
                f"version {visible.version} of model {visible.model_id!r} was deleted meanwhile",
                hint="select * from ml.model_versions lists what is there.",
            )
        if model["deployed_version_id"] != visible.version_id:
            with quotas.within_bytes(owner, visible.tenant_id) as grow:
                record_deployment(owner, model["id"], visible.tenant_id, visible.version_id, role)
                grow(quotas.ROW_BYTES)
        return visible.version

    return write_as_owner(db, operation)


_DEPLOYED_TYPE = """
select v.model_type from ml.model m join ml.model_version v on v.id operator(pg_catalog.=) m.deployed_version_id
where m.tenant_id operator(pg_catalog.=) $1 and m.model_id operator(pg_catalog.=) $2
"""


def is_to_predict(db: Database, tenant_id: str, model_id: str, model_type: str, asked: bool | None) -> bool:
    """Return whether a new version is to predict; unasked, it does not take the place of another model type."""
    if asked is not None:
        return asked
    deployed = query_as_owner(db, _DEPLOYED_TYPE, ["text", "text"], [tenant_id, model_id])
    return not deployed or bool(deployed[0]["model_type"] == model_type)


def record_deployment(db: Database, model: int, tenant_id: str, version_id: int, role: str) -> None:
    """Write down that a version was deployed, and make it the one that predicts; runs as the owner."""
    db.query(
        "insert into ml.deployment (model, tenant_id, version_id, deployed_by) values ($1, $2, $3, $4)",
        ["bigint", "text", "bigint", "name"],
        [model, tenant_id, version_id, role],
    )
    db.query(_PREDICTS, ["bigint", "bigint"], [model, version_id])


_PREDICTS = """
update ml.model set deployed_version_id = $2, model_type = (
    select v.model_type from ml.model_version v where v.id operator(pg_catalog.=) $2
)
where id operator(pg_catalog.=) $1
"""

_STANDING = """
select d.id, d.version_id, v.version from ml.deployment d
join ml.model_version v on v.id operator(pg_catalog.=) d.version_id
where d.model operator(pg_catalog.=) $1 and d.rolled_back_at is null order by d.id desc limit 2
"""


def rollback(db: Database, tenant_id: str, model_id: str) -> str:
    """Deploy again what was deployed before the present version; returns its number.

    Raises
    ------
    VersionNotFoundError
        ML014: nothing was deployed before.
    """

    def operation(owner: Database) -> str:
        model = _lock(owner, tenant_id, model_id)["id"]
        standing = owner.query(_STANDING, ["bigint"], [model])
        if len(standing) < 2:
            raise VersionNotFoundError(
                f"model {model_id!r} has no earlier deployment to roll back to",
                hint="Deploy a version by its number: select ml.deploy(model_id, version).",
            )
        present, earlier = standing
        owner.query(
            "update ml.deployment set rolled_back_at = pg_catalog.clock_timestamp() where id operator(pg_catalog.=) $1",
            ["bigint"],
            [present["id"]],
        )
        owner.query(_PREDICTS, ["bigint", "bigint"], [model, earlier["version_id"]])
        return str(earlier["version"])

    return write_as_owner(db, operation)


def delete(db: Database, tenant_id: str, model_id: str, visible: VisibleVersion | None) -> bool:
    """Delete a model with all its versions, or one version that is not deployed.

    Raises
    ------
    InvalidArgumentError
        ML009: the version is deployed.
    """

    def operation(owner: Database) -> bool:
        model = _lock(owner, tenant_id, model_id)
        if visible is None:
            owner.query("delete from ml.model where id operator(pg_catalog.=) $1", ["bigint"], [model["id"]])
        elif model["deployed_version_id"] == visible.version_id:
            raise InvalidArgumentError(
                f"version {visible.version} of model {model_id!r} is deployed and cannot be deleted",
                hint="Deploy another version first, or delete the whole model by naming no version.",
            )
        else:
            owner.query(
                "delete from ml.model_version where id operator(pg_catalog.=) $1", ["bigint"], [visible.version_id]
            )
        return True

    return write_as_owner(db, operation)
