"""API keys: 256 random bits each, known to the database by their SHA-256 only.

A slow hash would add nothing: the keys are random, not chosen, so there is nothing to guess from a digest.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from typing import Any, Final

from motadata_ml_server.errors import InsufficientPrivilegeError, InvalidArgumentError
from motadata_ml_server.postgres.backend import getter
from motadata_ml_server.postgres.database import Database
from motadata_ml_server.postgres.owner import read_as_owner, write_as_owner
from motadata_ml_server.tenants import membership, quotas, resolution
from motadata_ml_server.tenants.patience import soon

SCOPES: Final = ("predict", "read", "admin")
"""What a key may do; each may do what those before it may."""

MAX_NAME: Final = 200
_PREFIX: Final = "mlk_"

_CALLER = """
select r.oid::pg_catalog.int8 as oid, r.rolname::pg_catalog.text as name, r.rolsuper as superuser
from pg_catalog.pg_roles r where r.rolname operator(pg_catalog.=) current_user
"""

_ADMINISTERS = """
select $2 or exists (
    select from ml.tenant_role r
    where r.tenant_id operator(pg_catalog.=) $3 and r.admin
        and pg_catalog.pg_has_role($1::pg_catalog.oid, r.role::pg_catalog.oid, 'usage')) as admin
"""

_INSERT = """
insert into ml.api_key (tenant_id, name, scope, digest, expires_at, created_by)
values ($1, $2, $3, pg_catalog.decode($4, 'hex'), $5, $6)
"""

_REVOKE = """
update ml.api_key set revoked_at = pg_catalog.statement_timestamp()
where id operator(pg_catalog.=) $1 and revoked_at is null and tenant_id operator(pg_catalog.=) $2
returning id
"""

MOST_REVOKED: Final = 100
"""How many revoked keys of a tenant are kept to be looked up: who makes and revokes keys does not fill the table."""

_FORGET = """
delete from ml.api_key where id operator(pg_catalog.=) any (array(
    select k.id from ml.api_key k where k.tenant_id operator(pg_catalog.=) $1 and k.revoked_at is not null
    order by k.revoked_at desc, k.id desc offset $2))
"""

_LIST = """
select k.tenant_id, k.id, k.name, k.scope, k.created_at, k.created_by, k.expires_at, k.revoked_at
from ml.api_key k where k.tenant_id operator(pg_catalog.=) any ($1) order by k.id
"""

_ACCESS = "select tenant_id, scope from ml._api_key($1, $2::pg_catalog.oid)"


@dataclass(frozen=True)
class Access:
    """What an API key opens: a tenant, and how much of it."""

    tenant_id: str
    scope: str


def create(db: Database, name: str, scope: str, expires_at: str | None, tenant_id: str | None) -> str:
    """Make a key for a tenant and return it.

    Parameters
    ----------
    db : Database
        The caller's session.
    name : str
        What its maker calls it, 1 to `MAX_NAME` characters.
    scope : str
        One of `SCOPES`.
    expires_at : str or None
        A timestamp with time zone, as PostgreSQL writes it; None for never.
    tenant_id : str or None
        As `resolution.resolve` takes it.

    Returns
    -------
    str
        The key; the database keeps its digest alone.

    Raises
    ------
    InvalidArgumentError
        ML009: the name is empty or too long, or there is no such scope.
    InsufficientPrivilegeError
        42501: the caller does not administer the tenant.
    QuotaExceededError
        ML021: the tenant may store no more bytes.
    """
    if not 1 <= len(name) <= MAX_NAME:
        raise InvalidArgumentError(
            f"name must have 1 to {MAX_NAME} characters, got {len(name)}", hint="Say in a few words who uses the key."
        )
    if scope not in SCOPES:
        raise InvalidArgumentError(
            f"scope must be one of {', '.join(SCOPES)}, got {scope!r}",
            hint="An application that predicts needs predict.",
        )
    tenant = resolution.resolve(db, tenant_id)
    caller = _administrator(db, tenant)
    key = _PREFIX + secrets.token_urlsafe(32)
    digest = hashlib.sha256(key.encode()).hexdigest()
    types = ["text", "text", "text", "text", "timestamptz", "name"]
    write_as_owner(db, lambda owner: _insert(owner, types, [tenant, name, scope, digest, expires_at, caller]))
    return key


def _insert(db: Database, types: list[str], values: list[Any]) -> None:
    db.query("insert into ml.tenant (tenant_id) values ($1) on conflict do nothing", ["text"], values[:1])
    with quotas.within_bytes(db, values[0]) as grow:
        grow(quotas.ROW_BYTES + len(values[1].encode()))
        db.query(_INSERT, types, values)


def revoke(db: Database, key_id: int, tenant_id: str | None) -> bool:
    """Revoke a key of a tenant, and return whether there was one that was not revoked.

    Of the keys that were revoked before, the latest `MOST_REVOKED` stay in the table.

    Raises
    ------
    InsufficientPrivilegeError
        42501: the caller does not administer the tenant.
    """
    tenant = resolution.resolve(db, tenant_id)
    _administrator(db, tenant)

    def operation(owner: Database) -> bool:
        with soon(owner, f"API key {key_id}"):
            revoked = bool(owner.query(_REVOKE, ["bigint", "text"], [key_id, tenant]))
            owner.query(_FORGET, ["text", "bigint"], [tenant, MOST_REVOKED])
            return revoked

    return write_as_owner(db, operation)


def visible(db: Database) -> list[dict[str, Any]]:
    """Return the keys of the tenants that the caller may do more than predict for, without their digests."""
    caller = membership.caller_of(db)

    def operation(owner: Database) -> list[dict[str, Any]]:
        tenants = membership.tenants_of(owner, caller)
        return [dict(row) for row in owner.query(_LIST, ["text[]"], [tenants])]

    return read_as_owner(db, operation)


def access(db: Database, digest: bytes) -> Access | None:
    """Return what a key opens for the caller; None for one that does not count, or is of a tenant not the caller's.

    Parameters
    ----------
    db : Database
        The caller's session.
    digest : bytes
        SHA-256 of the key.
    """
    rows = db.query(_ACCESS, ["bytea", "bigint"], [digest, _caller_oid()])
    return Access(rows[0]["tenant_id"], rows[0]["scope"]) if rows else None


def _caller_oid() -> int:
    """Return the role that the session acts as now, without a query."""
    oid: int = getter("GetUserId")()
    return oid


def _administrator(db: Database, tenant: str) -> str:
    """Return the caller's name, if it administers the tenant: asked as membership, whatever it may read."""
    caller = db.query(_CALLER)[0]
    values = [caller["oid"], caller["superuser"], tenant]
    types = ["bigint", "boolean", "text"]
    if not read_as_owner(db, lambda owner: owner.query(_ADMINISTERS, types, values))[0]["admin"]:
        raise InsufficientPrivilegeError(
            f"the current role does not administer tenant {tenant!r}",
            hint="Ask a superuser, or a role that was granted the tenant with admin => true.",
        )
    return str(caller["name"])
