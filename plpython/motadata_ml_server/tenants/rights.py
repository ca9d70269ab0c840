"""The rights in PostgreSQL that come with acting for a tenant: functions and views, never a table or a sequence.

What a function does for which tenant it asks itself, of `tenants.membership`. These rights are the wall before it: who
may only predict cannot even call the others.

GRANT and REVOKE write the catalogue's row of each function, which another transaction that has done so keeps locked
until it ends. So only what differs is written, and nobody waits longer than `WAIT` for another administrator: what was
not taken back then opens nothing, and `ml.refresh_usage` takes it back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from motadata_ml_server.postgres.database import Database, DatabaseError
from motadata_ml_server.tenants.patience import LOCK_NOT_AVAILABLE, WAIT

OWNER_ONLY: Final = ("set_option", "set_quota", "refresh_usage", "_as_float8_array", "_as_int4_array")
"""Functions that stay with the extension's owner and superusers."""

PREDICTING: Final = (
    *("list_models", "get_model_info", "current_tenant", "cache_clear"),
    *("_models", "_cache_status", "_raise_failure", "_run_read", "_run_write"),
    *("_open_cursor", "_close_cursor", "_fetch"),
    *("_bytes", "_array_header", "_float8_array", "_int4_array"),
    *("_api_key", "_serve_requests", "_serve_rows", "_warm_models"),
)
"""Functions of who may only predict, beside those whose names begin with ``predict`` or ``_predict``.

Internal ones are named here too: a new one, such as what is behind a view, is for who may train until somebody has
thought of it.
"""

PREDICTING_VIEWS: Final = ("models", "cache_status")
"""Views of who may only predict; all others are for who may train."""

_FUNCTIONS = """
select p.oid::pg_catalog.regprocedure::pg_catalog.text as name from pg_catalog.pg_proc p
join pg_catalog.pg_namespace n on n.oid operator(pg_catalog.=) p.pronamespace
where n.nspname operator(pg_catalog.=) 'ml' and p.proname operator(pg_catalog.<>) all ($1)
    and (not $2 or pg_catalog.starts_with(pg_catalog.ltrim(p.proname::pg_catalog.text, '_'), 'predict')
        or p.proname operator(pg_catalog.=) any ($3))
order by 1
"""

_VIEWS = """
select c.relname::pg_catalog.text as name from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid operator(pg_catalog.=) c.relnamespace
where n.nspname operator(pg_catalog.=) 'ml' and c.relkind::pg_catalog.text operator(pg_catalog.=) 'v'
    and (not $1 or c.relname operator(pg_catalog.=) any ($2))
order by 1
"""

# All that was granted to one role by name in the schema, also on tables and sequences, as older versions did.
_HELD = """
select 'function' as kind, p.oid::pg_catalog.regprocedure::pg_catalog.text as name, 'EXECUTE' as privileges
from pg_catalog.pg_proc p, pg_catalog.aclexplode(p.proacl) a, pg_catalog.pg_roles r
where p.pronamespace operator(pg_catalog.=) 'ml'::pg_catalog.regnamespace
    and a.grantee operator(pg_catalog.=) r.oid and r.rolname operator(pg_catalog.=) $1
    and a.grantee operator(pg_catalog.<>) p.proowner
group by p.oid
union all
select case when c.relkind::pg_catalog.text operator(pg_catalog.=) 'S' then 'sequence'
        when c.relkind::pg_catalog.text operator(pg_catalog.=) 'v' then 'view' else 'table' end,
    pg_catalog.format('ml.%I', c.relname), pg_catalog.string_agg(a.privilege_type, ' ' order by a.privilege_type)
from pg_catalog.pg_class c, pg_catalog.aclexplode(c.relacl) a, pg_catalog.pg_roles r
where c.relnamespace operator(pg_catalog.=) 'ml'::pg_catalog.regnamespace
    and a.grantee operator(pg_catalog.=) r.oid and r.rolname operator(pg_catalog.=) $1
    and a.grantee operator(pg_catalog.<>) c.relowner
group by c.oid, c.relkind, c.relname
union all
select 'schema', 'ml', 'USAGE'
from pg_catalog.pg_namespace n, pg_catalog.aclexplode(n.nspacl) a, pg_catalog.pg_roles r
where n.nspname operator(pg_catalog.=) 'ml' and a.privilege_type operator(pg_catalog.=) 'USAGE'
    and a.grantee operator(pg_catalog.=) r.oid and r.rolname operator(pg_catalog.=) $1
    and a.grantee operator(pg_catalog.<>) n.nspowner
group by n.oid
order by 1, 2
"""

