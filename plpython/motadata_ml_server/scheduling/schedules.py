"""``ml.schedule_training`` and ``ml.unschedule_training``: jobs of pg_cron with the caller's rights."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from motadata_ml_server.errors import InsufficientPrivilegeError, InvalidArgumentError, UnsupportedOperationError
from motadata_ml_server.evaluation.metrics import deciding
from motadata_ml_server.models.version import VisibleVersion
from motadata_ml_server.postgres.database import Database, DatabaseError, Row
from motadata_ml_server.postgres.owner import query_as_owner, write_as_owner
from motadata_ml_server.tenants import quotas

_SUBJECT = """
select model, model_type, target, features, algorithm, hyperparameters, random_state, training_query, arguments,
    trained_by::pg_catalog.text as trained_by
from ml.model_version where id operator(pg_catalog.=) $1
"""

_ROLE = """
select current_user::pg_catalog.text as name, pg_catalog.current_setting('search_path') as search_path,
    exists (select from pg_catalog.pg_extension where extname operator(pg_catalog.=) 'pg_cron') as pg_cron
"""

_KNOWN = "select role::pg_catalog.text as role from ml.schedule where model operator(pg_catalog.=) $1"

_COMMAND = "select pg_catalog.format('select ml.run_schedule(%L, %L)', $1, $2) as command"

_STORE = """
insert into ml.schedule
    (model, tenant_id, cron, job_id, metric, min_improvement, max_age, max_drift, search_path, role, arguments)
values ($1, $2, $3, $4, $5, $6, $7::interval, $8, $9, $10, $11)
"""


def schedule_training(
    db: Database,
    visible: VisibleVersion,
    cron: str,
    metric: str | None,
    min_improvement: float | None,
    max_age: str | None,
    max_drift: float | None,
) -> int:
    """Make a job of pg_cron that runs ``ml.run_schedule`` as the caller; returns its number.

    The job runs the query that the deployed version was trained with, so it has to be the caller's own: another role
    of the tenant could have left a query there that does as the caller what that role may not. The arguments are
    stored with the schedule for the same reason.

    Raises
    ------
    UnsupportedOperationError
        ML020: there is no pg_cron, or the model type has no metric to decide by.
    InvalidArgumentError
        ML009: an argument is out of its domain, or the model is scheduled already.
    InsufficientPrivilegeError
        42501: the role may not use pg_cron, or did not train the deployed version.
    QuotaExceededError
        ML021: the tenant may store no more bytes.
    """
    caller = db.query(_ROLE)[0]
    _require_pg_cron(bool(caller["pg_cron"]))
    subject = query_as_owner(db, _SUBJECT, ["bigint"], [visible.version_id])[0]
    if subject["trained_by"] != caller["name"]:
        raise InsufficientPrivilegeError(
            f"version {visible.version} of model {visible.model_id!r} was trained by role {subject['trained_by']!r}",
            hint="A schedule runs the training's query with your rights: train the model yourself first.",
        )
    metric = _checked_metric(subject["model_type"], metric)
    improvement = 0.0 if min_improvement is None else min_improvement
    _check_not_negative(min_improvement=improvement, max_drift=max_drift)
    _check_not_scheduled(db, visible.model_id, subject["model"])
    command = db.query(_COMMAND, ["text", "text"], [visible.model_id, visible.tenant_id])[0]["command"]
    job = _schedule(db, cron, command)
    values = [
        subject["model"],
        visible.tenant_id,
        cron,
        job,
        metric,
        improvement,
        max_age,
        max_drift,
        caller["search_path"],
        caller["name"],
        json.dumps(_arguments(subject)),
    ]
    write_as_owner(db, lambda owner: _store(owner, values))
    return job


def _store(owner: Database, values: list[Any]) -> None:
    """Store a schedule, whose columns come in the order of `_STORE`; as the owner."""
    types = ["bigint", "text", "text", "bigint", "text", "float8", "text", "float8", "text", "name", "jsonb"]
    with quotas.within_bytes(owner, values[1]) as grow:
        owner.query(_STORE, types, values)
        grow(quotas.ROW_BYTES + sum(len(text.encode()) for text in (values[2], values[8], values[10])))


def _check_not_negative(**values: float | None) -> None:
    for name, value in values.items():
        if value is not None and not value >= 0:
            raise InvalidArgumentError(f"{name} must not be negative, got {value}", hint="Pass 0 or more.")


def _check_not_scheduled(db: Database, model_id: str, model: int) -> None:
    known = query_as_owner(db, _KNOWN, ["bigint"], [model])
    if known:
        raise InvalidArgumentError(
            f"model {model_id!r} is scheduled already, by role {known[0]['role']!r}",
            hint="Call ml.unschedule_training first.",
        )


def _arguments(version: Row) -> dict[str, Any]:
    """Return how a version was trained; of versions before 0.2.0 as far as it is known."""
    arguments: dict[str, Any] = {
        "training_data": version["training_query"],
        "algorithm": version["algorithm"],
        "hyperparameters": json.loads(version["hyperparameters"]),
        "random_state": version["random_state"],
    }
    if version["arguments"] is not None:
        arguments = json.loads(version["arguments"])
    names = [feature["name"] for feature in json.loads(version["features"])]
    return {
        **arguments,
        "model_type": version["model_type"],
        "target": version["target"],
        "features": [name for name in names if name != arguments.get("group_by")],
    }


def _require_pg_cron(there: bool) -> None:
    if not there:
        raise UnsupportedOperationError(
            "pg_cron is not installed in this database",
            hint="Install its package (Debian: postgresql-15-cron), add pg_cron to shared_preload_libraries, set "
            "cron.database_name to this database, restart the server, and run create extension pg_cron.",
        )


def _checked_metric(model_type: str, metric: str | None) -> str:
    metrics = deciding(model_type)
    if not metrics:
        raise UnsupportedOperationError(
            f"a {model_type} model has no metric that tells which version is better",
            hint="Only classification and regression models are scheduled.",
        )
    if metric is None:
        return next(iter(metrics))
    if metric not in metrics:
        raise InvalidArgumentError(
            f"metric must be one of {', '.join(metrics)} for a {model_type} model, got {metric!r}",
            hint="It decides which version is deployed.",
        )
    return metric


def _schedule(db: Database, cron: str, command: str) -> int:
    try:
        return int(db.query("select cron.schedule($1, $2) as job", ["text", "text"], [cron, command])[0]["job"])
    except DatabaseError as error:
        if error.sqlstate == "42501":
            raise InsufficientPrivilegeError(
                f"the current role may not use pg_cron: {error.message}",
                hint="Ask a superuser for: grant usage on schema cron to <role>.",
            ) from None
        raise InvalidArgumentError(
            f"cron {cron!r} is not accepted by pg_cron: {error.message}",
            hint="Five fields, such as '0 3 * * *' for three o'clock every night (GMT).",
        ) from None


_SCHEDULED = """
select s.model, s.job_id, s.role::pg_catalog.text as role
from ml.schedule s join ml.model m on m.id operator(pg_catalog.=) s.model
where m.tenant_id operator(pg_catalog.=) $1 and m.model_id operator(pg_catalog.=) $2
"""


def end_job(db: Database, tenant_id: str, model_id: str) -> None:
    """Remove the job of a model that is about to be deleted, where it is the caller's; another's ends by itself."""
    rows = query_as_owner(db, _SCHEDULED, ["text", "text"], [tenant_id, model_id])
    if rows and db.query(_ROLE)[0]["pg_cron"]:
        _unschedule(db, "jobid operator(pg_catalog.=) $1", "bigint", rows[0]["job_id"])


def end_stale_jobs(db: Database, tenant_id: str, model_id: str) -> bool:
    """Remove the caller's jobs for a model whose schedule is gone with it; returns whether there was one."""
    if not db.query(_ROLE)[0]["pg_cron"]:
        return False
    command = db.query(_COMMAND, ["text", "text"], [model_id, tenant_id])[0]["command"]
    return _unschedule(db, "command operator(pg_catalog.=) $1", "text", command)


