"""Which model version a call sees: asked as the caller, once per statement at most.

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
from motadata_ml_server.tenants import resolution

_LOOK_UP = """
select v.id, v.version, v.digest
from ml.model m
left join ml.model_version v on v.model operator(pg_catalog.=) m.id
    and case when $3 is null then v.id operator(pg_catalog.=) m.deployed_version_id
        else v.version operator(pg_catalog.=) $3 end
where m.tenant_id operator(pg_catalog.=) $1 and m.model_id operator(pg_catalog.=) $2
"""

_Question = tuple[str, str | None, str | bytes | None]
"""Model, version and tenant: a text where the call names it, the bytes of the setting where it does not."""

_TENANT = b"ml.tenant_id"


class _Memory:
    """What was seen in the statement that is running."""

    def __init__(self) -> None:
        self._start = getter("GetCurrentStatementStartTimestamp")
        self._transaction = getter("GetCurrentTransactionStartTimestamp")
        self._user = getter("GetUserId")
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

    def question(self, model_id: str, version: str | None, tenant_id: str | None) -> _Question:
        """Return all of a call that decides its answer: where it names no tenant, the setting may."""
        if tenant_id is None:
            return model_id, version, self._setting(_TENANT, True, False)
        return model_id, version, tenant_id

    def forget(self) -> None:
        self._moment = None
        self.seen.clear()


_memory: _Memory | None = None


def forget() -> None:
    """Drop what this session knows of visible models, after a change of its own."""
    if _memory is not None:
        _memory.forget()


owner.after_write(forget)


def visible_version(db: Database, model_id: str, version: str | None, tenant_id: str | None) -> VisibleVersion:
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
        As `tenancy.resolve` takes it.

    Raises
    ------
    ModelNotFoundError
        ML001: no such model, or not the caller's.
    VersionNotFoundError
        ML014: no such version of it.
    """
    global _memory  # noqa: PLW0603 - one session, one memory
    if _memory is None:
        _memory = _Memory()
    _memory.refresh()
    key = _memory.question(model_id, version, tenant_id)
    found = _memory.seen.get(key)
    if found is None:
        found = look_up(db, model_id, version, resolution.resolve(db, tenant_id))
        _memory.refresh()
        _memory.seen[_memory.question(model_id, version, tenant_id)] = found
    return found


def look_up(db: Database, model_id: str, version: str | None, tenant_id: str) -> VisibleVersion:
    """Return a version of a tenant's model as the caller sees it, without remembering it."""
    rows = db.query(_LOOK_UP, ["text", "text", "text"], [tenant_id, model_id, version])
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


_STILL_PERMITTED = """
select coalesce(
        (select rolsuper from pg_catalog.pg_roles where rolname operator(pg_catalog.=) $2), false)
    or exists (
        select from ml.tenant_role r
        where r.tenant_id operator(pg_catalog.=) $1 and pg_catalog.pg_has_role($2, r.role, 'usage')) as permitted
"""


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
    role = str(db.query("select current_user::pg_catalog.text as name")[0]["name"])

    def check() -> None:
        values = [visible.tenant_id, role]
        rows = owner.write_as_owner(db, lambda own: own.query(_STILL_PERMITTED, ["text", "name"], values))
        if not rows[0]["permitted"]:
            raise TenantNotPermittedError(
                f"the right of role {role!r} to act for tenant {visible.tenant_id!r} was revoked",
                hint="The rows before were predicted while it stood. Ask an administrator for ml.grant_usage.",
            )

    return check
