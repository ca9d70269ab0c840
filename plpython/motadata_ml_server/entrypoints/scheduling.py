"""Entry points of scheduled trainings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from motadata_ml_server.entrypoints.required import required
from motadata_ml_server.models import visibility
from motadata_ml_server.postgres import database
from motadata_ml_server.postgres.boundary import boundary, boundary_rows
from motadata_ml_server.tenants import resolution


@boundary
def schedule_training(
    model_id: str,
    cron: str | None,
    metric: str | None,
    min_improvement: float | None,
    max_age: str | None,
    max_drift: float | None,
    tenant_id: str | None,
) -> int:
    """Have pg_cron train a model again when it has to, and deploy what is better; returns the number of the job."""
    from motadata_ml_server.scheduling import schedules

    db = database.current()
    tenant = resolution.resolve(db, tenant_id)
    visible = visibility.look_up(db, required("model_id", model_id), None, tenant)
    return schedules.schedule_training(db, visible, required("cron", cron), metric, min_improvement, max_age, max_drift)


@boundary
def unschedule_training(model_id: str, tenant_id: str | None) -> bool:
    """Take back what ml.schedule_training did; false where there was nothing."""
    from motadata_ml_server.scheduling import schedules

    db = database.current()
    return schedules.unschedule_training(db, resolution.resolve(db, tenant_id), required("model_id", model_id))


@boundary
def run_schedule(model_id: str, tenant_id: str | None) -> str:
    """Do what is scheduled for a model now: skipped, deployed, kept or failed; the reason is in ml.schedule_history.

    The job of a model that is deleted removes itself, and says removed.
    """
    from motadata_ml_server.scheduling import runs

    db = database.current()
    return runs.run_schedule(db, resolution.resolve(db, tenant_id), required("model_id", model_id))


@boundary_rows
def schedule_rows() -> Iterator[dict[str, Any]]:
    """List what is scheduled for the models of the caller's tenants."""
    from motadata_ml_server.models.listing import of_own_tenants
    from motadata_ml_server.scheduling.listing import SCHEDULES

    yield from of_own_tenants(database.current(), SCHEDULES)


@boundary_rows
def schedule_run_rows() -> Iterator[dict[str, Any]]:
    """List the runs of the scheduled trainings of the caller's tenants."""
    from motadata_ml_server.models.listing import of_own_tenants
    from motadata_ml_server.scheduling.listing import RUNS

    yield from of_own_tenants(database.current(), RUNS)
