"""PostgreSQL's functions that the extension's own statements call, for `fake_database`."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Protocol

from motadata_ml_server.postgres.database import DatabaseError


class Session(Protocol):
    """What the functions read of a session."""

    role: str
    settings: dict[str, str]

    def has_role(self, role: str, wanted: int | str) -> bool:
        """Tell whether a role is a member of another."""
        ...


class BoolOr:
    """``bool_or``: whether any value is true; NULL of none."""

    def __init__(self) -> None:
        self._found: int | None = None

    def step(self, value: int | None) -> None:
        """Take a value."""
        if value is not None:
            self._found = int(bool(self._found or value))

    def finalize(self) -> Any:
        """Return the result."""
        return self._found


class Functions:
    """The functions of one session.

    Parameters
    ----------
    connection : sqlite3.Connection
        Where they are made.
    session : Session
        Whose role and settings they return.
    """

    def __init__(self, connection: sqlite3.Connection, session: Session) -> None:
        self._connection = connection
        self._session = session
        self._raised: Exception | None = None
        # by the names that the translation gives them
        functions: dict[str, Callable[..., Any]] = {
            "clock_timestamp": _now,
            "current_setting": self._current_setting,
            "current_user_": lambda: session.role,
            "format": _format,
            "octet_length": lambda value: None if value is None else len(value),
            "pg_column_size": lambda value: None if value is None else len(value),
            "pg_has_role": lambda role, wanted, _: session.has_role(role, wanted),
            "quote_ident": _identifier,
            "set_config": self._set_config,
            "unix_to_time": lambda seconds: _text(datetime.fromtimestamp(seconds, UTC)),
        }
        for name, function in functions.items():
            self.add(name, function)

    def add(self, name: str, function: Callable[..., Any]) -> None:
        """Make a function; what it raises ends the statement as it is."""

        def called(*values: Any) -> Any:
            try:
                return function(*values)
            except Exception as error:
                self._raised = error
                raise

        self._connection.create_function(name, -1, called)

    def raised(self) -> Exception | None:
        """Return what a function has raised since this was last asked."""
        found, self._raised = self._raised, None
        return found

    def _current_setting(self, name: str, missing_ok: bool = False) -> str | None:
        found = self._session.settings.get(name)
        if found is None and not missing_ok:
            raise DatabaseError("42704", f'unrecognized configuration parameter "{name}"', None, None)
        return found

    def _set_config(self, name: str, value: str, _: bool) -> str:
        self._session.settings[name] = value
        return value


def _now() -> str:
    return _text(datetime.now(UTC))


def _text(moment: datetime) -> str:
    """Return a time as it is compared with what SQLite's own clock gives."""
    return moment.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def _identifier(name: str) -> str:
    if re.fullmatch(r"[a-z_][a-z0-9_$]*", name):
        return name
    return '"' + name.replace('"', '""') + '"'


def _literal(value: str | None) -> str:
    return "NULL" if value is None else "'" + value.replace("'", "''") + "'"


def _plain(value: Any) -> str:
    return "" if value is None else str(value)


def _format(template: str, *values: Any) -> str:
    """Return ``format`` with %I, %L and %s."""
    rest = iter(values)
    made: dict[str, Callable[[Any], str]] = {"I": _identifier, "L": _literal, "s": _plain}
    return re.sub("%([ILs])", lambda found: made[found[1]](next(rest)), template)
