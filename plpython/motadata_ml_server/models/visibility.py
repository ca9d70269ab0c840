"""Which model version a call sees: asked for the caller, once per statement at most.

The tables are read as the extension's owner, who asks for the caller's memberships first; see `tenants.membership`.

The answer is remembered for the statement that asked, and depends on all that decides it. A statement is told apart
from the next by its start time. Within one, the role can change, the transaction and the subtransaction, the setting
that names the tenant, and the snapshot: a function that fetches from open cursors uses several, and so does a procedure
that commits. Each is read from the backend through a function that only returns a variable and cannot raise.
"""

from __future__ import annotations

from collections.abc import Callable

from motadata_ml_server.errors import TenantNotPermittedError, VersionNotFoundError
from motadata_ml_server.models.version import VisibleVersion, model_not_found
from motadata_ml_server.postgres import owner
from motadata_ml_server.postgres.backend import getter, snapshot_contents
from motadata_ml_server.postgres.database import Database
from motadata_ml_server.postgres.owner import query_as_owner, read_as_owner
from motadata_ml_server.tenants import membership, resolution
from motadata_ml_server.tenants.membership import Access, Caller, caller_of
from motadata_ml_server.tenants.resolution import Request

_LOOK_UP = """
select v.id, v.version, v.digest
from ml.model m
left join ml.model_version v on v.model operator(pg_catalog.=) m.id
    and case when $3 is null then v.id operator(pg_catalog.=) m.deployed_version_id
        else v.version operator(pg_catalog.=) $3 end
where m.tenant_id operator(pg_catalog.=) $1 and m.model_id operator(pg_catalog.=) $2
"""

# The same in one statement for a role that was itself granted the tenant that the call names: nearly every call, with
# the next. Where it finds nothing, the whole question is asked.
_NAMED_ITSELF = """
select r.tenant_id, v.id, v.version, v.digest
from ml.tenant_role r
join ml.model m on m.tenant_id operator(pg_catalog.=) r.tenant_id and m.model_id operator(pg_catalog.=) $2
join ml.model_version as v on v.model operator(pg_catalog.=) m.id
    and case when $3 is null then v.id operator(pg_catalog.=) m.deployed_version_id
        else v.version operator(pg_catalog.=) $3 end
where r.tenant_id operator(pg_catalog.=) $1 and r.role operator(pg_catalog.=) $4::pg_catalog.oid::pg_catalog.regrole
"""

# And where the setting names it, or nothing does and the role has one tenant and is a member of no other role.
_GRANTED_ITSELF = """
select r.tenant_id, v.id, v.version, v.digest
from (
    select coalesce($1, case when pg_catalog.current_setting('ml.tenant_id', true) operator(pg_catalog.<>) ''
        then pg_catalog.current_setting('ml.tenant_id', true) end) as tenant_id
) as n, lateral (
    select tenant_id from ml.tenant_role
    where role operator(pg_catalog.=) $4::pg_catalog.oid::pg_catalog.regrole
        and tenant_id operator(pg_catalog.=) n.tenant_id
    union all (
        select tenant_id from ml.tenant_role
        where n.tenant_id is null and role operator(pg_catalog.=) $4::pg_catalog.oid::pg_catalog.regrole
            and not exists (
                select from pg_catalog.pg_auth_members a where a.member operator(pg_catalog.=) $4::pg_catalog.oid)
        order by tenant_id limit 2)
) as r
left join ml.model m on m.tenant_id operator(pg_catalog.=) r.tenant_id and m.model_id operator(pg_catalog.=) $2
left join ml.model_version as v on v.model operator(pg_catalog.=) m.id
    and case when $3 is null then v.id operator(pg_catalog.=) m.deployed_version_id
        else v.version operator(pg_catalog.=) $3 end
"""

_Question = tuple[str, str | None, str | bytes | None, str]
"""Model, version, tenant (a text where the call names it, the bytes of the setting where it does not) and access."""

_TENANT = b"ml.tenant_id"


class _Memory:
    """What was seen in the statement that is running."""

    def __init__(self) -> None:
        self._start = getter("GetCurrentStatementStartTimestamp")
        self._transaction = getter("GetCurrentTransactionStartTimestamp")
        self.user = self._user = getter("GetUserId")
        self._subtransaction = getter("GetCurrentSubTransactionId")
        self._snapshot = snapshot_contents()
        self._setting = getter("GetConfigOption")
        self._moment: tuple[int | bytes | None, ...] | None = None
        self.seen: dict[_Question, VisibleVersion] = {}

    def refresh(self) -> None:
        """Drop what was seen at another moment; without a snapshot every moment is another."""
        snapshot = self._snapshot()
        moment = (self._start(), self._transaction(), self._user(), self._subtransaction(), snapshot)
        if moment != self._moment or snapshot is None:
            self._moment = moment
            self.seen.clear()

    def question(self, model_id: str, version: str | None, tenant_id: str | None, access: str) -> _Question:
        """Return all of a call that decides its answer: where it names no tenant, the setting may."""
        if tenant_id is None:
            return model_id, version, self._setting(_TENANT, True, False), access
        return model_id, version, tenant_id, access

    def forget(self) -> None:
        self._moment = None
        self.seen.clear()


_memory: _Memory | None = None


def forget() -> None:
    """Drop what this session knows of visible models, after a change of its own."""
    if _memory is not None:
        _memory.forget()


owner.after_write(forget)


