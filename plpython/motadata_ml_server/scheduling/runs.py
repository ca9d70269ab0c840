"""``ml.run_schedule``: train again if drift or age asks for it, deploy what is better, say why."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from motadata_ml_server.errors import InsufficientPrivilegeError, InvalidArgumentError, MotadataError
from motadata_ml_server.evaluation import drift
from motadata_ml_server.evaluation.metrics import deciding
from motadata_ml_server.models import deployment
from motadata_ml_server.models.version import VisibleVersion
from motadata_ml_server.models.visibility import look_up
from motadata_ml_server.postgres.database import Database, DatabaseError, Row
from motadata_ml_server.postgres.owner import query_as_owner, write_as_owner
from motadata_ml_server.postgres.server_log import line
from motadata_ml_server.scheduling.holdout import Holdout, divide
from motadata_ml_server.scheduling.schedules import end_stale_jobs
from motadata_ml_server.training.arguments import Arguments

_SCHEDULE = """
select s.model, s.tenant_id, s.metric, s.min_improvement, s.max_drift, s.search_path, s.arguments,
    s.role::pg_catalog.text as owner, s.max_age::pg_catalog.text as max_age,
    (select pg_catalog.max(v.trained_at) from ml.model_version v
        where v.model operator(pg_catalog.=) s.model)::pg_catalog.text as trained_at,
    (select pg_catalog.clock_timestamp() operator(pg_catalog.-) pg_catalog.max(v.trained_at)
            operator(pg_catalog.>) s.max_age
        from ml.model_version v where v.model operator(pg_catalog.=) s.model) as old,
    pg_catalog.clock_timestamp()::pg_catalog.text as now
from ml.schedule s join ml.model m on m.id operator(pg_catalog.=) s.model
where m.tenant_id operator(pg_catalog.=) $1 and m.model_id operator(pg_catalog.=) $2
"""

# One statement, so that both versions see the same rows.
_COMPARE = """
select ml.evaluate($1, $2, $3, $4, tenant_id => $6) as old, ml.evaluate($1, $2, $3, $5, tenant_id => $6) as new
"""

_STORE = """
insert into ml.schedule_run
    (model, tenant_id, started_at, outcome, reason, drift, metric, old_version, old_value, new_version, new_value, role)
