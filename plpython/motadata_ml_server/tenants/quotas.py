"""What a tenant may hold and train at the most, and what it holds now."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from motadata_ml_server.errors import InsufficientPrivilegeError, InvalidArgumentError, QuotaExceededError
from motadata_ml_server.postgres.database import Database, Row
from motadata_ml_server.postgres.owner import caller_is_owner, read_as_owner, write_as_owner
from motadata_ml_server.tenants import membership, resolution, training_budget
from motadata_ml_server.tenants.patience import soon

_LIMITS = """
select max_models, max_bytes, max_training_seconds_per_day from ml.quota
where tenant_id operator(pg_catalog.=) $1
"""

# A row that is written, not merely locked: a concurrent transaction that reads an older snapshot fails to
# serialize instead of counting what it cannot see.
_LOCK = """
update ml.quota set checked_at = pg_catalog.clock_timestamp() where tenant_id operator(pg_catalog.=) $1
returning max_models, max_bytes, max_training_seconds_per_day
"""

_SET = """
insert into ml.quota (tenant_id, max_models, max_bytes, max_training_seconds_per_day, set_by)
values ($1, $2, $3, $4, $5)
on conflict (tenant_id) do update set max_models = excluded.max_models, max_bytes = excluded.max_bytes,
    max_training_seconds_per_day = excluded.max_training_seconds_per_day, set_by = excluded.set_by,
    set_at = pg_catalog.now(), free_bytes = null
"""

# Half of what a count found free may be spent before the next count: few counts lie between an empty tenant and a full
# one, and what takes no part (deletions, schedules) is seen by the next.
_COUNTED = "update ml.quota set free_bytes = $2 where tenant_id operator(pg_catalog.=) $1"
_SPEND = """
update ml.quota set free_bytes = free_bytes operator(pg_catalog.-) $2
where tenant_id operator(pg_catalog.=) $1 and free_bytes operator(pg_catalog.>=) $2 returning 1 as spent
"""

_MODELS = """
select pg_catalog.count(*) as models, coalesce(pg_catalog.bool_or(model_id operator(pg_catalog.=) $2), false) as known
from ml.model where tenant_id operator(pg_catalog.=) $1
"""

ROW_BYTES: Final = 100
"""What a row counts beside its texts: its header, numbers, times and entries in indexes, about."""

# Texts as they lie on disk, compressed; pg_column_size reads none of them. Every table is entered by an index on the
# tenant, a model or a version. The rows of metrics and parameters are not counted each time: a run has their bytes.
_SIZES = """
select t.tenant_id,
    (select pg_catalog.count(*) from ml.model m where m.tenant_id operator(pg_catalog.=) t.tenant_id) as models,
    pg_catalog.count(v.id) as versions,
    (coalesce(pg_catalog.sum((
            select pg_catalog.sum(pg_catalog.octet_length(a.data)) from ml.artifact a
            where a.version_id operator(pg_catalog.=) v.id)), 0)
        operator(pg_catalog.+) coalesce(pg_catalog.sum((
            select pg_catalog.sum({row} operator(pg_catalog.+) {trial}) from ml.trial s
            where s.version_id operator(pg_catalog.=) v.id)), 0)
        operator(pg_catalog.+) (pg_catalog.count(v.id) operator(pg_catalog.*) {row})
        operator(pg_catalog.+) coalesce(pg_catalog.sum({version}), 0)
        operator(pg_catalog.+) coalesce((
            select pg_catalog.sum({row} operator(pg_catalog.+) {run}) from ml.experiment_run r
            where r.tenant_id operator(pg_catalog.=) t.tenant_id), 0)
        operator(pg_catalog.+) coalesce((
            select pg_catalog.sum({row} operator(pg_catalog.+) {key}) from ml.api_key k
            where k.tenant_id operator(pg_catalog.=) t.tenant_id), 0)
        operator(pg_catalog.+) coalesce((
            select pg_catalog.count(d.id) operator(pg_catalog.*) {row}
            from ml.model m join ml.deployment d on d.model operator(pg_catalog.=) m.id
            where m.tenant_id operator(pg_catalog.=) t.tenant_id), 0)
        operator(pg_catalog.+) coalesce((
            select pg_catalog.sum({row} operator(pg_catalog.+) {schedule})
            from ml.model m join ml.schedule s on s.model operator(pg_catalog.=) m.id
            where m.tenant_id operator(pg_catalog.=) t.tenant_id), 0)
        operator(pg_catalog.+) coalesce((
            select pg_catalog.sum({row} operator(pg_catalog.+) {schedule_run})
            from ml.model m join ml.schedule_run s on s.model operator(pg_catalog.=) m.id
            where m.tenant_id operator(pg_catalog.=) t.tenant_id), 0)
    )::bigint as bytes,
    coalesce(pg_catalog.sum(v.training_time), 0) as training_seconds,
    q.max_models, q.max_bytes, q.max_training_seconds_per_day
