"""What a role may do for which tenant: asked of its memberships, as the extension's owner, with the role named.

Nobody but the owner reads the tables, so row security is not what answers here. A role's tenants are found from the
roles whose rights it has: what other roles were granted is not looked at, and takes no time that could be told.
BYPASSRLS is no membership.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from motadata_ml_server.postgres.database import Database

Access = Literal["predict", "train", "admin"]
"""What a role may do for a tenant; each includes those before it."""

LEVELS: Final = ("predict", "train", "admin")
"""The kinds of access, each with more than the one before."""

OWN: Final = """
with recursive own (role) as (
    select oid from pg_catalog.pg_roles where rolname operator(pg_catalog.=) $1
    union
    select m.roleid from pg_catalog.pg_auth_members m join own on m.member operator(pg_catalog.=) own.role
)
"""
"""The beginning of a statement: the roles that the role $1 is a member of, by any number of steps, in ``own``."""

_PERMITTED = f"""{OWN}
select 1 as permitted from own join ml.tenant_role r on r.role operator(pg_catalog.=) own.role::pg_catalog.regrole
where r.tenant_id operator(pg_catalog.=) $2 and pg_catalog.pg_has_role($1, r.role, 'usage') limit 1
"""  # noqa: S608 - constants

# Two tenants of each role at the most, so that the look-up stays flat however many there are.
_OWN_TENANTS = f"""{OWN}
select distinct r.tenant_id from own, lateral (
    select tenant_id from ml.tenant_role where role operator(pg_catalog.=) own.role::pg_catalog.regrole
        and pg_catalog.pg_has_role($1, role, 'usage')
    order by tenant_id limit 2
) as r order by r.tenant_id limit 2
"""  # noqa: S608 - constants

_LEVEL = """
select coalesce(pg_catalog.bool_or(r.admin), false) as admin,
    coalesce(pg_catalog.bool_or(not {predict_only}), false) as train, pg_catalog.count(*) as grants
from own join ml.tenant_role r on r.role operator(pg_catalog.=) own.role::pg_catalog.regrole
where r.tenant_id operator(pg_catalog.=) $2 and pg_catalog.pg_has_role($1, r.role, 'usage')
"""

_TENANTS = """
select distinct r.tenant_id
from own join ml.tenant_role r on r.role operator(pg_catalog.=) own.role::pg_catalog.regrole
where not {predict_only} and pg_catalog.pg_has_role($1, r.role, 'usage')
"""

_SHARED = f"""{OWN}
select 1 as shared from own
join ml.model_grant g on g.role operator(pg_catalog.=) own.role::pg_catalog.regrole
join ml.model m on m.id operator(pg_catalog.=) g.model
where m.tenant_id operator(pg_catalog.=) $2 and ($3 is null or m.model_id operator(pg_catalog.=) $3)
    and pg_catalog.pg_has_role($1, g.role, 'usage')
limit 1
"""  # noqa: S608 - constants

_SHARES = "select pg_catalog.to_regclass('ml.model_grant') is not null as shares"


@dataclass(frozen=True)
class Caller:
    """Who calls, as the session knew before it became the owner.

    Attributes
    ----------
    role : str
        The current role.
    superuser : bool
        Whether it is one, who may do everything for every tenant.
    """

    role: str
    superuser: bool


_CALLER = """
select current_user::pg_catalog.text as role,
    (select rolsuper from pg_catalog.pg_roles where rolname operator(pg_catalog.=) current_user) as superuser
"""


def caller_of(db: Database) -> Caller:
    """Return who calls; to be asked before the session acts as the owner."""
    row = db.query(_CALLER)[0]
    return Caller(str(row["role"]), bool(row["superuser"]))


def permitted(owner: Database, caller: Caller, tenant_id: str) -> bool:
    """Tell whether a role may do anything for a tenant.

    Parameters
    ----------
    owner : Database
        The session, as the owner; so in every function here.
    caller : Caller
        Who calls.
    tenant_id : str
        The tenant.
    """
    return caller.superuser or bool(owner.query(_PERMITTED, ["name", "text"], [caller.role, tenant_id]))


def own_tenants(owner: Database, caller: Caller) -> list[str]:
    """Return the tenants that a role may act for, two of them at the most."""
    return [str(row["tenant_id"]) for row in owner.query(_OWN_TENANTS, ["name"], [caller.role])]


def tenants_of(owner: Database, caller: Caller) -> list[str]:
    """Return the tenants that a role may do more than predict for, and sees all of; every tenant for a superuser."""
    if caller.superuser:
        return [str(row["tenant_id"]) for row in owner.query("select tenant_id from ml.tenant")]
    statement = OWN + _TENANTS.format(predict_only="r.predict_only" if shares_models(owner) else "false")
    return [str(row["tenant_id"]) for row in owner.query(statement, ["name"], [caller.role])]


def access_of(owner: Database, caller: Caller, tenant_id: str) -> Access | None:
    """Return what a role may do for a tenant; None for nothing."""
    if caller.superuser:
        return "admin"
    level = OWN + _LEVEL.format(predict_only="r.predict_only" if shares_models(owner) else "false")
    row = owner.query(level, ["name", "text"], [caller.role, tenant_id])[0]
    if not row["grants"]:
        return None
    return "admin" if row["admin"] else "train" if row["train"] else "predict"


def shared(owner: Database, caller: Caller, tenant_id: str, model_id: str | None) -> bool:
    """Tell whether a model of a tenant was shared with a role, or any model for a model_id of None."""
    if not shares_models(owner):
        return False
    return bool(owner.query(_SHARED, ["name", "text", "text"], [caller.role, tenant_id, model_id]))


def shares_models(owner: Database) -> bool:
    """Tell whether the installed extension knows grants of single models and of predictions: it may be an older one."""
    return bool(owner.query(_SHARES)[0]["shares"])
