"""Trainings that pg_cron starts, and what came of them."""

from __future__ import annotations

import datetime
from typing import Any

from motadata_ml._calls import Call
from motadata_ml._operations.functions import rows_of, select_view, value_of
from motadata_ml._operations.settings import Settings
from motadata_ml.results import ResultTable


def schedule_training(
    settings: Settings,
    model_id: str,
    cron: str,
    metric: str | None,
    min_improvement: float,
    max_age: datetime.timedelta | str | None,
    max_drift: float | None,
    tenant_id: str | None,
) -> Call[Any]:
    """Return the call that schedules a training; its answer is the number of the job."""
    arguments = {
        "model_id": model_id,
        "cron": cron,
        "metric": metric,
        "min_improvement": min_improvement,
        "max_age": max_age,
        "max_drift": max_drift,
        "tenant_id": settings.tenant(tenant_id),
    }
    return value_of("schedule_training", arguments, model_id)


def unschedule_training(settings: Settings, model_id: str, tenant_id: str | None) -> Call[Any]:
    """Return the call that ends a schedule; its answer is whether there was one."""
    arguments = {"model_id": model_id, "tenant_id": settings.tenant(tenant_id)}
    return value_of("unschedule_training", arguments, model_id)


def run_schedule(settings: Settings, model_id: str, tenant_id: str | None) -> Call[Any]:
    """Return the call that does now what is scheduled; its answer is the outcome."""
    arguments = {"model_id": model_id, "tenant_id": settings.tenant(tenant_id)}
    return value_of("run_schedule", arguments, model_id)


def schedules(settings: Settings, tenant_id: str | None) -> Call[ResultTable]:
    """Return the call that lists the schedules."""
    conditions = {"tenant_id": settings.tenant(tenant_id)}
    return rows_of(select_view("schedules", conditions, "tenant_id, model_id"))


def schedule_history(settings: Settings, model_id: str | None, tenant_id: str | None) -> Call[ResultTable]:
    """Return the call that lists the runs of the schedules, oldest first."""
    conditions = {"model_id": model_id, "tenant_id": settings.tenant(tenant_id)}
    return rows_of(select_view("schedule_history", conditions, "finished_at"), model_id)
