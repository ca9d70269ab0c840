"""Operations that need the extension owner's rights, without ever taking bytes from a user.

An invoker function checks the caller's rights, leaves one operation here, in the memory of the backend process,
and calls `ml._run_read` or `ml._run_write`, which run as the owner and pick it up. A user who calls those
functions directly finds nothing pending: nobody but the server package can leave an operation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from motadata_ml_server.errors import InsufficientPrivilegeError
from motadata_ml_server.postgres import boundary, database
from motadata_ml_server.postgres.database import Database, Row

T = TypeVar("T")

_pending: Callable[[database.Database], Any] | None = None
_result: Any = None
_failure: Exception | None = None
_after_write: list[Callable[[], None]] = []


def read_as_owner(db: database.Database, operation: Callable[[database.Database], T]) -> T:
    """Run an operation that reads, as the owner, in the caller's snapshot."""
    return _run(db, operation, "select ml._run_read()")


def query_as_owner(db: database.Database, sql: str, types: Sequence[str] = (), values: Sequence[Any] = ()) -> list[Row]:
    """Run one statement that reads, as the owner; what it may return to the caller is for the statement to decide."""
    return read_as_owner(db, lambda owner: owner.query(sql, types, values))


def write_as_owner(db: database.Database, operation: Callable[[database.Database], T]) -> T:
    """Run an operation that writes, as the owner, then what was registered with `after_write`."""
    try:
        return _run(db, operation, "select ml._run_write()")
    finally:
        for hook in _after_write:
            hook()


def after_write(hook: Callable[[], None]) -> None:
    """Have a function called after every write of this session, failed ones too: to forget what may be true no more.

    Parameters
    ----------
    hook : callable
        Takes nothing; must not raise.
    """
    _after_write.append(hook)


def _run(db: database.Database, operation: Callable[[database.Database], T], sql: str) -> T:
    global _pending, _result, _failure  # noqa: PLW0603 - handed over in process memory, that is the point
    _pending = operation
    try:
        db.query(sql)
        if _failure is not None:
            raise _failure
        result: T = _result
        return result
    finally:
        _pending = _result = _failure = None


@boundary.boundary
def run_pending() -> None:
    """Run the operation that was left pending, once.

    What the operation raises is handed back like its result, so that it crosses one error boundary, not two;
    the waiting caller raises it, which undoes what the operation wrote.

    Raises
    ------
    InsufficientPrivilegeError
        If there is none: the function was called directly.
    """
    global _pending, _result, _failure  # noqa: PLW0603
    operation, _pending = _pending, None
    if operation is None:
        raise InsufficientPrivilegeError(
            "this function is internal and does nothing when called directly",
            hint="Use the public functions of schema ml.",
        )
    try:
        _result = operation(database.current())
    except Exception as error:
        _failure = error


_CALLER = """
select (select rolsuper from pg_catalog.pg_roles where rolname operator(pg_catalog.=) current_user)
        or pg_catalog.pg_has_role(current_user, e.extowner, 'usage') as owner
from pg_catalog.pg_extension e where e.extname operator(pg_catalog.=) 'motadata_ml'
"""


def caller_is_owner(db: Database) -> bool:
    """Tell whether the caller is a superuser or acts as the extension's owner."""
    return bool(db.query(_CALLER)[0]["owner"])
