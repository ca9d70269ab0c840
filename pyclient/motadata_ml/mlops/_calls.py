"""What the tracker does to the database."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

from psycopg import sql

from motadata_ml._calls import Call, Fetch, Row, Steps
from motadata_ml._operations.functions import to_json
from motadata_ml.errors import InvalidArgumentError

Status: TypeAlias = Literal["running", "finished", "failed"]

_START = sql.SQL("""
insert into ml.experiment_run (tenant_id, experiment, name, tags)
values (ml.current_tenant(%s::text), %s::text, %s::text, %s::jsonb)
returning id, tenant_id
""")

_END = sql.SQL("""
update ml.experiment_run set status = %s::text, ended_at = clock_timestamp()
where id = %s::bigint and status = 'running'
""")

_PARAMS = sql.SQL("""
insert into ml.experiment_param (run_id, tenant_id, name, value)
select %s::bigint, %s::text, p.key, p.value from jsonb_each(%s::jsonb) as p
on conflict (run_id, name) do update set value = excluded.value
""")

_METRICS = sql.SQL("""
insert into ml.experiment_metric (run_id, tenant_id, name, value, step)
select %s::bigint, %s::text, m.name, m.value, %s::bigint
from unnest(%s::text[], %s::float8[]) as m (name, value)
""")

_RUNS = sql.SQL("""
select run_id::text, 'run' as kind, experiment, name, status, started_at, ended_at, created_by::text,
    null::text as model_id, null::text as model_version, tags, params, metrics
from ml.experiment_runs where tenant_id = ml.current_tenant(%(tenant)s::text) and experiment = %(experiment)s::text
union all
select model_id || '/' || version, 'training', null, model_id, 'finished',
    trained_at - make_interval(secs => training_time), trained_at, trained_by::text,
    model_id, version, '{}', hyperparameters || jsonb_build_object('algorithm', algorithm), metrics
from ml.model_versions where tenant_id = ml.current_tenant(%(tenant)s::text) and %(trainings)s::boolean
order by started_at, run_id
""")

_HISTORY = sql.SQL("""
select m.name, m.step, m.value, m.logged_at
from ml.experiment_metric m where m.run_id = %s::bigint order by m.name, m.step, m.id
""")


def start(tenant_id: str | None, experiment: str, name: str | None, tags: Mapping[str, Any]) -> Call[Row]:
    """Return the call that stores a new run."""
    parameters = (tenant_id, experiment, name, to_json(dict(tags), "tags"))

    def steps() -> Steps[Row]:
        rows = yield Fetch(_START, parameters)
        row: Row = rows[0]
        return row

    return Call(steps)


def end(run_id: int, status: Status) -> Call[None]:
    """Return the call that ends a run; ended once, it stays so."""
    return _do(_END, (status, run_id))


def log_params(run_id: int, tenant_id: str, params: Mapping[str, Any]) -> Call[None]:
    """Return the call that stores parameters; the last value of a name counts."""
    return _do(_PARAMS, (run_id, tenant_id, to_json(dict(params), "params")))


def log_metrics(run_id: int, tenant_id: str, metrics: Mapping[str, Any], step: int) -> Call[None]:
    """Return the call that stores one value for each metric."""
    names, values = list(metrics), []
    for name, value in metrics.items():
        try:
            values.append(float(value))
        except (TypeError, ValueError) as error:
            raise InvalidArgumentError(
                f"metric {name!r} must be a number, got {value!r}", hint="log text and lists with log_params"
            ) from error
    return _do(_METRICS, (run_id, tenant_id, step, names, values))


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