def _unschedule(db: Database, condition: str, kind: str, value: object) -> bool:
    """Remove jobs of pg_cron that the caller may see: its own, or all for a superuser."""
    try:
        jobs = db.query(f"select jobid from cron.job where {condition}", [kind], [value])  # noqa: S608 - our own text
    except DatabaseError as error:
        if error.sqlstate != "42501":
            raise
        return False
    for job in jobs:
        db.query("select cron.unschedule($1)", ["bigint"], [job["jobid"]])
    return bool(jobs)


def unschedule_training(db: Database, tenant_id: str, model_id: str) -> bool:
    """Remove a model's job from pg_cron and forget the schedule; its history stays.

    Raises
    ------
    InsufficientPrivilegeError
        42501: the job belongs to another role.
    """
    rows = query_as_owner(db, _SCHEDULED, ["text", "text"], [tenant_id, model_id])
    if not rows:
        return False
    found: Mapping[str, Any] = rows[0]
    caller = db.query(_ROLE)[0]
    if caller["pg_cron"]:
        mine = db.query("select from cron.job where jobid operator(pg_catalog.=) $1", ["bigint"], [found["job_id"]])
        if mine:
            db.query("select cron.unschedule($1)", ["bigint"], [found["job_id"]])
        elif found["role"] != caller["name"]:
            raise InsufficientPrivilegeError(
                f"the schedule of model {model_id!r} belongs to role {found['role']!r}",
                hint="Only that role and superusers end its job of pg_cron.",
            )
    write_as_owner(
        db,
        lambda owner: owner.query(
            "delete from ml.schedule where model operator(pg_catalog.=) $1", ["bigint"], [found["model"]]
        ),
    )
    return True
