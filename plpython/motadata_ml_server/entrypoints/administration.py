"""Entry points of tenants, options, quotas and the doctor."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from motadata_ml_server.entrypoints.required import required
from motadata_ml_server.postgres import database
from motadata_ml_server.postgres.boundary import boundary, boundary_rows
from motadata_ml_server.tenants import grants, resolution


@boundary
def grant_usage(role_name: str | None, tenant_id: str | None, admin: bool | None, access: str | None = None) -> None:
    """Let a role act for a tenant: predict, or also train and manage its models, or also grant it to others."""
    grants.grant_usage(
        database.current(), required("role_name", role_name), required("tenant_id", tenant_id), bool(admin), access
    )


@boundary
def revoke_usage(role_name: str | None, tenant_id: str | None) -> None:
    """Take back what ml.grant_usage gave a role for a tenant."""
    grants.revoke_usage(database.current(), required("role_name", role_name), required("tenant_id", tenant_id))


@boundary
def refresh_usage() -> int:
    """Give every role that acts for a tenant the rights of the installed version, and return how many."""
    return grants.refresh_usage(database.current())


@boundary
def current_tenant(tenant_id: str | None) -> str:
    """Return the tenant that a call acts for: the one named, else the session's."""
    return resolution.resolve(database.current(), tenant_id, "predict")


@boundary_rows
def tenant_role_rows() -> Iterator[dict[str, Any]]:
    """List who may act for the tenants of the caller."""
    from motadata_ml_server.models import listing

    yield from listing.of_own_tenants(database.current(), listing.TENANT_ROLES)


@boundary
def set_option(name: str | None, value: str | None) -> None:
    """Set a server-wide option; a NULL value restores the default. Superusers only."""
    from motadata_ml_server.administration import options as _options

    _options.set_option(database.current(), required("name", name), value)


@boundary_rows
def options() -> Iterator[dict[str, Any]]:
    """List the server-wide options."""
    from motadata_ml_server.administration.options import list_options

    yield from list_options(database.current())


@boundary_rows
def doctor() -> Iterator[dict[str, Any]]:
    """Check the installation, each check with its remedy."""
    from motadata_ml_server.administration import doctor as _doctor

    yield from _doctor.doctor(database.current())


@boundary
def set_quota(
    tenant_id: str | None,
    max_models: int | None,
    max_bytes: int | None,
    max_training_seconds_per_day: float | None,
) -> None:
    """Limit what a tenant may store and train; NULL is no limit. Superusers only."""
    from motadata_ml_server.tenants import quotas

    quotas.set_quota(
        database.current(), required("tenant_id", tenant_id), max_models, max_bytes, max_training_seconds_per_day
    )


@boundary_rows
def tenant_sizes() -> Iterator[dict[str, Any]]:
    """Return what each tenant holds that the caller may act for."""
    from motadata_ml_server.tenants import quotas

    yield from quotas.tenant_sizes(database.current())
