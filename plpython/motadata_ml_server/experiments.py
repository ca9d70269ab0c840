"""What the tables of experiments and API keys need from the server."""

from __future__ import annotations

from motadata_ml_server import database, tenancy
from motadata_ml_server.boundary import boundary


@boundary
def current_tenant(tenant_id: str | None) -> str:
    """Return the tenant that a call acts for: the one named, else the session's."""
    return tenancy.resolve(database.current(), tenant_id)
