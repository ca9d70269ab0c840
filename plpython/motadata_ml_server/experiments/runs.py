"""Runs of experiments: begun, logged to, ended, deleted and listed.

Numbers, times and the role that began a run are the server's to say; whose run it is, is looked up before each write.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any, Final

from motadata_ml_server.errors import InvalidArgumentError
from motadata_ml_server.postgres.database import Database
from motadata_ml_server.postgres.owner import read_as_owner, write_as_owner
from motadata_ml_server.tenants import membership, quotas
from motadata_ml_server.tenants.membership import caller_of
from motadata_ml_server.tenants.quotas import ROW_BYTES

MAX_NAME: Final = 200
"""The most characters of the name of an experiment, a parameter or a metric."""

STATES: Final = ("finished", "failed")
"""How a run ends."""

_START = """
insert into ml.experiment_run (tenant_id, experiment, name, tags, created_by) values ($1, $2, $3, $4, $5) returning id
"""

_OWN = """
select tenant_id from ml.experiment_run
where id operator(pg_catalog.=) $1 and tenant_id operator(pg_catalog.=) any ($2)
"""

_END = """
update ml.experiment_run set status = $2, ended_at = pg_catalog.clock_timestamp()
where id operator(pg_catalog.=) $1 and status operator(pg_catalog.=) 'running' returning id
"""

_PARAM = """
insert into ml.experiment_param (run_id, tenant_id, name, value) values ($1, $2, $3, $4)
on conflict (run_id, name) do update set value = excluded.value
"""

_METRIC = "insert into ml.experiment_metric (run_id, tenant_id, name, value, step) values ($1, $2, $3, $4, $5)"

_LOCK = "select 1 as one from ml.experiment_run where id operator(pg_catalog.=) $1 for no key update"

_PARAM_BYTES = f"""
select coalesce(pg_catalog.sum(
    {ROW_BYTES} operator(pg_catalog.+) pg_catalog.octet_length(name) operator(pg_catalog.+)
    pg_catalog.pg_column_size(value)), 0)::bigint as bytes
