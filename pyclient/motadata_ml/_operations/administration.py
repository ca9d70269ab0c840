"""Rights, quotas, options, the state of the installation and of the session."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from motadata_ml._calls import Call, Fetch, Steps
from motadata_ml._operations.functions import rows_of, select_function, select_view, value_of
from motadata_ml._operations.settings import Settings
from motadata_ml.results import ResultTable

Access: TypeAlias = Literal["predict", "train", "admin"]
"""What a role may do for a tenant."""


def grant_usage(
    settings: Settings, role_name: str, tenant_id: str | None, admin: bool, access: str | None
) -> Call[Any]:
    """Return the call that lets a role act for a tenant."""
    arguments = {"role_name": role_name, "tenant_id": settings.tenant(tenant_id), "admin": admin or None}
    arguments["access"] = access
    return value_of("grant_usage", arguments)


def revoke_usage(settings: Settings, role_name: str, tenant_id: str | None) -> Call[Any]:
    """Return the call that takes that back."""
    return value_of("revoke_usage", {"role_name": role_name, "tenant_id": settings.tenant(tenant_id)})


def tenant_roles(settings: Settings, tenant_id: str | None) -> Call[ResultTable]:
    """Return the call that lists who may act for a tenant."""
    return rows_of(select_view("tenant_roles", {"tenant_id": settings.tenant(tenant_id)}, "tenant_id, role"))


def refresh_usage() -> Call[Any]:
    """Return the call that renews every role's rights; its answer is how many roles."""
    return value_of("refresh_usage", {})


def set_quota(
    tenant_id: str,
    max_models: int | None,
    max_bytes: int | None,
    max_training_seconds_per_day: float | None,
) -> Call[Any]:
    """Return the call that limits a tenant."""
    arguments = {
        "tenant_id": tenant_id,
        "max_models": max_models,
        "max_bytes": max_bytes,
        "max_training_seconds_per_day": max_training_seconds_per_day,
    }
    return value_of("set_quota", arguments)


def tenant_sizes(settings: Settings, tenant_id: str | None) -> Call[ResultTable]:
    """Return the call that reads what each tenant holds."""
    return rows_of(select_view("tenant_sizes", {"tenant_id": settings.tenant(tenant_id)}, "tenant_id"))


def current_tenant(settings: Settings, tenant_id: str | None) -> Call[Any]:
    """Return the call that asks which tenant calls act for; its answer is a text."""
    return value_of("current_tenant", {"tenant_id": settings.tenant(tenant_id)}, reads=True)


def set_option(name: str, value: str | None) -> Call[None]:
    """Return the call that sets an option; None restores its default, so it has to be sent."""
    step = Fetch("select ml.set_option(%s::pg_catalog.text, %s::pg_catalog.text)", (name, value))

    def steps() -> Steps[None]:
        yield step

    return Call(steps)


def options() -> Call[ResultTable]:
    """Return the call that lists the options."""
    return rows_of(select_view("options", {}, "name"))


def doctor() -> Call[ResultTable]:
    """Return the call that checks the installation."""
    return rows_of(select_function("doctor", {}))


def cache_status() -> Call[ResultTable]:
    """Return the call that lists what the session holds in memory."""
    return rows_of(select_view("cache_status", {}, "model_id, version"))


def cache_clear() -> Call[Any]:
    """Return the call that empties it; its answer is how many models there were."""
    return value_of("cache_clear", {})
