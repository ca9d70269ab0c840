"""The seam to PostgreSQL: a Protocol, and its implementation over PL/Python's server interface."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from motadata_ml_server.postgres.printable import printable

Row = Mapping[str, Any]


@dataclass(frozen=True)
class ResultColumn:
    """A column of a query's result: its name and the OID of its type."""

    name: str
    type_oid: int


class Database(Protocol):
    """What domain code needs from the server it runs in."""

    def query(self, sql: str, types: Sequence[str] = (), values: Sequence[Any] = ()) -> list[Row]:
        """Run one statement with bound values and return its rows."""
        ...

    def rows(self, sql: str, settings: Mapping[str, str]) -> Iterator[Row]:
        """Run one SELECT under settings of the planner, and return its rows one at a time."""
        ...

    def planning(self, settings: Mapping[str, str]) -> AbstractContextManager[None]:
        """Change settings of the planner for what the body runs."""
        ...

    def run(self, sql: str) -> None:
        """Run a statement that cannot be prepared or is run once (DDL, CLOSE)."""
        ...

    def describe(self, sql: str) -> list[ResultColumn]:
        """Return the columns of a statement's result, running it for no row that matters."""
        ...

    def notice(self, message: str, detail: str | None = None) -> None:
        """Send a NOTICE to the client at once."""
        ...

    def warning(self, message: str, hint: str | None = None) -> None:
        """Send a WARNING to the client at once."""
        ...

    def log(self, message: str) -> None:
        """Write a line to the server's log."""
        ...


class DatabaseError(Exception):
    """An error PostgreSQL raised, with its parts.

    Parameters
    ----------
    sqlstate : str
        Five characters.
    message, detail, hint : str
        As the server gave them.
    """

    def __init__(self, sqlstate: str, message: str, detail: str | None, hint: str | None) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate
        self.message = message
        self.detail = detail
        self.hint = hint


class PlpyDatabase:
    """The database as the running PL/Python function sees it, with the caller's rights.

    Parameters
    ----------
    plpy : module
        PL/Python's module, there only inside the server.
    """

    def __init__(self, plpy: Any) -> None:
        self._plpy = plpy
        self._plans: dict[tuple[str, tuple[str, ...]], Any] = {}

    def query(self, sql: str, types: Sequence[str] = (), values: Sequence[Any] = ()) -> list[Row]:
        """Run one statement with bound values and return its rows.

        Raises
        ------
        DatabaseError
            For any error of the statement; the surrounding transaction goes on.
        """
        plan = self._plan(sql, tuple(types))
        try:
            result = self._plpy.execute(plan, list(values))
        except self._plpy.SPIError as error:
            raise translate(error) from None
        return list(result)

    def rows(self, sql: str, settings: Mapping[str, str]) -> Iterator[Row]:
        """Run one SELECT through a cursor and return its rows one at a time, each as it is asked for.

        A transaction cannot be committed while the cursor is open: not for what may outlive its statement.

        Parameters
        ----------
        sql : str
            The SELECT.
        settings : mapping of str to str
            Settings of the planner that hold for it alone.

        Raises
        ------
        DatabaseError
            For any error of the statement.
        """
        with self.planning(settings):
            try:
                cursor = self._plpy.cursor(sql)
            except self._plpy.SPIError as error:
                raise translate(error) from None
        while True:
            try:
                found = cursor.fetch(1)
            except self._plpy.SPIError as error:
                raise translate(error) from None
            if not len(found):
                return
            yield found[0]

    @contextmanager
    def planning(self, settings: Mapping[str, str]) -> Iterator[None]:
        """Change settings of the planner for what the body runs."""
        values = ", ".join(f"pg_catalog.set_config('{name}', ${i}, true)" for i, name in enumerate(settings, 1))
        shown = ", ".join(f"pg_catalog.current_setting('{name}') as {name}" for name in settings)
        before = [str(value) for value in self.query(f"select {shown}")[0].values()]
        self.query(f"select {values}", ["text"] * len(settings), list(settings.values()))
        try:
            yield
        finally:
            self.query(f"select {values}", ["text"] * len(settings), before)

    def run(self, sql: str) -> None:
        """Run a statement that cannot be prepared or is run once (DDL, CLOSE)."""
        try:
            self._plpy.execute(sql)
        except self._plpy.SPIError as error:
            raise translate(error) from None

    def describe(self, sql: str) -> list[ResultColumn]:
        """Return the columns of a statement's result, running it for no row that matters."""
        try:
            result = self._plpy.execute(sql)
        except self._plpy.SPIError as error:
            raise translate(error) from None
        return [ResultColumn(*pair) for pair in zip(result.colnames(), result.coltypes(), strict=True)]

    def notice(self, message: str, detail: str | None = None) -> None:
        """Send a NOTICE to the client at once."""
        shown = printable(message, lines=True)
        self._plpy.notice(shown, detail=detail) if detail else self._plpy.notice(shown)

    def warning(self, message: str, hint: str | None = None) -> None:
        """Send a WARNING to the client at once."""
        shown = printable(message, lines=True)
        self._plpy.warning(shown, hint=hint) if hint else self._plpy.warning(shown)

    def log(self, message: str) -> None:
        """Write a line to the server's log."""
        self._plpy.log(printable(message, lines=True))

    def _plan(self, sql: str, types: tuple[str, ...]) -> Any:
        plan = self._plans.get((sql, types))
        if plan is None:
            try:
                plan = self._plpy.prepare(sql, [_built_in(name) for name in types])
            except self._plpy.SPIError as error:
                raise translate(error) from None
            if len(self._plans) >= MAX_PLANS:
                self._plans.clear()
            self._plans[sql, types] = plan
        return plan


