"""What the tracker does to the database."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

from psycopg import sql

from motadata_ml._calls import Call, Fetch, Row, Steps
from motadata_ml._operations.functions import to_json
from motadata_ml.errors import InvalidArgumentError

Status: TypeAlias = Literal["running", "finished", "failed"]

_UNBOUNDED = {math.inf: "Infinity", -math.inf: "-Infinity"}
"""How the server takes numbers that JSON has no word for."""

_START = sql.SQL("""
select ml._start_run(%(experiment)s::pg_catalog.text, %(name)s::pg_catalog.text, %(tags)s::pg_catalog.jsonb,
    t.tenant_id) as id, t.tenant_id
from ml.current_tenant(%(tenant)s::pg_catalog.text) as t (tenant_id)
""")

_END = sql.SQL("select ml._end_run(%s::bigint, %s::pg_catalog.text)")

_PARAMS = sql.SQL("select ml._log_params(%s::bigint, %s::pg_catalog.jsonb)")

_METRICS = sql.SQL("select ml._log_metrics(%s::bigint, %s::pg_catalog.jsonb, %s::bigint)")

_RUNS = sql.SQL("""
select run_id::pg_catalog.text, 'run' as kind, experiment, name, status, started_at, ended_at,
    created_by::pg_catalog.text,
    null::pg_catalog.text as model_id, null::pg_catalog.text as model_version, tags, params, metrics
from ml.experiment_runs where tenant_id operator(pg_catalog.=) ml.current_tenant(%(tenant)s::pg_catalog.text)
    and experiment operator(pg_catalog.=) %(experiment)s::pg_catalog.text
union all
select model_id operator(pg_catalog.||) '/' operator(pg_catalog.||) version, 'training', null, model_id, 'finished',
    trained_at operator(pg_catalog.-) pg_catalog.make_interval(secs => training_time), trained_at,
    trained_by::pg_catalog.text,
    model_id, version, '{}',
    hyperparameters operator(pg_catalog.||) pg_catalog.jsonb_build_object('algorithm', algorithm), metrics
from ml.model_versions where tenant_id operator(pg_catalog.=) ml.current_tenant(%(tenant)s::pg_catalog.text)
    and %(trainings)s::boolean
order by started_at, run_id
""")

_HISTORY = sql.SQL("""
select name, step, value, logged_at
from rows from (ml._experiment_metrics(%s::bigint)) with ordinality
    as m (tenant_id, run_id, name, step, value, logged_at, number)
order by number
""")


def start(tenant_id: str | None, experiment: str, name: str | None, tags: Mapping[str, Any]) -> Call[Row]:
    """Return the call that stores a new run."""
    parameters = {"tenant": tenant_id, "experiment": experiment, "name": name, "tags": to_json(dict(tags), "tags")}

    def steps() -> Steps[Row]:
        rows = yield Fetch(_START, parameters)
        row: Row = rows[0]
        return row

    return Call(steps)


def end(run_id: int, status: Status) -> Call[None]:
    """Return the call that ends a run; ended once, it stays so."""
    return _do(_END, (run_id, status))


def log_params(run_id: int, params: Mapping[str, Any]) -> Call[None]:
    """Return the call that stores parameters; the last value of a name counts."""
    return _do(_PARAMS, (run_id, to_json(dict(params), "params")))


def log_metrics(run_id: int, metrics: Mapping[str, Any], step: int) -> Call[None]:
    """Return the call that stores one value for each metric."""
    values: dict[str, float | str] = {}
    for name, value in metrics.items():
        try:
            number = float(value)
            values[name] = number if math.isfinite(number) else _UNBOUNDED.get(number, "NaN")
        except (TypeError, ValueError) as error:
            raise InvalidArgumentError(
                f"metric {name!r} must be a number, got {value!r}", hint="log text and lists with log_params"
            ) from error
    return _do(_METRICS, (run_id, to_json(values, "metrics"), step))


def runs(tenant_id: str | None, experiment: str, *, trainings: bool) -> Call[list[Row]]:
    """Return the call that reads an experiment's runs, and the tenant's trainings."""
    return _read(_RUNS, {"tenant": tenant_id, "experiment": experiment, "trainings": trainings})


def history(run_id: int) -> Call[list[Row]]:
    """Return the call that reads every logged value of a run."""
    return _read(_HISTORY, (run_id,))


def _do(statement: sql.SQL, parameters: Any) -> Call[None]:
    def steps() -> Steps[None]:
        yield Fetch(statement, parameters)

    return Call(steps)


def _read(statement: sql.SQL, parameters: Any) -> Call[list[Row]]:
    def steps() -> Steps[list[Row]]:
        rows: list[Row] = yield Fetch(statement, parameters)
        return rows

    return Call(steps, transaction=False, repeat=True)
