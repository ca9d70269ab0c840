"""API keys: 256 random bits each, known to the database by their SHA-256 only.

A slow hash would add nothing: the keys are random, not chosen, so there is nothing to guess from a digest.
"""

from __future__ import annotations

import datetime
import hashlib
import secrets

from psycopg import sql

from motadata_ml._calls import Call, Fetch, Steps
from motadata_ml.ml_framework import ModelManager
from motadata_ml.results import ModelInfo, ModelList

_PREFIX = "mlk_"

_CREATE = sql.SQL("""
insert into ml.api_key (tenant_id, name, digest, expires_at)
values (ml.current_tenant(%s::text), %s::text, %s::bytea, %s::timestamptz)
""")

_REVOKE = sql.SQL("""
update ml.api_key set revoked_at = now()
where id = %s::bigint and revoked_at is null and tenant_id = ml.current_tenant(%s::text)
returning id
""")

_LIST = sql.SQL("""
select id, tenant_id, name, created_at, created_by, expires_at, revoked_at from ml.api_key
where tenant_id = ml.current_tenant(%s::text) order by id
""")

_TENANT = sql.SQL("""
select tenant_id from ml.api_key
where digest = %s::bytea and revoked_at is null and (expires_at is null or expires_at > now())
""")


def create_api_key(
    manager: ModelManager,
    name: str,
    tenant_id: str | None = None,
    *,
    expires_at: datetime.datetime | None = None,
) -> str:
    """Make a key for a tenant and return it; it cannot be shown again.

    Parameters
    ----------
    manager : ModelManager
        Of a role that administers the tenant.
    name : str
        Who it is for.
    tenant_id : str, optional
        By default the manager's.
    expires_at : datetime, optional
        With a time zone.

    Raises
    ------
    InsufficientPrivilegeError
        If the role does not administer the tenant.
    """
    key = _PREFIX + secrets.token_urlsafe(32)
    tenant = manager.settings.tenant(tenant_id)

    def steps() -> Steps[None]:
        yield Fetch(_CREATE, (tenant, name, digest(key), expires_at))

    manager.db.run(Call(steps))
    return key


def revoke_api_key(manager: ModelManager, key_id: int, tenant_id: str | None = None) -> bool:
    """Revoke a key at once, and tell whether there was one.

    Parameters
    ----------
    manager : ModelManager
        Of a role that administers the tenant.
    key_id : int
        As `list_api_keys` shows it.
    """
    tenant = manager.settings.tenant(tenant_id)

    def steps() -> Steps[bool]:
        rows = yield Fetch(_REVOKE, (key_id, tenant))
        return bool(rows)

    return manager.db.run(Call(steps))


def list_api_keys(manager: ModelManager, tenant_id: str | None = None) -> ModelList:
    """List a tenant's keys, without the keys themselves."""
    tenant = manager.settings.tenant(tenant_id)

    def steps() -> Steps[ModelList]:
        rows = yield Fetch(_LIST, (tenant,))
        return ModelList(ModelInfo(row) for row in rows)

    return manager.db.run(Call(steps, transaction=False, repeat=True))


def tenant_of(key: str) -> Call[str | None]:
    """Return the call that finds the tenant of a key, None for a key that does not count."""

    def steps() -> Steps[str | None]:
        rows = yield Fetch(_TENANT, (digest(key),))
        return rows[0]["tenant_id"] if rows else None

    return Call(steps, transaction=False, repeat=True)


def digest(key: str) -> bytes:
    """Return what the database knows of a key."""
    return hashlib.sha256(key.encode()).digest()
