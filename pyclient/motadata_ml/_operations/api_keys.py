"""API keys of the serving process: made, listed, revoked, and what one opens."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Any

from psycopg import sql

from motadata_ml._calls import Call, Fetch, Steps
from motadata_ml._operations.functions import rows_of, select_view, value_of
from motadata_ml._operations.settings import Settings
from motadata_ml.results import ResultTable

SCOPES = ("predict", "read", "admin")
"""What a key may do; each may do what those before it may."""

_ACCESS = sql.SQL("""
select k.tenant_id, k.scope from pg_catalog.pg_roles r, ml._api_key(%s::pg_catalog.bytea, r.oid) k
where r.rolname operator(pg_catalog.=) current_user
""")


@dataclass(frozen=True)
class Access:
    """What a key opens.

    Attributes
    ----------
    tenant_id : str
        The tenant it speaks for.
    scope : str
        One of `SCOPES`.
    """

    tenant_id: str
    scope: str


def create_api_key(
    settings: Settings, name: str, scope: str, expires_at: datetime.datetime | str | None, tenant_id: str | None
) -> Call[Any]:
    """Return the call that makes a key; its answer is the key."""
    arguments = {"name": name, "scope": scope, "expires_at": expires_at, "tenant_id": settings.tenant(tenant_id)}
    return value_of("create_api_key", arguments)


def revoke_api_key(settings: Settings, key_id: int, tenant_id: str | None) -> Call[Any]:
    """Return the call that revokes a key; its answer is whether there was one."""
    return value_of("revoke_api_key", {"key_id": key_id, "tenant_id": settings.tenant(tenant_id)})


def api_keys(settings: Settings, tenant_id: str | None) -> Call[ResultTable]:
    """Return the call that lists the keys of a tenant, or of all that are visible."""
    return rows_of(select_view("api_keys", {"tenant_id": settings.tenant(tenant_id)}, "id"))


def access_of(digest: bytes) -> Call[Access | None]:
    """Return the call that finds what a key opens; its answer is None for a key that does not count."""

    def steps() -> Steps[Access | None]:
        rows = yield Fetch(_ACCESS, (digest,))
        return Access(rows[0]["tenant_id"], rows[0]["scope"]) if rows else None

    return Call(steps, transaction=False, repeat=True)