def visible_version(
    db: Database, model_id: str, version: str | None, tenant_id: str | None, access: Access = "predict"
) -> VisibleVersion:
    """Return the version of a model that the caller sees now.

    Parameters
    ----------
    db : Database
        The caller's session.
    model_id : str
        The model's name.
    version : str or None
        A version's number; None takes the deployed one.
    tenant_id : str or None
        As `resolution.resolve` takes it; for predictions also a tenant that shares the model with the caller.
    access : str
        What the caller has to be allowed to do with it.

    Raises
    ------
    ModelNotFoundError
        ML001: no such model, or not the caller's.
    VersionNotFoundError
        ML014: no such version of it.
    InsufficientPrivilegeError
        42501: the caller may do less with it.
    """
    global _memory  # noqa: PLW0603 - one session, one memory
    if _memory is None:
        _memory = _Memory()
    _memory.refresh()
    key = _memory.question(model_id, version, tenant_id, access)
    found = _memory.seen.get(key)
    if found is None:
        found = _granted_itself(db, model_id, version, tenant_id, _memory.user()) if access == "predict" else None
        if found is None:
            asked = resolution.request(db, tenant_id)
            found = read_as_owner(db, lambda owner: _visible(owner, asked, model_id, version, access))
        _memory.refresh()
        _memory.seen[_memory.question(model_id, version, tenant_id, access)] = found
    return found


def look_up(
    db: Database, model_id: str, version: str | None, tenant_id: str, access: Access = "train"
) -> VisibleVersion:
    """Return a version of a tenant's model as the caller sees it, without remembering it.

    Raises
    ------
    ModelNotFoundError, VersionNotFoundError, InsufficientPrivilegeError
        As for `visible_version`.
    """
    caller = caller_of(db)

    def operation(owner: Database) -> VisibleVersion:
        own = membership.permitted(owner, caller, tenant_id)
        return _of_tenant(owner, caller, tenant_id, own, model_id, version, access)

    return read_as_owner(db, operation)


def _granted_itself(
    db: Database, model_id: str, version: str | None, tenant_id: str | None, role: int
) -> VisibleVersion | None:
    """Return the version where the role was itself granted the tenant; None where more has to be asked."""
    values = [tenant_id, model_id, version, role]
    statement = _GRANTED_ITSELF if tenant_id is None else _NAMED_ITSELF
    rows = query_as_owner(db, statement, ["text", "text", "text", "bigint"], values)
    if len(rows) != 1 or rows[0]["id"] is None:
        return None
    row = rows[0]
    return VisibleVersion(row["id"], row["tenant_id"], model_id, row["version"], row["digest"])


def _visible(owner: Database, asked: Request, model_id: str, version: str | None, access: Access) -> VisibleVersion:
    tenant, own = resolution.tenant_of(owner, asked, shared=True)
    return _of_tenant(owner, asked.caller, tenant, own, model_id, version, access)


def _of_tenant(
    owner: Database, caller: Caller, tenant_id: str, own: bool, model_id: str, version: str | None, access: Access
) -> VisibleVersion:
    """Return a version of a tenant's model, as the owner; of a tenant that is not the caller's, one that is shared."""
    if not own and not membership.shared(owner, caller, tenant_id, model_id):
        raise model_not_found(model_id, tenant_id)
    resolution.require(owner, caller, tenant_id, access)
    rows = owner.query(_LOOK_UP, ["text", "text", "text"], [tenant_id, model_id, version])
    if not rows:
        raise model_not_found(model_id, tenant_id)
    row = rows[0]
    if row["id"] is None:
        wanted = "deployed version" if version is None else f"version {version!r}"
        raise VersionNotFoundError(
            f"model {model_id!r} of tenant {tenant_id!r} has no {wanted}",
            hint="select version, deployed from ml.model_versions lists them; ml.deploy deploys one.",
        )
    return VisibleVersion(row["id"], tenant_id, model_id, row["version"], row["digest"])


def right_to(db: Database, visible: VisibleVersion) -> Callable[[], None]:
    """Return a check that the caller's right to a version stands now, whatever snapshot the running cursor reads.

    Who reads a cursor goes on in its snapshot, in which nothing is revoked. The check looks through a volatile function
    of the owner's, which PostgreSQL gives a snapshot of its own (but for transactions that keep one for all they do).

    Parameters
    ----------
    db : Database
        The caller's session; its role of this moment is asked for.
    visible : VisibleVersion
        What `visible_version` answered.

    Returns
    -------
    callable
        Takes nothing; raises TenantNotPermittedError (ML012) once the right is revoked.
    """
    caller = caller_of(db)

    def permitted(own: Database) -> bool:
        tenant, model = visible.tenant_id, visible.model_id
        return membership.permitted(own, caller, tenant) or membership.shared(own, caller, tenant, model)

    def check() -> None:
        if not owner.write_as_owner(db, permitted):
            raise TenantNotPermittedError(
                f"the right of role {caller.role!r} to act for tenant {visible.tenant_id!r} was revoked",
                hint="The rows before were predicted while it stood. Ask an administrator for ml.grant_usage.",
            )

    return check


_ALLOWED = """
select v.id, m.tenant_id, m.model_id
from ml.model_version v join ml.model m on m.id operator(pg_catalog.=) v.model
where v.id operator(pg_catalog.=) any ($1)
"""


def allowed(db: Database, version_ids: list[int]) -> set[int]:
    """Return those of some versions that the caller may predict with."""
    caller = caller_of(db)

    def operation(owner: Database) -> set[int]:
        return {
            int(row["id"])
            for row in owner.query(_ALLOWED, ["bigint[]"], [version_ids])
            if membership.permitted(owner, caller, row["tenant_id"])
            or membership.shared(owner, caller, row["tenant_id"], row["model_id"])
        }

    return read_as_owner(db, operation)
