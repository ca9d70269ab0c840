"""Entry points of scheduled trainings."""

from __future__ import annotations

from motadata_ml_server.entrypoints.required import required
from motadata_ml_server.models import visibility
from motadata_ml_server.postgres import database
from motadata_ml_server.postgres.boundary import boundary
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