from ml.experiment_param where run_id operator(pg_catalog.=) $1 and name operator(pg_catalog.=) any ($2)
"""  # noqa: S608 - a constant

_GREW = "update ml.experiment_run set bytes = bytes operator(pg_catalog.+) $2 where id operator(pg_catalog.=) $1"

_DELETE = "delete from ml.experiment_run where id operator(pg_catalog.=) $1"

# The latest value of each metric: the highest step, the last one logged in it.
_RUNS = """
select r.tenant_id, r.id as run_id, r.experiment, r.name, r.status,
    pg_catalog.to_json(r.started_at) operator(pg_catalog.#>>) array[]::pg_catalog.text[] as started_at,
    pg_catalog.to_json(r.ended_at) operator(pg_catalog.#>>) array[]::pg_catalog.text[] as ended_at,
    r.created_by::pg_catalog.text as created_by, r.tags,
    coalesce((
        select pg_catalog.jsonb_object_agg(p.name, p.value)
        from ml.experiment_param p where p.run_id operator(pg_catalog.=) r.id), '{}') as params,
    coalesce((select pg_catalog.jsonb_object_agg(m.name, m.value) from (
        select distinct on (name) name, value from ml.experiment_metric
        where run_id operator(pg_catalog.=) r.id
            and value operator(pg_catalog.<>) all (array['NaN', 'Infinity', '-Infinity']::pg_catalog.float8[])
        order by name, step desc, id desc) as m), '{}') as metrics
from ml.experiment_run r
where r.tenant_id operator(pg_catalog.=) any ($1)
order by r.id
"""

_METRICS = """
select tenant_id, run_id, name, step, value,
    pg_catalog.to_json(logged_at) operator(pg_catalog.#>>) array[]::pg_catalog.text[] as logged_at
from ml.experiment_metric
where tenant_id operator(pg_catalog.=) any ($1) and ($2 is null or run_id operator(pg_catalog.=) $2)
order by run_id, name, step, id
"""


MAX_JSON_CHARACTERS = 1_000_000
"""Of tags, parameters and metrics: reading more is one step of Python's that no cancel ends."""


def start(db: Database, tenant_id: str, experiment: str, name: str | None, tags: str) -> int:
    """Begin a run of a tenant's experiment; returns its number.

    Parameters
    ----------
    db : Database
        The caller's session.
    tenant_id : str
        The tenant, for which the caller was seen to be allowed to train.
    experiment : str
        The experiment's name.
    name : str or None
        The run's.
    tags : str
        A JSON object.

    Raises
    ------
    InvalidArgumentError
        ML009: a name is empty or too long, or the tags are no object.
    QuotaExceededError
        ML021: the tenant may store no more bytes.
    """
    _check_name("experiment", experiment)
    _object("tags", tags)
    role = caller_of(db).role

    def operation(owner: Database) -> int:
        owner.query("insert into ml.tenant (tenant_id) values ($1) on conflict do nothing", ["text"], [tenant_id])
        values = [tenant_id, experiment, name, tags, role]
        with quotas.within_bytes(owner, tenant_id) as grow:
            grow(ROW_BYTES + sum(len(text.encode()) for text in (experiment, name or "", tags)))
            return int(owner.query(_START, ["text", "text", "text", "jsonb", "name"], values)[0]["id"])

    return write_as_owner(db, operation)


def end(db: Database, run_id: int, status: str) -> bool:
    """End a run; returns whether it was running.

    Raises
    ------
    InvalidArgumentError
        ML009: no such run of the caller's tenants, or no such status.
    """
    if status not in STATES:
        raise InvalidArgumentError(
            f"status must be {' or '.join(STATES)}, got {status!r}", hint="A run that goes on needs no call."
        )
    return bool(_write(db, run_id, lambda owner, _: owner.query(_END, ["bigint", "text"], [run_id, status])))


def log_params(db: Database, run_id: int, params: str) -> None:
    """Store parameters of a run; the last value of a name counts.

    Raises
    ------
    InvalidArgumentError
        ML009: no such run of the caller's tenants, no JSON object, or a name that is empty or too long.
    QuotaExceededError
        ML021: the tenant may store no more bytes.
    """
    found = _object("params", params)
    for name in found:
        _check_name("the name of a parameter", name)

    def operation(owner: Database, tenant_id: str) -> None:
        with quotas.within_bytes(owner, tenant_id) as grow:
            owner.query(_LOCK, ["bigint"], [run_id])  # others who replace the same values count after this
            before = _param_bytes(owner, run_id, list(found))
            for name, value in found.items():
                values = [run_id, tenant_id, name, json.dumps(value)]
                owner.query(_PARAM, ["bigint", "text", "text", "jsonb"], values)
            more = _param_bytes(owner, run_id, list(found)) - before
            _grew(owner, run_id, more)
            grow(more)

    _write(db, run_id, operation)


def log_metrics(db: Database, run_id: int, metrics: str, step: int) -> None:
    """Store a value of each metric; a text such as ``NaN`` stands for a number that JSON has no word for.

    Raises
    ------
    InvalidArgumentError
        ML009: no such run of the caller's tenants, no JSON object of numbers, or a name that is empty or too long.
    QuotaExceededError
        ML021: the tenant may store no more bytes.
    """
    values = {}
    for name, value in _object("metrics", metrics).items():
        _check_name("the name of a metric", name)
        values[name] = _number(name, value)

    def operation(owner: Database, tenant_id: str) -> None:
        with quotas.within_bytes(owner, tenant_id) as grow:
            for name, number in values.items():
                row = [run_id, tenant_id, name, number, step]
                owner.query(_METRIC, ["bigint", "text", "text", "float8", "bigint"], row)
            more = sum(ROW_BYTES + len(name.encode()) for name in values)
            _grew(owner, run_id, more)
            grow(more)

    _write(db, run_id, operation)


def delete(db: Database, run_id: int) -> bool:
    """Delete a run with its parameters and metrics.

    Raises
    ------
    InvalidArgumentError
        ML009: no such run of the caller's tenants.
    """
    _write(db, run_id, lambda owner, _: owner.query(_DELETE, ["bigint"], [run_id]))
    return True


def runs(db: Database) -> Iterator[dict[str, Any]]:
    """Yield the runs of the tenants that the caller may do more than predict for."""
    caller = caller_of(db)
    for row in read_as_owner(db, lambda owner: owner.query(_RUNS, ["text[]"], [membership.tenants_of(owner, caller)])):
        yield dict(row)


def metrics(db: Database, run_id: int | None) -> Iterator[dict[str, Any]]:
    """Yield what was logged of the metrics of such runs, or of one of them."""
    caller = caller_of(db)
    for row in read_as_owner(
        db,
        lambda owner: owner.query(_METRICS, ["text[]", "bigint"], [membership.tenants_of(owner, caller), run_id]),
    ):
        yield dict(row)


def _write(db: Database, run_id: int, operation: Any) -> Any:
    """Run a write on a run of the caller's, whose tenant it is given."""
    caller = caller_of(db)

    def checked(owner: Database) -> Any:
        tenants = membership.tenants_of(owner, caller)
        rows = owner.query(_OWN, ["bigint", "text[]"], [run_id, tenants])
        if not rows:
            raise InvalidArgumentError(
                f"there is no run {run_id}", hint="select run_id, experiment from ml.experiment_runs lists yours."
            )
        return operation(owner, rows[0]["tenant_id"])

    return write_as_owner(db, checked)


def _param_bytes(owner: Database, run_id: int, names: list[str]) -> int:
    return int(owner.query(_PARAM_BYTES, ["bigint", "text[]"], [run_id, names])[0]["bytes"])


def _grew(owner: Database, run_id: int, more: int) -> None:
    """Keep count of what is logged to a run, so that a quota does not count each row again."""
    if more:
        owner.query(_GREW, ["bigint", "bigint"], [run_id, more])


def _object(argument: str, text: str) -> dict[str, Any]:
    if len(text) > MAX_JSON_CHARACTERS:
        raise InvalidArgumentError(
            f"{argument} has {len(text)} characters, at most {MAX_JSON_CHARACTERS} are read",
            hint="Store what is long in a table of your own, and log where it is.",
        )
    found = json.loads(text)
    if not isinstance(found, dict):
        raise InvalidArgumentError(f"{argument} must be a JSON object", hint='Such as {"name": 1}.')
    return found


def _number(name: str, value: Any) -> float:
    if isinstance(value, str) and value.lower() in ("nan", "infinity", "-infinity"):
        return float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidArgumentError(f"metric {name!r} must be a number", hint="Log texts and lists as parameters.")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if math.isinf(number):
        raise InvalidArgumentError(f"metric {name!r} is out of range", hint="Write 'Infinity' where it is meant.")
    return number


def _check_name(what: str, name: str) -> None:
    if not 1 <= len(name) <= MAX_NAME:
        raise InvalidArgumentError(
            f"{what} must have 1 to {MAX_NAME} characters, got {len(name)}", hint="Choose a short name."
        )
