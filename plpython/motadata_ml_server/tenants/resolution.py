"""Which tenant a call acts for, and whether its role may do there what the call does."""

from __future__ import annotations

from dataclasses import dataclass

from motadata_ml_server.errors import (
    InsufficientPrivilegeError,
    InvalidArgumentError,
    TenantAmbiguousError,
    TenantNotPermittedError,
)
from motadata_ml_server.postgres.database import Database
from motadata_ml_server.postgres.owner import read_as_owner
from motadata_ml_server.tenants import membership
from motadata_ml_server.tenants.membership import LEVELS, Access, Caller

DEFAULT_TENANT = "default"
MAX_LENGTH = 200

_REQUEST = """
select coalesce($1, pg_catalog.current_setting('ml.tenant_id', true)) as tenant_id,
    current_user::pg_catalog.text as role,
    (select rolsuper from pg_catalog.pg_roles where rolname operator(pg_catalog.=) current_user) as superuser
"""


@dataclass(frozen=True)
class Request:
    """Who calls, and the tenant that the call or the session names.

    Attributes
    ----------
    caller : Caller
        Who calls.
    named : str or None
        The argument, else the setting ``ml.tenant_id``; None takes the role's only tenant.
    """

    caller: Caller
    named: str | None


def request(db: Database, tenant_id: str | None) -> Request:
    """Return who calls and which tenant is named; to be asked before the session acts as the owner.

    Raises
    ------
    InvalidArgumentError
        ML009: the name is empty or too long.
    """
    row = db.query(_REQUEST, ["text"], [tenant_id])[0]
    # An empty setting is as good as none; an empty argument is an error.
    named = row["tenant_id"] if tenant_id is not None else row["tenant_id"] or None
    if named is not None:
        check_name(named)
    return Request(Caller(str(row["role"]), bool(row["superuser"])), named)


def resolve(db: Database, tenant_id: str | None, access: Access = "train", *, shared: bool = False) -> str:
    """Return the tenant that a call acts for.

    Parameters
    ----------
    db : Database
        The caller's session.
    tenant_id : str or None
        The argument; None takes the setting ``ml.tenant_id``, else the role's only tenant.
    access : str
        What the call does there.
    shared : bool
        Whether a tenant is taken, too, of which the role was only granted single models.

    Raises
    ------
    InvalidArgumentError
        ML009: the name is empty or too long.
    TenantNotPermittedError
        ML012: the role may not act for that tenant, or for any.
    TenantAmbiguousError
        ML013: the role has several tenants and none is named.
    InsufficientPrivilegeError
        42501: the role may act for the tenant, but not do that.
    """
    asked = request(db, tenant_id)

    def operation(owner: Database) -> str:
        tenant, _ = tenant_of(owner, asked, shared=shared)
        require(owner, asked.caller, tenant, access)
        return tenant

    return read_as_owner(db, operation)


def tenant_of(owner: Database, asked: Request, *, shared: bool = False) -> tuple[str, bool]:
    """Return the tenant that a request means, and whether its role may act for it; as the owner.

    Parameters
    ----------
    owner : Database
        The session, as the owner.
    asked : Request
        What `request` returned.
    shared : bool
        Whether a tenant is taken, too, of which the role was only granted single models.

    Raises
    ------
    TenantNotPermittedError, TenantAmbiguousError
        As for `resolve`.
    """
    caller, named = asked.caller, asked.named
    if named is not None:
        if membership.permitted(owner, caller, named):
            return named, True
        if shared and membership.shared(owner, caller, named, None):
            return named, False
        raise TenantNotPermittedError(
            f"the current role may not act for tenant {named!r}",
            hint="Ask an administrator for ml.grant_usage(role, tenant_id), or name another tenant.",
        )
    if caller.superuser:
        return DEFAULT_TENANT, True
    own = membership.own_tenants(owner, caller)
    if not own:
        raise TenantNotPermittedError(
            "the current role may not act for any tenant",
            hint="Ask an administrator to run: select ml.grant_usage('<role>'); or name the tenant whose model you "
            "were granted.",
        )
    if len(own) > 1:
        raise TenantAmbiguousError(
            "the current role may act for several tenants and the call names none",
            hint="Pass tenant_id => '...', or set ml.tenant_id = '...'.",
        )
    return own[0], True


def require(owner: Database, caller: Caller, tenant_id: str, access: Access) -> None:
    """Refuse what a role may not do for a tenant that it may act for; as the owner.

    Raises
    ------
    InsufficientPrivilegeError
        42501: it may do less.
    """
    if access == "predict":
        return  # every role of a tenant may
    held = membership.access_of(owner, caller, tenant_id)
    if held is None or LEVELS.index(held) < LEVELS.index(access):
        may = "administer" if access == "admin" else "do more than predict for"
        raise InsufficientPrivilegeError(
            f"the current role may not {may} tenant {tenant_id!r}",
            hint=f"Ask an administrator for ml.grant_usage(role, tenant_id, access => {access!r}).",
        )


def check_name(tenant_id: str) -> None:
    """Refuse a tenant name that is empty or too long."""
    if not 1 <= len(tenant_id) <= MAX_LENGTH:
        raise InvalidArgumentError(
            f"tenant_id must have 1 to {MAX_LENGTH} characters, got {len(tenant_id)}",
            hint="Choose a short name.",
        )
