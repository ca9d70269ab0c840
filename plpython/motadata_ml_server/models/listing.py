"""The rows of the views on models: those of the tenants that the caller may act for, and of models shared with it.

Each statement runs as the owner and takes the tenants first, so that nothing of another tenant is read before the
caller's own conditions see a row; those are applied to what the function has returned. Times go out in ISO 8601, which
reads the same under every DateStyle.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from motadata_ml_server.postgres.database import Database, Row
from motadata_ml_server.postgres.owner import query_as_owner, read_as_owner
from motadata_ml_server.tenants import membership
from motadata_ml_server.tenants.membership import Caller, caller_of


def iso(column: str) -> str:
    """Return the SQL expression of a time as text that every session reads alike."""
    return f"(pg_catalog.to_json({column}) operator(pg_catalog.#>>) array[]::pg_catalog.text[])"


# What the caller may only predict with, its own tenants' and shared ones, is listed without who trained it. An older
# extension has no models of that kind.
_MODELS = f"""
select m.tenant_id, m.model_id, m.model_type, v.version as deployed_version, v.algorithm, v.target, v.metrics,
    v.training_rows, {iso("v.trained_at")} as trained_at,
    case when m.access operator(pg_catalog.<>) 'predict' then v.trained_by::pg_catalog.text end as trained_by,
    (select pg_catalog.count(*) from ml.model_version a where a.model operator(pg_catalog.=) m.id) as versions,
    {iso("m.created_at")} as created_at, m.access,
    case when m.access operator(pg_catalog.<>) 'predict' then {{granted_to}} end as granted_to
from ({{visible}}) as m
left join ml.model_version v on v.id operator(pg_catalog.=) m.deployed_version_id
order by m.tenant_id, m.model_id
"""  # noqa: S608 - constants

_GRANTED_TO = """
(select pg_catalog.array_agg(r.rolname::pg_catalog.text order by r.rolname)
    from ml.model_grant g join pg_catalog.pg_roles r on r.oid operator(pg_catalog.=) g.role
    where g.model operator(pg_catalog.=) m.id)
"""

_ALL = "select m.*, 'admin' as access from ml.model m"

_VISIBLE = """
with recursive own (role) as (
    select oid from pg_catalog.pg_roles where rolname operator(pg_catalog.=) $1
    union
    select a.roleid from pg_catalog.pg_auth_members a join own on a.member operator(pg_catalog.=) own.role
), tenants as materialized (
    select r.tenant_id, case when pg_catalog.bool_or(r.admin) then 'admin'
        when pg_catalog.bool_and({predict_only}) then 'predict' else 'train' end as access
    from own join ml.tenant_role r on r.role operator(pg_catalog.=) own.role::pg_catalog.regrole
    where pg_catalog.pg_has_role($1, r.role, 'usage') group by r.tenant_id
)
select m.*, t.access from tenants t join ml.model m on m.tenant_id operator(pg_catalog.=) t.tenant_id
"""

_SHARED = """
union all
select m.*, 'predict' from ml.model m
where m.id operator(pg_catalog.=) any (array(
        select g.model from own join ml.model_grant g on g.role operator(pg_catalog.=) own.role::pg_catalog.regrole
        where pg_catalog.pg_has_role($1, g.role, 'usage')))
    and not exists (select from tenants t where t.tenant_id operator(pg_catalog.=) m.tenant_id)
"""

VERSIONS: Final = f"""
select m.tenant_id, m.model_id, v.version, v.id operator(pg_catalog.=) m.deployed_version_id as deployed, v.model_type,
    v.algorithm, v.hyperparameters, v.target, v.classes, v.metrics, v.training_rows, v.dropped_rows, v.source_tables,
    v.random_state, v.runtime operator(pg_catalog.->>) 'name' as runtime, v.warnings, v.library_versions,
    v.trained_by::pg_catalog.text as trained_by, {iso("v.trained_at")} as trained_at, v.training_time
from ml.model m join ml.model_version v on v.model operator(pg_catalog.=) m.id
where m.tenant_id operator(pg_catalog.=) any ($1)
order by v.id
"""  # noqa: S608 - constants

TRIALS: Final = """
select m.tenant_id, m.model_id, v.version, t.number, t.hyperparameters, t.score, t.details
from ml.model m join ml.model_version v on v.model operator(pg_catalog.=) m.id
join ml.trial t on t.version_id operator(pg_catalog.=) v.id
where m.tenant_id operator(pg_catalog.=) any ($1)
order by t.id
"""

DEPLOYMENTS: Final = f"""
select m.tenant_id, m.model_id, v.version, d.deployed_by::pg_catalog.text as deployed_by,
    {iso("d.deployed_at")} as deployed_at, {iso("d.rolled_back_at")} as rolled_back_at
from ml.model m join ml.deployment d on d.model operator(pg_catalog.=) m.id
join ml.model_version v on v.id operator(pg_catalog.=) d.version_id
where m.tenant_id operator(pg_catalog.=) any ($1)
order by d.id
"""  # noqa: S608 - constants

TENANT_ROLES: Final = f"""
select r.tenant_id, r.role::pg_catalog.oid::pg_catalog.text as role,
    case when r.admin then 'admin' when r.predict_only then 'predict' else 'train' end as access,
    {iso("r.granted_at")} as granted_at
from ml.tenant_role r
where r.tenant_id operator(pg_catalog.=) any ($1)
order by r.tenant_id, r.role
"""  # noqa: S608 - constants


def of_own_tenants(db: Database, statement: str) -> Iterator[dict[str, Any]]:
    """Yield the rows of a statement that takes the tenants as its only value.

    Parameters
    ----------
    db : Database
        The caller's session.
    statement : str
        Runs as the owner; ``$1`` are the tenants that the caller may do more than predict for.
    """
    for row in query_as_owner(db, statement, ["text[]"], [own_tenants(db)]):
        yield dict(row)


def own_tenants(db: Database) -> list[str]:
    """Return the tenants that the caller may do more than predict for."""
    caller = caller_of(db)
    return read_as_owner(db, lambda owner: membership.tenants_of(owner, caller))


def models(db: Database) -> Iterator[dict[str, Any]]:
    """Yield the models that the caller may use, with what it may do with each."""
    caller = caller_of(db)
    for row in read_as_owner(db, lambda owner: _models(owner, caller)):
        yield dict(row)


def _models(owner: Database, caller: Caller) -> list[Row]:
    shares = membership.shares_models(owner)
    granted_to = _GRANTED_TO if shares else "null::pg_catalog.text[]"
    if caller.superuser:
        return owner.query(_MODELS.format(visible=_ALL, granted_to=granted_to))
    visible = _VISIBLE.format(predict_only="r.predict_only" if shares else "false") + (_SHARED if shares else "")
    return owner.query(_MODELS.format(visible=visible, granted_to=granted_to), ["name"], [caller.role])
