"""Who may act for which tenant, and the rights that come with it."""

from __future__ import annotations

from motadata_ml_server.errors import InsufficientPrivilegeError, InvalidArgumentError
from motadata_ml_server.postgres import parallel_safety
from motadata_ml_server.postgres.database import Database
from motadata_ml_server.postgres.owner import caller_is_owner, write_as_owner
from motadata_ml_server.tenants import resolution

READABLE = (
    "tenant",
    "tenant_role",
    "model",
    "model_version",
    "deployment",
    "trial",
    "option",
    "models",
    "model_versions",
    "trials",
    "training_progress",
    "algorithms",
    "options",
    "cache_status",
    "experiment_runs",
    "stat_models",
    "quota",
    "tenant_sizes",
    "schedule",
    "schedule_run",
    "schedules",
    "schedule_history",
    "api_keys",
)
"""Tables (each with row security, but for the options) and views that a user reads."""

WRITABLE = {
    "experiment_run": "select, insert, update, delete",
    "experiment_param": "select, insert, update, delete",
    "experiment_metric": "select, insert, update, delete",
}
"""Tables that a client writes itself; row security decides which rows."""

SEQUENCES = ("experiment_run_seq", "experiment_metric_seq")
"""What numbers the rows of those tables."""

OWNER_ONLY = ("set_option", "set_quota", "refresh_usage", "_as_float8_array", "_as_int4_array")
"""Functions that stay with the extension's owner and superusers."""


_ADMIN = "select exists (select from ml.tenant_role where tenant_id operator(pg_catalog.=) $1 and admin) as admin"

_FUNCTIONS = """
select p.oid::pg_catalog.regprocedure::pg_catalog.text as name from pg_catalog.pg_proc p
join pg_catalog.pg_namespace n on n.oid operator(pg_catalog.=) p.pronamespace
where n.nspname operator(pg_catalog.=) 'ml' and p.proname operator(pg_catalog.<>) all ($1) order by 1
"""


_GRANTED = """
select distinct r.rolname::pg_catalog.text as name
from ml.tenant_role t join pg_catalog.pg_roles r on r.oid operator(pg_catalog.=) t.role order by 1
"""

_LACKING = """
select distinct r.rolname::pg_catalog.text as name
from ml.tenant_role t join pg_catalog.pg_roles r on r.oid operator(pg_catalog.=) t.role
where exists (
    select from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid operator(pg_catalog.=) p.pronamespace
    where n.nspname operator(pg_catalog.=) 'ml' and p.proname operator(pg_catalog.<>) all ($1)
        and not pg_catalog.has_function_privilege(r.oid, p.oid, 'execute'))
order by 1
"""


def _require_admin(db: Database, tenant_id: str) -> None:
    if caller_is_owner(db) or db.query(_ADMIN, ["text"], [tenant_id])[0]["admin"]:
        return
    raise InsufficientPrivilegeError(
        f"the current role does not administer tenant {tenant_id!r}",
        hint="Ask a superuser, or a role that was granted the tenant with admin => true.",
    )


def grant_usage(db: Database, role_name: str, tenant_id: str, admin: bool) -> None:
    """Let a role act for a tenant.

    Raises
    ------
    InvalidArgumentError
        ML009: no such role.
    InsufficientPrivilegeError
        42501: the caller does not administer the tenant.
    """
    resolution.check_name(tenant_id)
    _require_admin(db, tenant_id)
    write_as_owner(db, lambda owner: _grant(owner, role_name, tenant_id, admin))


def _grant(db: Database, role_name: str, tenant_id: str, admin: bool) -> None:
    role = _role(db, role_name)
    db.query("insert into ml.tenant (tenant_id) values ($1) on conflict do nothing", ["text"], [tenant_id])
    db.query(
        "insert into ml.tenant_role (tenant_id, role, admin) values ($1, $2::oid, $3) "
        "on conflict (tenant_id, role) do update set admin = excluded.admin",
        ["text", "bigint", "boolean"],
        [tenant_id, role, admin],
    )
    _for_role(db, role_name, "grant", "to")


def revoke_usage(db: Database, role_name: str, tenant_id: str) -> None:
    """Take a tenant from a role, and with its last tenant the rights on the functions.

    Raises
    ------
    InvalidArgumentError
        ML009: no such role, or it does not have the tenant.
    InsufficientPrivilegeError
        42501: the caller does not administer the tenant.
    """
    _require_admin(db, tenant_id)
    write_as_owner(db, lambda owner: _revoke(owner, role_name, tenant_id))


def _revoke(db: Database, role_name: str, tenant_id: str) -> None:
    role = _role(db, role_name)
    gone = db.query(
        "delete from ml.tenant_role where tenant_id = $1 and role = $2::oid returning 1 as one",
        ["text", "bigint"],
        [tenant_id, role],
    )
    if not gone:
        raise InvalidArgumentError(
            f"role {role_name!r} was not granted tenant {tenant_id!r}",
            hint="select * from ml.tenant_role shows who was.",
        )
    if not db.query("select 1 as one from ml.tenant_role where role = $1::oid limit 1", ["bigint"], [role]):
        _for_role(db, role_name, "revoke", "from")


def refresh_usage(db: Database) -> int:
    """Give every role that acts for a tenant the rights of the installed version; returns how many roles.

    Marks predictions for parallel plans as this version of PostgreSQL allows, too.

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
    names = [row["name"] for row in db.query(_GRANTED)]
    for name in names:
        _for_role(db, name, "grant", "to")
    parallel_safety.refresh(db)
    return len(names)


def roles_lacking_rights(db: Database) -> list[str]:
    """Return the roles that act for a tenant without all rights of the installed version."""
    rows = db.query(_LACKING, ["text[]"], [list(OWNER_ONLY)])
    return [row["name"] for row in rows]


def _role(db: Database, role_name: str) -> int:
    rows = db.query("select oid::bigint as oid from pg_catalog.pg_roles where rolname = $1", ["name"], [role_name])
    if not rows:
        raise InvalidArgumentError(
            f"role_name {role_name!r} is not a role of this server",
            hint="Create it first: create role ... login; names are matched exactly, without quotes.",
        )
    return int(rows[0]["oid"])


def _for_role(db: Database, role_name: str, verb: str, preposition: str) -> None:
    """Grant or revoke what a user of the extension needs."""
    role = db.query("select pg_catalog.quote_ident($1) as name", ["text"], [role_name])[0]["name"]
    functions = ", ".join(row["name"] for row in db.query(_FUNCTIONS, ["text[]"], [list(OWNER_ONLY)]))
    tables = ", ".join(f"ml.{name}" for name in READABLE)
    db.run(f"{verb} usage on schema ml {preposition} {role}")
    db.run(f"{verb} select on {tables} {preposition} {role}")
    for table, rights in WRITABLE.items():
        db.run(f"{verb} {rights} on ml.{table} {preposition} {role}")
    db.run(f"{verb} usage on sequence {', '.join(f'ml.{name}' for name in SEQUENCES)} {preposition} {role}")
    db.run(f"{verb} execute on function {functions} {preposition} {role}")
