"""The rights in PostgreSQL that come with acting for a tenant: functions and views, never a table or a sequence.

What a function does for which tenant it asks itself, of `tenants.membership`. These rights are the wall before it: who
may only predict cannot even call the others.
"""

from __future__ import annotations

from typing import Final

from motadata_ml_server.postgres.database import Database

OWNER_ONLY: Final = ("set_option", "set_quota", "refresh_usage", "_as_float8_array", "_as_int4_array")
"""Functions that stay with the extension's owner and superusers."""

PREDICTING: Final = ("list_models", "get_model_info", "current_tenant", "cache_clear")
"""Functions of who may only predict, beside those whose names begin with ``predict`` and the internal ones."""

PREDICTING_VIEWS: Final = ("models", "cache_status")
"""Views of who may only predict; all others are for who may train."""

_FUNCTIONS = """
select p.oid::pg_catalog.regprocedure::pg_catalog.text as name from pg_catalog.pg_proc p
join pg_catalog.pg_namespace n on n.oid operator(pg_catalog.=) p.pronamespace
where n.nspname operator(pg_catalog.=) 'ml' and p.proname operator(pg_catalog.<>) all ($1)
    and (not $2 or pg_catalog.starts_with(p.proname::pg_catalog.text, '_')
        or pg_catalog.starts_with(p.proname::pg_catalog.text, 'predict') or p.proname operator(pg_catalog.=) any ($3))
order by 1
"""

_VIEWS = """
select c.relname::pg_catalog.text as name from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid operator(pg_catalog.=) c.relnamespace
where n.nspname operator(pg_catalog.=) 'ml' and c.relkind::pg_catalog.text operator(pg_catalog.=) 'v'
    and (not $1 or c.relname operator(pg_catalog.=) any ($2))
order by 1
"""

# Grants of a version that gave rights on tables; a view's rights are renewed with them.
_RELATIONS = """
select case when c.relkind::pg_catalog.text operator(pg_catalog.=) 'S' then 'sequence' else 'table' end as kind,
    pg_catalog.format('ml.%I', c.relname) as name
from pg_catalog.pg_class c, pg_catalog.aclexplode(c.relacl) a, pg_catalog.pg_roles r
where c.relnamespace operator(pg_catalog.=) 'ml'::pg_catalog.regnamespace
    and a.grantee operator(pg_catalog.=) r.oid and r.rolname operator(pg_catalog.=) $1
    and a.grantee operator(pg_catalog.<>) c.relowner
group by 1, 2 order by 1, 2
"""

# Each role that acts for a tenant or was granted a model, and whether it may only predict.
_HOLDERS = """
select r.rolname::pg_catalog.text as name, pg_catalog.bool_and(h.predict_only) as predict_only
from (select role, predict_only from ml.tenant_role union all select role, true from ml.model_grant) as h
join pg_catalog.pg_roles r on r.oid operator(pg_catalog.=) h.role
where $1 is null or r.rolname operator(pg_catalog.=) $1
group by r.rolname order by r.rolname
"""

_LACKING_FUNCTION = """
select 1 as one from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid operator(pg_catalog.=) p.pronamespace
where n.nspname operator(pg_catalog.=) 'ml' and p.oid::pg_catalog.regprocedure::pg_catalog.text
        operator(pg_catalog.=) any ($2)
    and not pg_catalog.has_function_privilege($1, p.oid, 'execute')
limit 1
"""

_SURPLUS_TABLE = """
select 1 as one from pg_catalog.pg_class c, pg_catalog.aclexplode(c.relacl) a, pg_catalog.pg_roles r
where c.relnamespace operator(pg_catalog.=) 'ml'::pg_catalog.regnamespace
    and c.relkind::pg_catalog.text operator(pg_catalog.<>) 'v' and a.grantee operator(pg_catalog.=) r.oid
    and r.rolname operator(pg_catalog.=) $1 and a.grantee operator(pg_catalog.<>) c.relowner
limit 1
"""


def holders(owner: Database, role_name: str | None = None) -> dict[str, bool]:
    """Return the roles that act for a tenant or were granted a model, each with whether it may only predict.

    Parameters
    ----------
    owner : Database
        The session, as the owner; so in every function here.
    role_name : str or None
        One role; None takes all.
    """
    rows = owner.query(_HOLDERS, ["name"], [role_name])
    return {str(row["name"]): bool(row["predict_only"]) for row in rows}


def renew(owner: Database, role_name: str) -> None:
    """Give a role the rights that what it was granted comes with, and take all others on the extension from it."""
    role = owner.query("select pg_catalog.quote_ident($1) as name", ["text"], [role_name])[0]["name"]
    held = holders(owner, role_name)
    for relation in owner.query(_RELATIONS, ["name"], [role_name]):
        owner.run(f"revoke all on {relation['kind']} {relation['name']} from {role}")
    if not held or held[role_name]:
        owner.run(f"revoke execute on function {', '.join(_functions(owner, False))} from {role}")
    if not held:
        owner.run(f"revoke usage on schema ml from {role}")
        return
    predict_only = held[role_name]
    owner.run(f"grant usage on schema ml to {role}")
    owner.run(f"grant select on {', '.join(_views(owner, predict_only))} to {role}")
    owner.run(f"grant execute on function {', '.join(_functions(owner, predict_only))} to {role}")


def outdated(owner: Database) -> list[str]:
    """Return the roles that lack a right of the installed version, or have one of an older version."""
    found = []
    functions = {predict_only: _functions(owner, predict_only) for predict_only in (False, True)}
    for name, predict_only in holders(owner).items():
        lacking = owner.query(_LACKING_FUNCTION, ["name", "text[]"], [name, functions[predict_only]])
        if lacking or owner.query(_SURPLUS_TABLE, ["name"], [name]):
            found.append(name)
    return found


def _functions(owner: Database, predict_only: bool) -> list[str]:
    rows = owner.query(_FUNCTIONS, ["text[]", "boolean", "text[]"], [list(OWNER_ONLY), predict_only, list(PREDICTING)])
    return [str(row["name"]) for row in rows]


def _views(owner: Database, predict_only: bool) -> list[str]:
    rows = owner.query(_VIEWS, ["boolean", "text[]"], [predict_only, list(PREDICTING_VIEWS)])
    return [f"ml.{row['name']}" for row in rows]
