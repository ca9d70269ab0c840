"""Which tenant a call acts for."""

from __future__ import annotations

from motadata_ml_server.errors import InvalidArgumentError, TenantAmbiguousError, TenantNotPermittedError
from motadata_ml_server.postgres.database import Database

DEFAULT_TENANT = "default"
MAX_LENGTH = 200

_NAMED = """
select coalesce($1, pg_catalog.current_setting('ml.tenant_id', true)) as tenant_id,
    (select rolsuper from pg_catalog.pg_roles where rolname operator(pg_catalog.=) current_user) as superuser
"""

_PERMITTED = "select exists (select from ml.tenant_role where tenant_id operator(pg_catalog.=) $1) as permitted"

# By the role's memberships, two tenants of each at the most, so that the look-up stays flat however many there are.
_OWN = """
with recursive own (role) as (
    select oid from pg_catalog.pg_roles where rolname operator(pg_catalog.=) current_user
    union
    select m.roleid from pg_catalog.pg_auth_members m join own on m.member operator(pg_catalog.=) own.role
)
select distinct r.tenant_id from own, lateral (
    select tenant_id from ml.tenant_role where role operator(pg_catalog.=) own.role::pg_catalog.regrole
    order by tenant_id limit 2
) as r order by r.tenant_id limit 2
"""


def resolve(db: Database, tenant_id: str | None) -> str:
    """Return the tenant that a call acts for.

    Parameters
    ----------
    db : Database
        The caller's session.
    tenant_id : str or None
        The argument; None takes the setting ``ml.tenant_id``, else the role's only tenant.

    Raises
    ------
    InvalidArgumentError
        ML009: the name is empty or too long.
    TenantNotPermittedError
        ML012: the role may not act for that tenant, or for any.
    TenantAmbiguousError
        ML013: the role has several tenants and none is named.
    """
    row = db.query(_NAMED, ["text"], [tenant_id])[0]
    # An empty setting is as good as none; an empty argument is an error.
    named, superuser = row["tenant_id"] if tenant_id is not None else row["tenant_id"] or None, row["superuser"]
    if named is not None:
        check_name(named)
        if not superuser and not db.query(_PERMITTED, ["text"], [named])[0]["permitted"]:
            raise TenantNotPermittedError(
                f"the current role may not act for tenant {named!r}",
                hint="Ask an administrator for ml.grant_usage(role, tenant_id), or name another tenant.",
            )
        return str(named)
    if superuser:
        return DEFAULT_TENANT
    own = [str(found["tenant_id"]) for found in db.query(_OWN)]
    if not own:
        raise TenantNotPermittedError(
            "the current role may not act for any tenant",
            hint="Ask an administrator to run: select ml.grant_usage('<role>');",
        )
    if len(own) > 1:
        raise TenantAmbiguousError(
            "the current role may act for several tenants and the call names none",
            hint="Pass tenant_id => '...', or set ml.tenant_id = '...'.",
        )
    return own[0]


def check_name(tenant_id: str) -> None:
    """Refuse a tenant name that is empty or too long."""
    if not 1 <= len(tenant_id) <= MAX_LENGTH:
        raise InvalidArgumentError(
            f"tenant_id must have 1 to {MAX_LENGTH} characters, got {len(tenant_id)}",
            hint="Choose a short name.",
        )
