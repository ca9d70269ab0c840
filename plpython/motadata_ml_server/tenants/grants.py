"""Who may act for which tenant."""

from __future__ import annotations

from motadata_ml_server.errors import InsufficientPrivilegeError, InvalidArgumentError
from motadata_ml_server.postgres import parallel_safety
from motadata_ml_server.postgres.database import Database
from motadata_ml_server.postgres.owner import caller_is_owner, read_as_owner, write_as_owner
from motadata_ml_server.tenants import membership, resolution, rights
from motadata_ml_server.tenants.membership import LEVELS
from motadata_ml_server.tenants.patience import soon

_GRANT = """
insert into ml.tenant_role (tenant_id, role, admin, predict_only) values ($1, $2::pg_catalog.oid, $3, $4)
on conflict (tenant_id, role) do update set admin = excluded.admin, predict_only = excluded.predict_only
"""

_REVOKE = """
delete from ml.tenant_role
where tenant_id operator(pg_catalog.=) $1 and role operator(pg_catalog.=) $2::pg_catalog.oid returning 1 as one
"""

_HELD = "select $2 or pg_catalog.pg_has_role($1, $3, 'usage') as held"


def require_admin(db: Database, tenant_id: str) -> None:
    """Refuse a caller who does not administer a tenant.

    Raises
    ------
    InsufficientPrivilegeError
        42501: neither the extension's owner nor an administrator of the tenant.
    """
    if caller_is_owner(db):
        return
    caller = membership.caller_of(db)
    if read_as_owner(db, lambda owner: membership.access_of(owner, caller, tenant_id)) != "admin":
        raise InsufficientPrivilegeError(
            f"the current role does not administer tenant {tenant_id!r}",
            hint="Ask a superuser, or a role that was granted the tenant with access => 'admin'.",
        )


def grant_usage(db: Database, role_name: str, tenant_id: str, admin: bool = False, access: str | None = None) -> None:
    """Let a role act for a tenant.

    Parameters
    ----------
    db : Database
        The caller's session.
    role_name : str
        The role.
    tenant_id : str
        The tenant.
    admin : bool
        The same as an access of ``admin``.
    access : str or None
        predict, train or admin; None is train, or admin where that is asked for.

    Raises
    ------
    InvalidArgumentError
        ML009: no such role or access, or an access that says other than ``admin``.
    InsufficientPrivilegeError
        42501: the caller does not administer the tenant.
    """
    resolution.check_name(tenant_id)
    level = access if access is not None else "admin" if admin else "train"
    if level not in LEVELS or (admin and level != "admin"):
        raise InvalidArgumentError(
            f"access must be {', '.join(LEVELS[:-1])} or {LEVELS[-1]}, got {access!r}"
            if level not in LEVELS
            else f"access must be admin where admin is true, got {access!r}",
            hint="predict lets a role predict and nothing else; train also lets it train and manage models; admin also "
            "lets it grant the tenant to others.",
        )
    require_admin(db, tenant_id)
    write_as_owner(db, lambda owner: _grant(owner, role_name, tenant_id, level))


def _grant(db: Database, role_name: str, tenant_id: str, level: str) -> None:
    role = role_oid(db, role_name)
    with soon(db, f"what role {role_name!r} may do for tenant {tenant_id!r}"):
        db.query("insert into ml.tenant (tenant_id) values ($1) on conflict do nothing", ["text"], [tenant_id])
        db.query(
            _GRANT,
            ["text", "bigint", "boolean", "boolean"],
            [tenant_id, role, level == "admin", level == "predict"],
        )
    rights.renew(db, role_name, giving=True)


def revoke_usage(db: Database, role_name: str, tenant_id: str) -> None:
    """Take a tenant from a role, and with the last thing it was granted the rights on the functions.

    The row is what decides. Rights on functions that another transaction keeps locked are left, with a WARNING.

    Raises
    ------
    InvalidArgumentError
        ML009: no such role, or it does not have the tenant.
    InsufficientPrivilegeError
        42501: the caller does not administer the tenant.
    """
    require_admin(db, tenant_id)
    write_as_owner(db, lambda owner: _revoke(owner, role_name, tenant_id))


def _revoke(db: Database, role_name: str, tenant_id: str) -> None:
    with soon(db, f"what role {role_name!r} may do for tenant {tenant_id!r}"):
        revoked = db.query(_REVOKE, ["text", "bigint"], [tenant_id, role_oid(db, role_name)])
    if not revoked:
        raise InvalidArgumentError(
            f"role {role_name!r} was not granted tenant {tenant_id!r}",
            hint="select * from ml.tenant_roles shows who was.",
        )
    rights.renew(db, role_name)


def refresh_usage(db: Database) -> int:
    """Give every role that acts for a tenant the rights of the installed version; returns how many roles.

    Rights that an older version gave and this one does not are taken back, and so are those that a revocation had to
    leave; a role whose rights another transaction keeps locked is named in a WARNING and not counted. Marks
    predictions for parallel plans as this version of PostgreSQL allows, too.

    Raises
    ------
    InsufficientPrivilegeError
        42501: the caller is neither a superuser nor the extension's owner.
    """
    if not caller_is_owner(db):
        raise InsufficientPrivilegeError(
            "only the extension's owner refreshes the rights of all roles",
            hint="Ask a superuser: select ml.refresh_usage().",
        )
    return write_as_owner(db, _refresh)


def _refresh(owner: Database) -> int:
    for name in rights.left_behind(owner):
        rights.renew(owner, name)
    renewed = sum(rights.renew(owner, name) for name in rights.holders(owner))
    parallel_safety.refresh(owner)
    return renewed


def roles_lacking_rights(db: Database) -> list[str]:
    """Return the roles whose rights are not those of the installed version; to a user, those that it acts as."""
    caller, everything = membership.caller_of(db), caller_is_owner(db)

    def operation(owner: Database) -> list[str]:
        if not membership.shares_models(owner):
            return []
        return [
            name
            for name in rights.outdated(owner)
            if owner.query(_HELD, ["name", "boolean", "name"], [caller.role, everything, name])[0]["held"]
        ]

    return read_as_owner(db, operation)


def role_oid(db: Database, role_name: str) -> int:
    """Return the OID of a role.

    Raises
    ------
    InvalidArgumentError
        ML009: no such role.
    """
    rows = db.query(
        "select oid::bigint as oid from pg_catalog.pg_roles where rolname operator(pg_catalog.=) $1",
        ["name"],
        [role_name],
    )
    if not rows:
        raise InvalidArgumentError(
            f"role_name {role_name!r} is not a role of this server",
            hint="Create it first: create role ... login; names are matched exactly, without quotes.",
        )
    return int(rows[0]["oid"])