values ($1, $2, $3::pg_catalog.timestamptz, $4, $5, $6, $7, $8, $9, $10, $11, $12)
"""


@dataclass(frozen=True)
class _Outcome:
    """What a run came to."""

    outcome: str
    reason: str
    drift: float | None = None
    old_version: str | None = None
    old_value: float | None = None
    new_version: str | None = None
    new_value: float | None = None


def run_schedule(db: Database, tenant_id: str, model_id: str) -> str:
    """Do what is scheduled for a model now, with the caller's rights; returns the outcome.

    The job of a model that another role has deleted removes itself.

    What fails is written down, not raised, so that the history has it; a cancel is raised.

    Raises
    ------
    InvalidArgumentError
        ML009: nothing is scheduled for the model.
    InsufficientPrivilegeError
        42501: another role scheduled it; its query does not run with the caller's rights.
    """
    rows = query_as_owner(db, _SCHEDULE, ["text", "text"], [tenant_id, model_id])
    if not rows:
        if end_stale_jobs(db, tenant_id, model_id):
            return "removed"
        raise InvalidArgumentError(
            f"nothing is scheduled for model {model_id!r} of tenant {tenant_id!r}", hint="Call ml.schedule_training."
        )
    schedule = {**rows[0], "role": db.query("select current_user::pg_catalog.text as role")[0]["role"]}
    if schedule["owner"] != schedule["role"]:
        raise InsufficientPrivilegeError(
            f"the schedule of model {model_id!r} belongs to role {schedule['owner']!r}",
            hint="Only that role runs it: a run uses the rights of the role that runs it.",
        )
    with_path = "select pg_catalog.set_config('search_path', $1, true)"
    before = db.query("select pg_catalog.current_setting('search_path') as path")[0]["path"]
    db.query(with_path, ["text"], [schedule["search_path"]])
    try:
        done = _run(db, schedule, look_up(db, model_id, None, tenant_id))
    except (MotadataError, DatabaseError) as error:
        if error.sqlstate.startswith("57"):
            raise
        done = _Outcome("failed", f"{error.sqlstate}: {error.message}"[:1000])
    db.query(with_path, ["text"], [before])
    _write_down(db, schedule, done)
    db.log(line("schedule_run", tenant=tenant_id, model=model_id, outcome=done.outcome, role=schedule["role"]))
    return done.outcome


def _run(db: Database, schedule: Row, deployed: VisibleVersion) -> _Outcome:
    arguments = json.loads(schedule["arguments"])
    rows = divide(db, arguments)
    due, distance, why = _due(db, schedule, deployed, arguments["training_data"])
    if not due:
        return _Outcome("skipped", why, distance, deployed.version)
    new = _train(db, deployed, arguments, rows)
    metric = schedule["metric"]
    values = [deployed.model_id, rows.compare, arguments["target"], deployed.version, new, deployed.tenant_id]
    scores = db.query(_COMPARE, ["text"] * 6, values)[0]
    old_value, new_value = (json.loads(scores[side]).get(metric) for side in ("old", "new"))
    done = _Outcome("kept", why, distance, deployed.version, old_value, new, new_value)
    if old_value is None or new_value is None:
        return replace(done, reason=f"{why}; {metric} cannot be computed on the rows held out")
    higher = deciding(arguments["model_type"])[metric]
    gain = (new_value - old_value) if higher else (old_value - new_value)
    compared = f"{why}; {metric} {old_value:.6g} -> {new_value:.6g} on the same rows"
    if gain <= 0 or gain < schedule["min_improvement"]:
        return replace(done, reason=f"{compared}: not better by min_improvement = {schedule['min_improvement']:g}")
    deployment.deploy(db, look_up(db, deployed.model_id, new, deployed.tenant_id), schedule["role"])
    return replace(done, outcome="deployed", reason=f"{compared}: better")


def _due(db: Database, schedule: Row, deployed: VisibleVersion, training_data: str) -> tuple[bool, float | None, str]:
    """Tell whether to train, the largest drift where it was looked for, and why."""
    if schedule["max_age"] is None and schedule["max_drift"] is None:
        return True, None, "every run trains: neither max_age nor max_drift is set"
    if schedule["max_age"] is not None and schedule["old"]:
        return True, None, f"last trained at {schedule['trained_at']}, more than {schedule['max_age']} ago"
    why = f"last trained at {schedule['trained_at']}"
    if schedule["max_drift"] is None:
        return False, None, f"{why}, not more than {schedule['max_age']} ago"
    if drift.profile_of(db, deployed) is None:
        return True, None, f"version {deployed.version} has no profile to tell drift by"
    found = [f for f in drift.drift(db, deployed, training_data) if f.kind != "timestamp"]
    if not found:
        return False, None, f"{why}; no feature whose drift could be told"
    worst = max(found, key=lambda feature: feature.value)
    told = f"largest drift {worst.value:.4g} (feature {worst.feature}), max_drift = {schedule['max_drift']:g}"
    return worst.value > schedule["max_drift"], worst.value, f"{why}; {told}"


def _train(db: Database, deployed: VisibleVersion, arguments: dict[str, Any], rows: Holdout) -> str:
    streamed = (arguments.get("execution") or {}).get("mode") == "stream"
    again = Arguments.again(
        arguments,
        model_id=deployed.model_id,
        training_data=rows.learn,
        validation_data=None if streamed else rows.compare,
        split=None,
        deploy=False,
        tenant_id=deployed.tenant_id,
    )
    call, types, values = again.call()
    return str(db.query(f"select model_version from {call}", types, values)[0]["model_version"])  # noqa: S608 - made of the list of arguments


def _write_down(db: Database, schedule: Row, done: _Outcome) -> None:
    values = [
        schedule["model"],
        schedule["tenant_id"],
        schedule["now"],
        done.outcome,
        done.reason,
        done.drift,
        schedule["metric"],
        done.old_version,
        done.old_value,
        done.new_version,
        done.new_value,
        schedule["role"],
    ]
    types = ["bigint", "text", "text", "text", "text", "float8", "text", "text", "float8", "text", "float8", "name"]
    write_as_owner(db, lambda owner: owner.query(_STORE, types, values))
