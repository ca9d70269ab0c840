"""Entry points of experiments."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from motadata_ml_server.entrypoints.required import required
from motadata_ml_server.errors import InvalidArgumentError
from motadata_ml_server.postgres import database
from motadata_ml_server.postgres.boundary import boundary, boundary_rows
from motadata_ml_server.tenants import resolution


@boundary
def start_run(experiment: str | None, name: str | None, tags: str | None, tenant_id: str | None) -> int:
    """Begin a run of an experiment, and return its number."""
    from motadata_ml_server.experiments import runs

    db = database.current()
    tenant = resolution.resolve(db, tenant_id)
    return runs.start(db, tenant, required("experiment", experiment), name, "{}" if tags is None else tags)


@boundary
def end_run(run_id: int | None, status: str | None) -> bool:
    """End a run, and return whether it was running."""
    from motadata_ml_server.experiments import runs

    return runs.end(database.current(), _number("run_id", run_id), required("status", status))


@boundary
def log_params(run_id: int | None, params: str | None) -> None:
    """Store parameters of a run; the last value of a name counts."""
    from motadata_ml_server.experiments import runs

    runs.log_params(database.current(), _number("run_id", run_id), required("params", params))


@boundary
def log_metrics(run_id: int | None, metrics: str | None, step: int | None) -> None:
    """Store a value of each metric of a run."""
    from motadata_ml_server.experiments import runs

    runs.log_metrics(database.current(), _number("run_id", run_id), required("metrics", metrics), step or 0)


@boundary
def delete_run(run_id: int | None) -> bool:
    """Delete a run with its parameters and metrics."""
    from motadata_ml_server.experiments import runs

    return runs.delete(database.current(), _number("run_id", run_id))


@boundary_rows
def experiment_runs() -> Iterator[dict[str, Any]]:
    """List the runs of the caller's tenants."""
    from motadata_ml_server.experiments import runs

    yield from runs.runs(database.current())


@boundary_rows
def experiment_metrics(run_id: int | None) -> Iterator[dict[str, Any]]:
    """List what was logged of the metrics of the caller's runs, or of one."""
    from motadata_ml_server.experiments import runs

    yield from runs.metrics(database.current(), run_id)


def _number(name: str, value: int | None) -> int:
    if value is None:
        raise InvalidArgumentError(f"{name} must not be NULL", hint="ml.experiment_runs lists the runs.")
    return value
