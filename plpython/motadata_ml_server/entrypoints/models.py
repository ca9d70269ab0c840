"""Entry points of the models and their versions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from motadata_ml_server.algorithms import listing as algorithm_listing
from motadata_ml_server.entrypoints.required import required
from motadata_ml_server.models import deployment, describe, listing, visibility
from motadata_ml_server.postgres import database
from motadata_ml_server.postgres.boundary import boundary, boundary_rows
from motadata_ml_server.tenants import resolution


@boundary_rows
def algorithms() -> Iterator[dict[str, Any]]:
    """List the algorithms that ml.train accepts."""
    yield from algorithm_listing.algorithms()


@boundary_rows
def model_rows() -> Iterator[dict[str, Any]]:
    """List the models that the caller may use."""
    yield from listing.models(database.current())


@boundary_rows
def model_version_rows() -> Iterator[dict[str, Any]]:
    """List the versions of the models of the caller's tenants."""
    yield from listing.of_own_tenants(database.current(), listing.VERSIONS)


@boundary_rows
def trial_rows() -> Iterator[dict[str, Any]]:
    """List the trials of the hyperparameter searches of the caller's tenants."""
    yield from listing.of_own_tenants(database.current(), listing.TRIALS)


@boundary_rows
def deployment_rows() -> Iterator[dict[str, Any]]:
    """List the deployments of the models of the caller's tenants."""
    yield from listing.of_own_tenants(database.current(), listing.DEPLOYMENTS)


@boundary_rows
def list_models(tenant_id: str | None) -> Iterator[dict[str, Any]]:
    """List the models of a tenant."""
    db = database.current()
    yield from describe.list_models(db, resolution.resolve(db, tenant_id, "predict", shared=True))


@boundary
def get_model_info(model_id: str, version: str | None, tenant_id: str | None) -> str:
    """Describe a model version: features, classes, metrics, runtime, lineage."""
    db = database.current()
    visible = visibility.visible_version(db, required("model_id", model_id), version, tenant_id)
    return describe.model_info(db, visible)


@boundary
def grant_model(model_id: str | None, role_name: str | None, access: str | None, tenant_id: str | None) -> None:
    """Let a role of any tenant predict with one model of the caller's."""
    from motadata_ml_server.models import sharing

    db = database.current()
    tenant = resolution.resolve(db, tenant_id)
    model, role = required("model_id", model_id), required("role_name", role_name)
    sharing.grant_model(db, tenant, model, role, required("access", access))


@boundary
def revoke_model(model_id: str | None, role_name: str | None, tenant_id: str | None) -> None:
    """Take back what ml.grant_model gave a role."""
    from motadata_ml_server.models import sharing

    db = database.current()
    tenant = resolution.resolve(db, tenant_id)
    sharing.revoke_model(db, tenant, required("model_id", model_id), required("role_name", role_name))


@boundary
def delete_model(model_id: str, version: str | None, tenant_id: str | None) -> bool:
    """Delete a model with all its versions, or one version that is not deployed."""
    db = database.current()
    tenant = resolution.resolve(db, tenant_id)
    visible = None if version is None else visibility.look_up(db, model_id, version, tenant)
    if version is None:
        from motadata_ml_server.scheduling import schedules

        schedules.end_job(db, tenant, required("model_id", model_id))
    return deployment.delete(db, tenant, required("model_id", model_id), visible)


@boundary
def deploy(model_id: str, version: str | None, tenant_id: str | None) -> str:
    """Make a version of a model the one that predicts, and return its number."""
    db = database.current()
    tenant = resolution.resolve(db, tenant_id)
    visible = visibility.look_up(db, required("model_id", model_id), required("version", version), tenant)
    return deployment.deploy(db, visible, _role(db))


@boundary
def rollback(model_id: str, tenant_id: str | None) -> str:
    """Deploy again the version that was deployed before the present one."""
    db = database.current()
    return deployment.rollback(db, resolution.resolve(db, tenant_id), required("model_id", model_id))


def _role(db: database.Database) -> str:
    return str(db.query("select current_user::pg_catalog.text as name")[0]["name"])
