"""One model of a tenant shared with a role of another, for predictions only."""

from __future__ import annotations

from motadata_ml_server.errors import InvalidArgumentError
from motadata_ml_server.models.version import model_not_found
from motadata_ml_server.postgres.database import Database
from motadata_ml_server.postgres.owner import write_as_owner
from motadata_ml_server.tenants import grants, membership, rights
from motadata_ml_server.tenants.patience import soon

_MODEL = "select id from ml.model where tenant_id operator(pg_catalog.=) $1 and model_id operator(pg_catalog.=) $2"

_GRANT = """
insert into ml.model_grant (model, role, granted_by) values ($1, $2::pg_catalog.oid, $3)
on conflict (model, role) do nothing
"""

_REVOKE = """
delete from ml.model_grant
where model operator(pg_catalog.=) $1 and role operator(pg_catalog.=) $2::pg_catalog.oid returning 1 as one
"""


def grant_model(db: Database, tenant_id: str, model_id: str, role_name: str, access: str) -> None:
    """Let a role predict with one model of a tenant that it need not act for.

    Parameters
    ----------
    db : Database
        The caller's session.
    tenant_id, model_id : str
        The model.
    role_name : str
        The role.
    access : str
        ``predict``; a model is shared for nothing else.

    Raises
    ------
    InvalidArgumentError
        ML009: no such role, or another access.
    InsufficientPrivilegeError
        42501: the caller does not administer the tenant.
    ModelNotFoundError
        ML001: the tenant has no such model.
    """
    if access != "predict":
        raise InvalidArgumentError(
            f"access must be predict, got {access!r}",
            hint="A single model is shared for predictions only; ml.grant_usage gives a role more, for a whole tenant.",
        )
    grants.require_admin(db, tenant_id)
    caller = membership.caller_of(db)

    def operation(owner: Database) -> None:
        model, role = _model(owner, tenant_id, model_id), grants.role_oid(owner, role_name)
        with soon(owner, f"whom model {model_id!r} is shared with"):
            owner.query(_GRANT, ["bigint", "bigint", "name"], [model, role, caller.role])
        rights.renew(owner, role_name, giving=True)

    write_as_owner(db, operation)


def revoke_model(db: Database, tenant_id: str, model_id: str, role_name: str) -> None:
    """Take back what `grant_model` gave; the role's next statement predicts with the model no more.

    Raises
    ------
    InvalidArgumentError
        ML009: no such role, or the model was not shared with it.
    InsufficientPrivilegeError
        42501: the caller does not administer the tenant.
    ModelNotFoundError
        ML001: the tenant has no such model.
    """
    grants.require_admin(db, tenant_id)

    def operation(owner: Database) -> None:
        model, role = _model(owner, tenant_id, model_id), grants.role_oid(owner, role_name)
        with soon(owner, f"whom model {model_id!r} is shared with"):
            revoked = owner.query(_REVOKE, ["bigint", "bigint"], [model, role])
        if not revoked:
            raise InvalidArgumentError(
                f"model {model_id!r} was not granted to role {role_name!r}",
                hint="ml.models shows in granted_to which roles a model is shared with.",
            )
        rights.renew(owner, role_name)

    write_as_owner(db, operation)


def _model(owner: Database, tenant_id: str, model_id: str) -> int:
    rows = owner.query(_MODEL, ["text", "text"], [tenant_id, model_id])
    if not rows:
        raise model_not_found(model_id, tenant_id)
    return int(rows[0]["id"])
