"""Models: list, describe, deploy, roll back, delete; what they were and how often they are asked."""

from __future__ import annotations

import datetime
from typing import Any

from psycopg import sql

from motadata_ml._calls import Call, Fetch, Steps
from motadata_ml._operations.functions import rows_of, select_function, select_view, value_of
from motadata_ml._operations.settings import Settings
from motadata_ml.errors import InvalidArgumentError, ModelNotFoundError
from motadata_ml.results import ModelInfo, ModelList, ResultTable

_VERSIONS = sql.SQL(
    "select * from ml.model_versions where model_id operator(pg_catalog.=) %s::pg_catalog.text "
    "and tenant_id operator(pg_catalog.=) %s::pg_catalog.text order by trained_at"
)


def list_models(settings: Settings, tenant_id: str | None) -> Call[ModelList]:
    """Return the call that lists a tenant's models."""

    def steps() -> Steps[ModelList]:
        rows = yield select_function("list_models", {"tenant_id": settings.tenant(tenant_id)})
        return ModelList(ModelInfo(row) for row in rows)

    return Call(steps, transaction=False, repeat=True)


def get_model_info(settings: Settings, model_id: str, tenant_id: str | None, version: str | None) -> Call[ModelInfo]:
    """Return the call that describes a model version."""

    def steps() -> Steps[ModelInfo]:
        info = yield from info_steps(settings, model_id, tenant_id, version)
        return info

    return Call(steps, model_id=model_id, transaction=False, repeat=True)


def info_steps(settings: Settings, model_id: str, tenant_id: str | None, version: str | None) -> Steps[ModelInfo]:
    """Ask the server for the description of a model version."""
    rows = yield select_function(
        "get_model_info",
        {"model_id": model_id, "version": version, "tenant_id": settings.tenant(tenant_id)},
        "get_model_info as info",
    )
    info = ModelInfo(rows[0]["info"])
    trained_at = info.get("trained_at")
    if isinstance(trained_at, str):
        info["trained_at"] = datetime.datetime.fromisoformat(trained_at)
    return info


def versions(settings: Settings, model_id: str, tenant_id: str | None) -> Call[ModelList]:
    """Return the call that lists the versions of a model, oldest first."""

    def steps() -> Steps[ModelList]:
        models = yield select_function("list_models", {"tenant_id": settings.tenant(tenant_id)})
        tenants = [row["tenant_id"] for row in models if row["model_id"] == model_id]
        if not tenants:
            error = ModelNotFoundError(
                f"there is no model {model_id!r}", hint="model_manager.list_models() shows what there is"
            )
            error.model_id = model_id
            raise error
        rows = yield Fetch(_VERSIONS, (model_id, tenants[0]))
        return ModelList(ModelInfo(row) for row in rows)

    return Call(steps, model_id=model_id, transaction=False, repeat=True)


def delete_model(settings: Settings, model_id: str, tenant_id: str | None, version: str | None) -> Call[Any]:
    """Return the call that deletes a model or one version; its answer is a boolean."""
    arguments = {"model_id": model_id, "version": version, "tenant_id": settings.tenant(tenant_id)}
    return value_of("delete_model", arguments, model_id)


def deploy(settings: Settings, model_id: str, version: str, tenant_id: str | None) -> Call[Any]:
    """Return the call that makes a version the one that predicts; its answer is the version."""
    if not isinstance(version, str):
        raise InvalidArgumentError(
            f"version must be text such as '1.0.0', got {version!r}",
            hint="model_manager.versions() lists them",
        )
    arguments = {"model_id": model_id, "version": version, "tenant_id": settings.tenant(tenant_id)}
    return value_of("deploy", arguments, model_id)


def rollback(settings: Settings, model_id: str, tenant_id: str | None) -> Call[Any]:
    """Return the call that deploys the previous version again; its answer is the version."""
    return value_of("rollback", {"model_id": model_id, "tenant_id": settings.tenant(tenant_id)}, model_id)


def grant_model(settings: Settings, model_id: str, role_name: str, access: str, tenant_id: str | None) -> Call[Any]:
    """Return the call that shares a model with a role."""
    arguments = {"model_id": model_id, "role_name": role_name, "access": access}
    return value_of("grant_model", {**arguments, "tenant_id": settings.tenant(tenant_id)}, model_id)


def revoke_model(settings: Settings, model_id: str, role_name: str, tenant_id: str | None) -> Call[Any]:
    """Return the call that takes that back."""
    arguments = {"model_id": model_id, "role_name": role_name, "tenant_id": settings.tenant(tenant_id)}
    return value_of("revoke_model", arguments, model_id)


def deployments(settings: Settings, model_id: str | None, tenant_id: str | None) -> Call[ResultTable]:
    """Return the call that lists the history of deployments, oldest first."""
    conditions = {"model_id": model_id, "tenant_id": settings.tenant(tenant_id)}
    return rows_of(select_view("deployments", conditions, "deployed_at"), model_id)


def trials(settings: Settings, model_id: str, version: str | None, tenant_id: str | None) -> Call[ResultTable]:
    """Return the call that lists the trials of a version's hyperparameter search."""
    conditions = {"model_id": model_id, "version": version, "tenant_id": settings.tenant(tenant_id)}
    return rows_of(select_view("trials", conditions, "tenant_id, version, number"), model_id)


def stat_models(settings: Settings, tenant_id: str | None) -> Call[ResultTable]:
    """Return the call that reads how often each version predicted."""
    conditions = {"tenant_id": settings.tenant(tenant_id)}
    return rows_of(select_view("stat_models", conditions, "tenant_id, model_id, version"))