from pg_catalog.unnest($1) as t (tenant_id)
left join ml.model_version v on v.tenant_id operator(pg_catalog.=) t.tenant_id
left join ml.quota q on q.tenant_id operator(pg_catalog.=) t.tenant_id
group by t.tenant_id, q.max_models, q.max_bytes, q.max_training_seconds_per_day
order by t.tenant_id
"""

_TEXTS: Final = {
    "version": [
        *("v.training_query", "v.arguments", "v.hyperparameters", "v.features", "v.classes", "v.metrics", "v.warnings"),
        *("v.runtime", "v.source_tables", "v.library_versions", "v.target"),
    ],
    "trial": ["s.hyperparameters", "s.details"],
    "run": ["r.experiment", "r.name", "r.tags"],
    "key": ["k.name"],
    "schedule": ["s.cron", "s.search_path", "s.arguments"],
    "schedule_run": ["s.reason"],
}
"""The columns, by table, that hold as much as a tenant writes."""


@dataclass(frozen=True)
class Limits:
    """The quota of a tenant; None is no limit."""

    max_models: int | None
    max_bytes: int | None
    max_training_seconds_per_day: float | None


def set_quota(
    db: Database,
    tenant_id: str,
    max_models: int | None,
    max_bytes: int | None,
    max_training_seconds_per_day: float | None,
) -> None:
    """Set all limits of a tenant; None is no limit.

    Raises
    ------
    InsufficientPrivilegeError
        42501: the caller is neither a superuser nor the extension's owner.
    InvalidArgumentError
        ML009: a negative limit.
    """
    if not caller_is_owner(db):
        raise InsufficientPrivilegeError(
            "quotas are set by superusers and the extension's owner", hint="Ask an administrator."
        )
    resolution.check_name(tenant_id)
    limits = {
        "max_models": max_models,
        "max_bytes": max_bytes,
        "max_training_seconds_per_day": max_training_seconds_per_day,
    }
    for name, value in limits.items():
        if value is not None and not value >= 0:
            raise InvalidArgumentError(f"{name} must not be negative, got {value}", hint="NULL is no limit.")
    role = db.query("select current_user::pg_catalog.text as name")[0]["name"]

    def operation(owner: Database) -> None:
        with soon(owner, f"the quota of tenant {tenant_id!r}"):
            if all(value is None for value in limits.values()):
                owner.query("delete from ml.quota where tenant_id operator(pg_catalog.=) $1", ["text"], [tenant_id])
                return
            owner.query("insert into ml.tenant (tenant_id) values ($1) on conflict do nothing", ["text"], [tenant_id])
            owner.query(_SET, ["text", "integer", "bigint", "float8", "name"], [tenant_id, *limits.values(), role])

    write_as_owner(db, operation)


def limits_of(db: Database, tenant_id: str, lock: bool = False) -> Limits | None:
    """Return a tenant's limits, None where it has none.

    Parameters
    ----------
    db : Database
        The session, as the owner.
    tenant_id : str
        The tenant.
    lock : bool
        Whether others who would store something for the tenant wait until this transaction ends.
    """
    rows = db.query(_LOCK if lock else _LIMITS, ["text"], [tenant_id])
    return Limits(**rows[0]) if rows else None


def check_before_training(db: Database, tenant_id: str, model_id: str) -> Limits | None:
    """Refuse a training whose model could not be stored, before it takes any time; returns the tenant's limits.

    Asked as the owner: a role that has not been given the rights of this version yet trains as before.

    Raises
    ------
    QuotaExceededError
        ML021: the tenant has as many models or bytes as it may.
    """

    def operation(owner: Database) -> Limits | None:
        limits = limits_of(owner, tenant_id)
        if limits is not None:
            check_new_model(owner, tenant_id, model_id, limits)
            check_bytes(owner, tenant_id, limits, more=1)
        return limits

    return read_as_owner(db, operation)


def check_new_model(db: Database, tenant_id: str, model_id: str, limits: Limits) -> None:
    """Refuse a model that the tenant does not have yet, if it has as many as it may; as the owner.

    Raises
    ------
    QuotaExceededError
        ML021: max_models is reached.
    """
    if limits.max_models is None:
        return
    row = db.query(_MODELS, ["text", "text"], [tenant_id, model_id])[0]
    if not row["known"] and row["models"] >= limits.max_models:
        raise QuotaExceededError(
            f"tenant {tenant_id!r} has {row['models']} models and may have max_models = {limits.max_models}",
            hint="Delete a model with ml.delete_model, or ask an administrator for ml.set_quota.",
        )


def check_bytes(db: Database, tenant_id: str, limits: Limits, more: int = 0) -> None:
    """Refuse what takes a tenant beyond the bytes that it may store; as the owner.

    Raises
    ------
    QuotaExceededError
        ML021: max_bytes is passed.
    """
    if limits.max_bytes is not None:
        _free_bytes(db, tenant_id, limits.max_bytes, more)


def count_bytes(db: Database, tenant_id: str, limits: Limits) -> None:
    """Do as `check_bytes` and take note of what is free, after something was stored; the tenant's limits are locked.

    Raises
    ------
    QuotaExceededError
        ML021: max_bytes is passed.
    """
    if limits.max_bytes is not None:
        free = _free_bytes(db, tenant_id, limits.max_bytes)
        db.query(_COUNTED, ["text", "bigint"], [tenant_id, free // 2])


@contextmanager
def within_bytes(owner: Database, tenant_id: str) -> Iterator[Callable[[int], None]]:
    """Hold what a block stores for a tenant against its bytes; where those have no limit, this costs one look-up.

    Yields
    ------
    callable
        The block calls it with the bytes by which it makes the tenant grow. All that the tenant stores is counted
        only where the bytes that were free at the last count are half spent.

    Raises
    ------
    QuotaExceededError
        ML021: max_bytes is passed.
    """
    limits = limits_of(owner, tenant_id)
    if limits is not None and limits.max_bytes is not None:
        limits = limits_of(owner, tenant_id, lock=True)
    grown: list[int] = []
    yield grown.append
    if limits is None or limits.max_bytes is None:
        return
    if not owner.query(_SPEND, ["text", "bigint"], [tenant_id, max(sum(grown), 0)]):
        count_bytes(owner, tenant_id, limits)


def _free_bytes(db: Database, tenant_id: str, limit: int, more: int = 0) -> int:
    free = limit - more - int(_sizes(db, [tenant_id])[0]["bytes"])
    if free < 0:
        raise QuotaExceededError(
            f"what tenant {tenant_id!r} stores would take more than max_bytes = {limit}",
            hint="Delete versions with ml.delete_model(model_id, version) or runs of experiments, or ask an "
            "administrator for ml.set_quota.",
        )
    return free


def _sizes(db: Database, tenants: list[str]) -> list[Row]:
    sums = {
        table: " operator(pg_catalog.+) ".join(f"coalesce(pg_catalog.pg_column_size({name}), 0)" for name in columns)
        for table, columns in _TEXTS.items()
    }
    if membership.shares_models(db):  # an older extension has not counted what was logged
        sums["run"] += " operator(pg_catalog.+) r.bytes"
    return db.query(_SIZES.format(row=ROW_BYTES, **sums), ["text[]"], [tenants])


def tenant_sizes(db: Database) -> Iterator[dict[str, Any]]:
    """Yield what each tenant holds that the caller may act for, beside its quota."""
    caller = membership.caller_of(db)
    for row in read_as_owner(db, lambda owner: _sizes(owner, membership.tenants_of(owner, caller))):
        yield {**row, "training_seconds_today": training_budget.seconds_today(db, row["tenant_id"])}
