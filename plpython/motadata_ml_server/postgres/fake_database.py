"""A database for tests without a server, behind the same Protocol as the real one.

It runs the extension's own statements on SQLite tables in memory, made from the installation scripts, with the
policies of row security where there are any, foreign keys, unique and check constraints, roles and their memberships,
settings and savepoints. What SQLite has no words for is answered by functions that a test registers::

    db = FakeDatabase(path.read_text() for path in sorted(folder.glob("*.sql")))
    db.create_role("ann")
    with standing_in(db), db.acting_as("ann"), db.statement():
        grants.grant_usage(db, "ann", "north", False)

It is no PostgreSQL: there are no privileges of tables (a role that owns none reads what policies let it see and writes
nothing), no plans, no locks and one session; text stands for times and JSON. Tests of integration ask the real one.
"""

from __future__ import annotations

import inspect
import json
import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from motadata_ml_server.postgres import owner
from motadata_ml_server.postgres.database import DatabaseError, ResultColumn, Row, standing_in
from motadata_ml_server.postgres.fake_dialect import SCHEMAS, is_write, script
from motadata_ml_server.postgres.fake_functions import BoolOr, Functions

OWNER: Final = "postgres"
"""The extension's owner, a superuser."""

Answer = Callable[[Sequence[Any]], Iterable[Row]]
"""Takes the bound values and returns rows, or raises `DatabaseError`."""

_CATALOG: Final = """
create table pg_catalog.pg_roles (oid integer primary key, rolname text unique not null, rolsuper pg_boolean not null);
create table pg_catalog.pg_auth_members (roleid integer not null, member integer not null);
create table pg_catalog.pg_namespace (oid integer primary key, nspname text not null);
create table pg_catalog.pg_extension (extname text primary key, extowner integer not null);
create table pg_catalog.pg_proc (oid text not null, proname text not null, pronamespace integer not null,
    proparallel text not null default 'u');
"""

_CONSTRAINTS: Final = {"UNIQUE": "23505", "FOREIGN KEY": "23503", "CHECK": "23514", "NOT NULL": "23502"}
_PENDING = re.compile(r"select ml\._run_(read|write)\(\)")

sqlite3.register_converter("pg_boolean", lambda value: value != b"0")
sqlite3.register_converter("pg_array", json.loads)


@dataclass(frozen=True)
class Statement:
    """A statement that was run.

    Attributes
    ----------
    sql : str
        As it was given, with single spaces.
    values : tuple
        The bound values.
    role : str
        Who ran it.
    """

    sql: str
    values: tuple[Any, ...]
    role: str