_ALIASES = {"bigint": "int8", "boolean": "bool", "integer": "int4"}


def _built_in(name: str) -> str:
    """Return a type's name with its schema: a type of the caller's by that name must not take its place."""
    element = name.removesuffix("[]")
    return f"pg_catalog.{_ALIASES.get(element, element)}{name[len(element) :]}"


MAX_PLANS = 200
"""Statements are few; those built for one training's columns must not pile up in a pooled session."""


def translate(error: Any) -> DatabaseError:
    """Return an error of PL/Python's server interface with its parts, under the message it was raised with."""
    packed, detail, hint, *_ = error.spidata
    text = str(error)
    if text == _FROM_ITERATOR and detail:
        text, detail = detail, None
    # PL/Python gives an attribute to the states that PostgreSQL itself knows
    sqlstate = getattr(error, "sqlstate", None) or _unpack(packed)
    return DatabaseError(sqlstate, _RAISED_BY.sub("", text), detail, hint)


_RAISED_BY = re.compile(r"\A(?:plpy\.Error|ml\.\w+): ")
"""What PL/Python writes before the message of an exception: its class, or the function that ours are named after."""
_FROM_ITERATOR = "error fetching next item from iterator"
"""What PL/Python makes of the message of an error between two rows of a function's result."""


def _unpack(packed: int) -> str:
    """Return the five characters of a SQLSTATE, six bits each in PostgreSQL's packed form."""
    return "".join(chr((packed >> shift & 63) + ord("0")) for shift in range(0, 30, 6))


_current: Database | None = None


def current() -> Database:
    """Return this session's database; only inside the server."""
    global _current  # noqa: PLW0603 - one session, one seam
    if _current is None:
        import plpy  # there only inside PL/Python

        _current = PlpyDatabase(plpy)
    return _current


@contextmanager
def standing_in(db: Database) -> Iterator[None]:
    """Let `current` return another database within a block: tests do without a server then."""
    global _current  # noqa: PLW0603
    before, _current = _current, db
    try:
        yield
    finally:
        _current = before


def column(rows: Iterable[Row], name: str) -> list[Any]:
    """Return one column of some rows."""
    return [row[name] for row in rows]