# Who holds nothing and still may call an internal function, which nobody is granted by hand: a revocation that could
# not wait for another transaction.
_LEFT_BEHIND = """
select distinct r.rolname::pg_catalog.text as name
from pg_catalog.pg_proc l, pg_catalog.aclexplode(l.proacl) a, pg_catalog.pg_roles r
where l.pronamespace operator(pg_catalog.=) 'ml'::pg_catalog.regnamespace
    and l.proname operator(pg_catalog.=) '_run_read' and a.grantee operator(pg_catalog.=) r.oid
    and a.grantee operator(pg_catalog.<>) l.proowner
    and not exists (select from ml.tenant_role t where t.role operator(pg_catalog.=) r.oid::pg_catalog.regrole)
    and not exists (select from ml.model_grant g where g.role operator(pg_catalog.=) r.oid::pg_catalog.regrole)
order by 1
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


def left_behind(owner: Database) -> list[str]:
    """Return the roles that hold nothing any more and kept rights that could not be taken from them then."""
    return [str(row["name"]) for row in owner.query(_LEFT_BEHIND)]


def renew(owner: Database, role_name: str, *, giving: bool = False) -> bool:
    """Give a role the rights that what it was granted comes with, and take all others on the extension from it.

    Parameters
    ----------
    owner : Database
        The session, as the owner.
    role_name : str
        The role.
    giving : bool
        Whether rights that it lacks are what this is about, so that it is an error if they cannot be given now.

    Returns
    -------
    bool
        Whether all is done; where it is not, a WARNING has said so.

    Raises
    ------
    DatabaseError
        55P03: `giving`, and another transaction that gives or takes rights did not end within `WAIT`.
    """
    given = _within_the_wait(owner, lambda: _missing(owner, role_name))
    if giving and not given:
        raise DatabaseError(
            LOCK_NOT_AVAILABLE,
            f"role {role_name!r} cannot be given its rights now: another transaction is giving or taking rights",
            None,
            "Try again when it has ended. Call ml.grant_usage and ml.grant_model in transactions that end at once.",
        )
    if given and _within_the_wait(owner, lambda: _surplus(owner, role_name)):
        return True
    owner.warning(
        f"rights of role {role_name!r} on functions of schema ml are not brought up to date: another transaction is "
        "giving or taking rights",
        "What the role may do for which tenant is in force already. Call ml.refresh_usage() when it has ended.",
    )
    return False


_DEADLOCK: Final = "40P01"
_INTERNAL: Final = "XX000"
_ATTEMPTS: Final = 5
"""How often what others changed in the meantime is looked at anew."""


def _within_the_wait(owner: Database, statements: Callable[[], Iterable[str]]) -> bool:
    """Run statements that write the catalogue; returns whether no other transaction was in the way."""
    for _ in range(_ATTEMPTS):
        try:
            with owner.planning({"lock_timeout": WAIT}):
                for statement in statements():
                    owner.run(statement)
        except DatabaseError as error:
            if error.sqlstate in (LOCK_NOT_AVAILABLE, _DEADLOCK):
                return False
            # what PostgreSQL says of a row of the catalogue that another transaction has written meanwhile
            if error.sqlstate != _INTERNAL or "concurrently" not in error.message:
                raise
        else:
            return True
    return False


def _missing(owner: Database, role_name: str) -> Iterable[str]:
    """Return what grants a role the rights it should have and has not."""
    wanted = holders(owner, role_name)
    if not wanted:
        return []
    role, held = _quoted(owner, role_name), _held(owner, role_name)
    views = [name for name in _views(owner, wanted[role_name]) if "SELECT" not in held.get(("view", name), "")]
    functions = [name for name in _functions(owner, wanted[role_name]) if ("function", name) not in held]
    found = [] if ("schema", "ml") in held else [f"grant usage on schema ml to {role}"]
    if views:
        found.append(f"grant select on {', '.join(views)} to {role}")
    if functions:
        found.append(f"grant execute on function {', '.join(functions)} to {role}")
    return found


def _surplus(owner: Database, role_name: str) -> Iterable[str]:
    """Return what takes from a role the rights it should not have: the functions last, by which the rest is found."""
    wanted = holders(owner, role_name)
    role, held = _quoted(owner, role_name), _held(owner, role_name)
    views = set(_views(owner, wanted[role_name])) if wanted else set()
    kept = set(_functions(owner, wanted[role_name])) if wanted else set()
    found = []
    for (kind, name), privileges in held.items():
        if kind == "view" and name in views:
            others = [privilege for privilege in privileges.split() if privilege != "SELECT"]
            if others:
                found.append(f"revoke {', '.join(others)} on table {name} from {role}")
        elif kind in ("sequence", "table", "view"):
            found.append(f"revoke all on {'sequence' if kind == 'sequence' else 'table'} {name} from {role}")
    if not wanted and ("schema", "ml") in held:
        found.append(f"revoke usage on schema ml from {role}")
    functions = [name for name in _functions(owner, False) if name not in kept and ("function", name) in held]
    if functions:
        found.append(f"revoke execute on function {', '.join(functions)} from {role}")
    return found


def _quoted(owner: Database, role_name: str) -> str:
    return str(owner.query("select pg_catalog.quote_ident($1) as name", ["text"], [role_name])[0]["name"])


def _held(owner: Database, role_name: str) -> dict[tuple[str, str], str]:
    """Return what was granted to a role by name: the kind and name of each object, and the privileges on it."""
    rows = owner.query(_HELD, ["name"], [role_name])
    return {(str(row["kind"]), str(row["name"])): str(row["privileges"]) for row in rows}


def outdated(owner: Database) -> list[str]:
    """Return the roles that lack a right of the installed version, have one of an older version, or kept some."""
    found = []
    functions = {predict_only: _functions(owner, predict_only) for predict_only in (False, True)}
    for name, predict_only in holders(owner).items():
        lacking = owner.query(_LACKING_FUNCTION, ["name", "text[]"], [name, functions[predict_only]])
        if lacking or owner.query(_SURPLUS_TABLE, ["name"], [name]):
            found.append(name)
    return found + left_behind(owner)


def _functions(owner: Database, predict_only: bool) -> list[str]:
    rows = owner.query(_FUNCTIONS, ["text[]", "boolean", "text[]"], [list(OWNER_ONLY), predict_only, list(PREDICTING)])
    return [str(row["name"]) for row in rows]


def _views(owner: Database, predict_only: bool) -> list[str]:
    rows = owner.query(_VIEWS, ["boolean", "text[]"], [predict_only, list(PREDICTING_VIEWS)])
    return [f"ml.{row['name']}" for row in rows]