class FakeDatabase:
    """The database of one session, in memory.

    Parameters
    ----------
    scripts : iterable of str
        The installation scripts, in the order in which CREATE EXTENSION runs them.

    Attributes
    ----------
    role : str
        The current role; the extension's owner at first.
    settings : dict of str to str
        What ``current_setting`` returns.
    read_only : bool
        Whether writes are refused, as on a standby.
    statements, notices, warnings, logged : list
        What was run, and what was said.
    """

    def __init__(self, scripts: Iterable[str]) -> None:
        self.role = OWNER
        self.settings = {"search_path": '"$user", public', "server_version_num": "150000"}
        self.read_only = False
        self.statements: list[Statement] = []
        self.notices: list[str] = []
        self.warnings: list[str] = []
        self.logged: list[str] = []
        self._answers: list[tuple[str, Answer]] = []
        self._savepoints = 0
        self._connection = sqlite3.connect(":memory:", isolation_level=None, detect_types=sqlite3.PARSE_DECLTYPES)
        for schema in SCHEMAS:
            self._connection.execute(f"attach ':memory:' as {schema}")
        self._connection.executescript(_CATALOG)
        self._script = script("\n".join(scripts))
        for table in self._script.tables:
            self._connection.execute(table)
        self._connection.execute("pragma foreign_keys = on")
        self._functions = Functions(self._connection, self)
        self._connection.create_aggregate("bool_or", 1, BoolOr)
        self._fill()

    def _fill(self) -> None:
        self.create_role(OWNER, superuser=True)
        self._write("insert into pg_catalog.pg_namespace values (1, 'ml')")
        for name in dict.fromkeys(self._script.functions):
            self._write(
                "insert into pg_catalog.pg_proc (oid, proname, pronamespace) values (?, ?, 1)", f"ml.{name}", name
            )
        self.create_extension("motadata_ml")
        for row in self._script.rows:
            self._write(row)

    # -- what a test sets up -------------------------------------------------------------------------------------

    def create_role(self, name: str, *, superuser: bool = False, member_of: Sequence[str] = ()) -> int:
        """Make a role, a member of others; returns its OID."""
        self._write("insert into pg_catalog.pg_roles (rolname, rolsuper) values (?, ?)", name, superuser)
        oid = int(self._read("select oid from pg_catalog.pg_roles where rolname = ?", name)[0]["oid"])
        for group in member_of:
            self._write(
                "insert into pg_catalog.pg_auth_members select oid, ? from pg_catalog.pg_roles where rolname = ?",
                oid,
                group,
            )
        return oid

    def create_extension(self, name: str) -> None:
        """Make an extension of the owner's appear in the catalogue."""
        self._write(
            "insert into pg_catalog.pg_extension select ?, oid from pg_catalog.pg_roles where rolname = ?", name, OWNER
        )

    def create_function(self, name: str, function: Callable[..., Any]) -> None:
        """Make a SQL function of a Python one; one of schema ``cron`` is named ``cron_...``."""
        self._functions.add(name, function)

    def execute(self, sql: str, *values: Any) -> list[Row]:
        """Run a statement in SQLite's own words with all rights, to set a table up or to look at it."""
        return self._read(sql, *values)

    def answer(self, fragment: str, answer: Answer | Iterable[Row]) -> None:
        """Answer statements that contain some text, where spaces are single; the latest registered goes first.

        Parameters
        ----------
        fragment : str
            The text.
        answer : callable or iterable of mapping
            The rows, or what makes them of the bound values.
        """
        if callable(answer):
            self._answers.insert(0, (fragment, answer))
        else:
            rows = list(answer)
            self._answers.insert(0, (fragment, lambda _: rows))

    def fail(self, fragment: str, sqlstate: str, message: str = "it fails") -> None:
        """Let statements that contain some text end with an error."""

        def answer(_: Sequence[Any]) -> Iterable[Row]:
            raise DatabaseError(sqlstate, message, None, None)

        self.answer(fragment, answer)

    @contextmanager
    def acting_as(self, role: str) -> Iterator[None]:
        """Be another role within a block."""
        before, self.role = self.role, role
        try:
            yield
        finally:
            self.role = before

    @contextmanager
    def statement(self) -> Iterator[None]:
        """Run a block as one statement of a client: what it raises undoes what it wrote, settings too."""
        self._savepoints += 1
        name = f"savepoint_{self._savepoints}"
        settings = dict(self.settings)
        self._connection.execute(f"savepoint {name}")
        try:
            yield
        except BaseException:
            self._connection.execute(f"rollback to {name}")
            self.settings = settings
            raise
        finally:
            self._connection.execute(f"release {name}")

    # -- the Protocol --------------------------------------------------------------------------------------------

    def query(self, sql: str, types: Sequence[str] = (), values: Sequence[Any] = ()) -> list[Row]:
        """Run one statement with bound values and return its rows.

        Raises
        ------
        DatabaseError
            For a constraint, a missing table, a write that is not allowed, or what a test registered.
        """
        text = " ".join(sql.split())
        self.statements.append(Statement(text, tuple(values), self.role))
        if len(types) != len(values):
            raise AssertionError(f"{len(types)} types for {len(values)} values: {text}")
        if _PENDING.fullmatch(text):
            with self.acting_as(OWNER), standing_in(self):
                inspect.unwrap(owner.run_pending)()
            return [{}]
        for fragment, answer in self._answers:
            if fragment in text:
                return [dict(row) for row in answer(values)]
        secured = not self.is_superuser(self.role)
        if is_write(text):
            self._check_write(secured)
        return self._read(self._script.translate(sql, secured), *map(_bound, values))

    def rows(self, sql: str, settings: Mapping[str, str]) -> Iterator[Row]:
        """Run one SELECT and return its rows one at a time."""
        with self.planning(settings):
            yield from self.query(sql)

    @contextmanager
    def planning(self, settings: Mapping[str, str]) -> Iterator[None]:
        """Change settings of the planner for what the body runs."""
        before = dict(self.settings)
        self.settings |= settings
        try:
            yield
        finally:
            self.settings = before

    def run(self, sql: str) -> None:
        """Take note of a statement that changes no rows (GRANT, ALTER), or answer it as a test registered."""
        text = " ".join(sql.split())
        self.statements.append(Statement(text, (), self.role))
        for fragment, answer in self._answers:
            if fragment in text:
                list(answer(()))
                return

    def describe(self, sql: str) -> list[ResultColumn]:
        """Return the columns of a statement's result, every one as text (OID 25)."""
        self.statements.append(Statement(" ".join(sql.split()), (), self.role))
        cursor = self._execute(self._script.translate(sql, not self.is_superuser(self.role)), ())
        return [ResultColumn(column[0], 25) for column in cursor.description or ()]

    def notice(self, message: str, detail: str | None = None) -> None:
        """Keep what would be sent to the client."""
        self.notices.append(message if detail is None else f"{message}: {detail}")

    def warning(self, message: str, hint: str | None = None) -> None:
        """Keep what would be sent to the client."""
        self.warnings.append(message if hint is None else f"{message}: {hint}")

    def log(self, message: str) -> None:
        """Keep what would be written to the server's log."""
        self.logged.append(message)

    # -- roles ---------------------------------------------------------------------------------------------------

    def is_superuser(self, role: str) -> bool:
        """Tell whether a role is a superuser."""
        rows = self._read("select rolsuper from pg_catalog.pg_roles where rolname = ?", role)
        return bool(rows and rows[0]["rolsuper"])

    def has_role(self, role: str, wanted: int | str) -> bool:
        """Tell whether a role is another or a member of it, by any number of steps; a superuser is of all."""
        rows = self._read(
            "with recursive own (oid) as (select oid from pg_catalog.pg_roles where rolname = ?1 union "
            "select m.roleid from pg_catalog.pg_auth_members m join own on m.member = own.oid) "
            "select r.oid from own join pg_catalog.pg_roles r on r.oid = own.oid where r.oid = ?2 or r.rolname = ?2",
            role,
            wanted,
        )
        return bool(rows) or self.is_superuser(role)

    # -- SQLite --------------------------------------------------------------------------------------------------

    def _check_write(self, secured: bool) -> None:
        if self.read_only:
            raise DatabaseError("25006", "cannot write in a read-only transaction", None, None)
        if secured:
            raise DatabaseError("42501", "permission denied for table", None, None)

    def _write(self, sql: str, *values: Any) -> None:
        self._execute(sql, values)

    def _read(self, sql: str, *values: Any) -> list[Row]:
        cursor = self._execute(sql, values)
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def _execute(self, sql: str, values: Sequence[Any]) -> sqlite3.Cursor:
        try:
            return self._connection.execute(sql, values)
        except sqlite3.IntegrityError as error:
            kind = next((state for name, state in _CONSTRAINTS.items() if str(error).startswith(name)), "23000")
            raise DatabaseError(kind, str(error), None, None) from None
        except sqlite3.OperationalError as error:
            raised = self._functions.raised()
            if raised is not None:
                raise raised from None
            state = "42P01" if str(error).startswith("no such table") else "42601"
            raise DatabaseError(state, f"{error}: {sql}", None, None) from None


def _bound(value: Any) -> Any:
    return json.dumps(list(value)) if isinstance(value, list | tuple) else value
