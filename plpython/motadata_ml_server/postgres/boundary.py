"""The one place where Python exceptions become PostgreSQL errors."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from functools import wraps
from itertools import chain
from typing import Any, NoReturn, ParamSpec, TypeVar

from motadata_ml_server.errors import MotadataError
from motadata_ml_server.postgres import database
from motadata_ml_server.postgres.resources import refusal

P = ParamSpec("P")
T = TypeVar("T")

READ_ONLY_HINT = "Connect to the primary, or begin a transaction that may write; predictions work here."


def boundary(function: Callable[P, T]) -> Callable[P, T]:
    """Wrap an entry point so that what it raises reaches the client whole."""

    @wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except Exception as error:
            _report(error)

    return wrapped


def boundary_rows(function: Callable[P, Iterator[T]]) -> Callable[P, Iterator[T]]:
    """Wrap an entry point that yields rows: what it raises between two rows is caught too.

    The first row is made at once: PL/Python hides the message of an error that comes out of an iterator behind its own,
    and nearly all errors come before the first row.
    """

    @wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> Iterator[T]:
        rows = _caught(function(*args, **kwargs))
        try:
            first = next(rows)
        except StopIteration:
            return iter(())
        return chain((first,), rows)

    return wrapped


def _caught(rows: Iterator[T]) -> Iterator[T]:
    try:
        yield from rows
    except Exception as error:
        _report(error)


def _report(error: Exception) -> NoReturn:
    import plpy  # there only inside PL/Python

    if isinstance(error, MotadataError):
        _raise(plpy, error.message, error.sqlstate, error.detail, error.hint)
    if isinstance(error, database.DatabaseError):
        hint = error.hint or (READ_ONLY_HINT if error.sqlstate == "25006" else None)
        _raise(plpy, error.message, error.sqlstate, error.detail, hint)
    if isinstance(error, (plpy.SPIError, plpy.Error)):  # the latter is a cancel that a NOTICE answered
        raise error
    if isinstance(error, RecursionError):
        _raise(plpy, "an argument is nested too deeply", "54001", None, "Pass values that are a few levels deep.")
    plpy.log("motadata_ml: unexpected error\n" + "".join(traceback.format_exception(error)))
    refused = refusal(error)
    if refused is not None:
        _raise(plpy, refused.message, refused.sqlstate, None, refused.hint)
    if isinstance(error, MemoryError):
        _raise(plpy, "the session ran out of memory", "53200", None, "Use fewer rows or columns at a time.")
    _raise(
        plpy,
        f"internal error: {type(error).__name__}",
        "ML000",
        None,
        "The server's log has the details. Please report this as a defect.",
    )


def _sayable(plpy: Any, text: str) -> str:
    """Return a text that plpy.error can pass on: it reads the database's encoding as UTF-8, and fails in any other."""
    if text.isascii() or plpy.execute("select pg_catalog.getdatabaseencoding() as name")[0]["name"] == "UTF8":
        return text
    return text.encode("ascii", "backslashreplace").decode("ascii")


def _raise(plpy: Any, message: str, sqlstate: str, detail: str | None, hint: str | None) -> NoReturn:
    parts = {"message": message, "sqlstate": sqlstate, "detail": detail, "hint": hint}
    given = {name: _sayable(plpy, value) for name, value in parts.items() if value}
    plpy.error(given.pop("message", ""), **given)
    raise AssertionError("plpy.error returned")
