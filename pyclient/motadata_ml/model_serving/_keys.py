"""API keys, as those who run the serving process handle them.

A key is 256 random bits, known to the database by their SHA-256 only. A slow hash would add nothing: the keys are
random, not chosen, so there is nothing to guess from a digest.
"""

from __future__ import annotations

import datetime
import hashlib

from psycopg import sql

from motadata_ml._calls import Call, Fetch, Steps
from motadata_ml._operations import api_keys
from motadata_ml.ml_framework import ModelManager
from motadata_ml.results import ModelInfo, ModelList

_LIST = sql.SQL("""
select id, tenant_id, name, created_at, created_by, expires_at, revoked_at, scope from ml.api_keys
where tenant_id operator(pg_catalog.=) ml.current_tenant(%s::pg_catalog.text) order by id
""")


def create_api_key(
    manager: ModelManager,
    name: str,
    tenant_id: str | None = None,
    *,
    expires_at: datetime.datetime | None = None,
    scope: str = "read",
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
    scope : str
        ``predict``: predictions alone; ``read``: the descriptions of models as well; ``admin``: deploy and roll back
        as well. The default is what keys could do before there were scopes.

    Raises
    ------
    InsufficientPrivilegeError
        If the role does not administer the tenant.
    InvalidArgumentError
        If there is no such scope, or the name is empty or too long.
    """
    key: str = manager.db.run(api_keys.create_api_key(manager.settings, name, scope, expires_at, tenant_id))
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
    revoked: bool = manager.db.run(api_keys.revoke_api_key(manager.settings, key_id, tenant_id))
    return revoked


def list_api_keys(manager: ModelManager, tenant_id: str | None = None) -> ModelList:
    """List a tenant's keys, without the keys themselves."""
    tenant = manager.settings.tenant(tenant_id)

    def steps() -> Steps[ModelList]:
        rows = yield Fetch(_LIST, (tenant,))
        return ModelList(ModelInfo(row) for row in rows)

    return manager.db.run(Call(steps, transaction=False, repeat=True))


def digest(key: str) -> bytes:
    """Return what the database knows of a key."""
    return hashlib.sha256(key.encode()).digest()
