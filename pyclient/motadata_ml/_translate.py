"""The one place where a psycopg error becomes an error of this package."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg_pool import PoolClosed, PoolTimeout, TooManyRequests

from motadata_ml.errors import (
    BY_SQLSTATE,
    AuthenticationError,
    ConnectionLostError,
    DatabaseError,
    DatabaseUnreachableError,
    ExtensionMissingError,
    InvalidArgumentError,
    MLError,
    ModelNotFoundError,
    QueryCanceledError,
    UnsupportedOperationError,
)

_RAISED_BY = re.compile(r"\A(?:plpy\.Error|ml\.\w+): ")
"""The function that the server puts before a message; servers before 0.3.0 put PL/Python's class."""
_LOST = frozenset({"57P01", "57P02", "57P03", "57P05", "25P03"})
_RECONNECT = "run the call again: it gets a fresh connection"
_CLIENT_HINTS = {
    "42501": "ask an administrator for the right named above, or for ml.grant_usage(role, tenant_id)",
    "25006": "connect to the primary, in a transaction that may write",
    "53000": "nothing was stored; raise the server's limits of files and processes",
    "53100": "nothing was stored; free space on the server, or use fewer rows",
    "53200": "nothing was stored; use fewer rows or columns at a time",
    "53300": "close connections that are not in use, or raise max_connections",
    "54000": "pass fewer columns, or one column of lists (a vector) instead of many numbers",
    "54011": "pass fewer columns, or one column of lists (a vector) instead of many numbers",
}


def translate(error: psycopg.Error, *, model_id: str | None = None) -> MLError:
    """Return the package's error for an error of psycopg.

    Parameters
    ----------
    error : psycopg.Error
        What the driver raised.
    model_id : str, optional
        The model the call was about; kept on `ModelNotFoundError`.

    Returns
    -------
    MLError
        To be raised ``from`` `error`; `hint`, `detail` and `sqlstate` are the server's.
    """
    state = error.sqlstate
    if state is None:
        return _without_sqlstate(error)
    message = _RAISED_BY.sub("", error.diag.message_primary or str(error))
    hint, detail = error.diag.message_hint, error.diag.message_detail
    known = BY_SQLSTATE.get(state)
    if known is not None:
        found = known(message, hint=hint or _CLIENT_HINTS.get(state), detail=detail)
        if isinstance(found, ModelNotFoundError):
            found.model_id = model_id
        return found
    return _of_postgresql(state, message, hint, detail)


def _of_postgresql(state: str, message: str, hint: str | None, detail: str | None) -> MLError:
    """Return the error for a SQLSTATE of PostgreSQL's own."""
    if state in _LOST or state.startswith("08"):
        return ConnectionLostError(message, hint=hint or _RECONNECT, detail=detail, sqlstate=state)
    if state == "57014":
        return QueryCanceledError(
            message, hint=hint or "nothing was stored; raise statement_timeout if it ran out", detail=detail
        )
    if state == "3F000":
        return extension_missing(message)
    if state == "42883" and " ml." in message:
        return UnsupportedOperationError(
            message, hint="the extension in this database is older: alter extension motadata_ml update"
        )
    return DatabaseError(message, hint=hint or _CLIENT_HINTS.get(state), detail=detail, sqlstate=state)


def translate_connect(error: Exception, target: str) -> DatabaseUnreachableError:
    """Return the error for a connection that could not be made.

    Parameters
    ----------
    error : Exception
        What psycopg or the pool raised.
    target : str
        The server in words, without the password.

    Notes
    -----
    libpq hands out no SQLSTATE before the login is done. Whether the server asked for a password is known;
    only what it then objected to has to be read from its message.
    """
    text = str(error).strip()
    pgconn = getattr(error, "pgconn", None)
    asked = bool(pgconn and (pgconn.used_password or pgconn.needs_password))
    lowered = text.lower()
    if "no password supplied" in lowered or "password authentication failed" in lowered:
        return AuthenticationError(
            f"the server refused the login to {target}: {text}",
            hint="check user and password (DatabaseConfig, PGUSER, PGPASSWORD, ~/.pgpass)",
        )
    if "pg_hba.conf" in lowered or ("role" in lowered and "does not exist" in lowered):
        return AuthenticationError(
            f"the server refused the login to {target}: {text}",
            hint="check the user's name, and that pg_hba.conf lets it in from this address",
            sqlstate="28000",
        )
    if "does not exist" in lowered:
        return DatabaseUnreachableError(
            f"cannot connect to {target}: {text}",
            hint="check the database's name: psql -l lists them",
            sqlstate="3D000",
        )
    if asked:
        return AuthenticationError(
            f"the server did not accept the login to {target}: {text}",
            hint="check user, password and database name",
        )
    return DatabaseUnreachableError(
        f"cannot connect to {target}: {text}",
        hint="check host and port, and that the server runs there: pg_isready -h HOST -p PORT",
    )


def extension_missing(reason: str | None = None) -> ExtensionMissingError:
    """Return the error for a database without the extension."""
    return ExtensionMissingError(
        "this database has no extension motadata_ml that this role can use",
        hint="as a superuser: create extension motadata_ml cascade; "
        "then select ml.grant_usage('your_role'); `motadata-ml doctor` shows what else is missing",
        detail=reason,
    )


def _without_sqlstate(error: psycopg.Error) -> MLError:
    """Return the error for one that did not come from the server."""
    if isinstance(error, PoolTimeout | TooManyRequests):
        return DatabaseError(
            f"no connection became free: {error}",
            hint="close what is not in use, or raise max_connections of DatabaseConfig",
            sqlstate="53300",
        )
    if isinstance(error, PoolClosed):
        return ConnectionLostError(
            "the connection is closed", hint="use it inside its with block, or call connect() again"
        )
    if isinstance(error, psycopg.DataError):
        return InvalidArgumentError(f"a value cannot be sent: {error}", hint="leave NUL characters out of text")
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return ConnectionLostError(f"the connection was lost: {error}", hint=_RECONNECT)
    return DatabaseError(str(error))


@contextmanager
def translated(model_id: str | None = None) -> Iterator[None]:
    """Raise every psycopg error of the block as an error of this package."""
    try:
        yield
    except psycopg.Error as error:
        raise translate(error, model_id=model_id) from error
