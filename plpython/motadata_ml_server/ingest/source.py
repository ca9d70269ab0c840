"""What the caller named as input: a relation or one SELECT, resolved and described with the caller's rights."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from motadata_ml_server.columns import ColumnKind, ColumnSchema
from motadata_ml_server.errors import (
    ColumnNotFoundError,
    InsufficientPrivilegeError,
    InvalidArgumentError,
    InvalidQueryError,
    MotadataError,
    RelationNotFoundError,
)
from motadata_ml_server.postgres.database import Database, DatabaseError, ResultColumn
from motadata_ml_server.postgres.identifiers import MAX_NAME_CHARACTERS
from motadata_ml_server.values.sql_text import sql_text

_IDENTIFIER = r'(?:"(?:[^"]|"")+"|[^\W\d][\w$]*)'
_RELATION = re.compile(rf"\s*{_IDENTIFIER}(?:\s*\.\s*{_IDENTIFIER}){{0,2}}\s*")

_RESOLVE = """
select c.oid::bigint as oid, pg_catalog.format('%I.%I', n.nspname, c.relname) as name,
    c.relkind::pg_catalog.text as kind
from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid operator(pg_catalog.=) c.relnamespace
where c.oid operator(pg_catalog.=) coalesce(
    pg_catalog.to_regclass($1), pg_catalog.to_regclass(pg_catalog.quote_ident($1)))
"""

_TYPES = """
with recursive base (oid, base) as (
    select t.oid, t.oid from pg_catalog.pg_type t where t.oid operator(pg_catalog.=) any ($1)
    union all
    select b.oid, t.typbasetype from base b join pg_catalog.pg_type t on t.oid operator(pg_catalog.=) b.base
    where t.typtype operator(pg_catalog.=) 'd'
)
select b.oid::bigint as oid, t.typname::pg_catalog.text as name, t.typtype::pg_catalog.text as type,
    t.typcategory::pg_catalog.text as category, e.typname::pg_catalog.text as element,
    pg_catalog.format_type(b.base, null) as label
from base b
join pg_catalog.pg_type t on t.oid operator(pg_catalog.=) b.base and t.typtype operator(pg_catalog.<>) 'd'
left join pg_catalog.pg_type e on e.oid operator(pg_catalog.=) t.typelem and t.typcategory operator(pg_catalog.=) 'A'
"""

_NUMBERS = {"int2", "int4", "int8", "float4", "float8", "numeric"}
DURATIONS = {"time", "timetz", "interval"}
MOMENTS = {"date", "timestamp", "timestamptz"}
JSON = {"json", "jsonb"}
_VECTORS = {"vector", "halfvec"}
_TEXTS = {"uuid", "inet", "cidr", "macaddr", "macaddr8", "char", "name", "citext"}
_SINGLE = re.compile(r"real|vec")
_ONLY_TEXTS = {"bit", "varbit", "oid"}
"""Types that are a feature only where ``preprocess`` calls them a category."""


@dataclass(frozen=True)
class SourceColumn:
    """A column of the input.

    Attributes
    ----------
    name : str
        Exact name.
    type_name : str
        The base type's name in ``pg_type``.
    label : str
        The base type as SQL shows it.
    kind : ColumnKind or None
        How it travels; None where the type cannot be a feature.
    origin : str or None
        Its name in the query where that is another.
    has_text : bool
        Whether equal values of its type have one text: only then can they be categories, groups or labels.
    exact : bool
        Whether its text is to be read back by its type: then no setting of the session decides how dates are written.
    """

    name: str
    type_name: str
    label: str
    kind: ColumnKind | None
    origin: str | None = None
    has_text: bool = True
    exact: bool = False

    @property
    def schema(self) -> ColumnSchema:
        """The column as it travels by its own type."""
        if self.kind is None:
            raise TypeError(f"column {self.name!r} of type {self.label} does not travel")
        return ColumnSchema(self.name, self.kind, self.label)


@dataclass(frozen=True)
class Source:
    """A resolved input.

    Attributes
    ----------
    text : str
        What the caller wrote.
    query : str
        One SELECT that yields its rows.
    columns : tuple of SourceColumn
        In order.
    argument : str
        The SQL argument it came by, for messages.
    table : str or None
        The quoted name where the input is a relation and nothing else.
    """

    text: str
    query: str
    columns: tuple[SourceColumn, ...]
    argument: str
    table: str | None = None

    def column(self, name: str, role: str) -> SourceColumn:
        """Return a column by name: exactly, else by its only match without regard to case.

        Raises
        ------
        ColumnNotFoundError
            ML003: none matches.
        """
        for column in self.columns:
            if column.name == name:
                return column
        close = [column for column in self.columns if column.name.lower() == name.lower()]
        if len(close) == 1:
            return close[0]
        raise ColumnNotFoundError(
            f"{role} {name!r} is not a column of {self.argument}",
            hint="Its columns are: " + ", ".join(column.name for column in self.columns) + ".",
        )


def resolve(db: Database, text: str, argument: str) -> Source:
    """Resolve a table name, a view name or a SELECT with the caller's rights and search path.

    Parameters
    ----------
    db : Database
        The caller's session.
    text : str
        The name or the query.
    argument : str
        The SQL argument's name, for messages.

    Raises
    ------
    RelationNotFoundError
        ML002: no such relation, in the name or in the query.
    InvalidQueryError
        ML004: not one SELECT.
    InsufficientPrivilegeError
        42501: the caller lacks rights on it.
    """
    if not text or not text.strip():
        raise InvalidArgumentError(
            f"{argument} must be a table, a view or a SELECT, got an empty text", hint="Name a table."
        )
    table = None
    try:
        # The expression keeps a way back for each character, gigabytes for a text of megabytes, and no cancel ends it.
        if len(text) <= MAX_NAME_CHARACTERS and _RELATION.fullmatch(text):
            table = _resolve_relation(db, text.strip(), argument)
            query = f"select * from {table}"  # noqa: S608 - quoted
        else:
            query = _check_query(db, text)
        described = db.describe(f"select * from (\n{query}\n) as input limit 0")  # noqa: S608 - checked
    except DatabaseError as error:
        raise explain(error, argument) from None
    names = [column.name for column in described]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InvalidQueryError(
            f"{argument} has the column {twice[0]!r} more than once",
            hint="Give each column a name of its own.",
        )
    return Source(text, query, _typed(db, described), argument, table)


def _resolve_relation(db: Database, name: str, argument: str) -> str:
    rows = db.query(_RESOLVE, ["text"], [name])
    if not rows:
        raise RelationNotFoundError(
            f"{argument} {name!r} is not a table or view that exists",
            hint="Check the spelling, quote mixed-case names, and name the schema if it is off the search path.",
        )
    if rows[0]["kind"] not in "rvmfp":
        raise RelationNotFoundError(
            f"{argument} {name!r} is not a table or view", hint="Name a table, a view or write a SELECT."
        )
    return str(rows[0]["name"])


def _check_query(db: Database, text: str) -> str:
    query = text.strip().rstrip(";").rstrip()
    rows = db.query("select ml._open_cursor($1)::pg_catalog.text as name", ["text"], [query])
    db.query("select ml._close_cursor($1)", ["text"], [rows[0]["name"]])
    return query


def _typed(db: Database, described: Sequence[ResultColumn]) -> tuple[SourceColumn, ...]:
    oids = sorted({column.type_oid for column in described})
    types = {row["oid"]: row for row in db.query(_TYPES, ["oid[]"], [oids])}
    columns = []
    for column in described:
        found = types[column.type_oid]
        kind = _kind(found["name"], found["type"], found["category"], found["element"])
        has_text = kind not in (None, "vector") or found["name"] in _ONLY_TEXTS
        columns.append(SourceColumn(column.name, found["name"], found["label"], kind, has_text=has_text))
    return tuple(columns)


def _kind(name: str, typtype: str, category: str, element: str | None) -> ColumnKind | None:
    if name in _NUMBERS or name in DURATIONS:
        return "number"
    if name == "bool":
        return "boolean"
    if name in MOMENTS:
        return "timestamp"
    if name in _VECTORS or (category == "A" and element in _NUMBERS):
        return "vector"
    if category == "S" or typtype == "e" or name in _TEXTS:
        return "text"
    return None


def expression(column: SourceColumn, schema: ColumnSchema, quoted: str) -> str:
    """Return the SQL that makes a column travel.

    Parameters
    ----------
    column : SourceColumn
        The column.
    schema : ColumnSchema
        How it is to travel; text takes any type, and is the canonical one unless the schema says raw.
    quoted : str
        The column's name, quoted.
    """
    kind = schema.kind
    if kind == "text":
        if schema.printed and column.type_name in JSON:
            return f"pg_catalog.to_jsonb({quoted})::pg_catalog.text"
        if schema.printed or (column.exact and column.type_name in MOMENTS):
            return f"pg_catalog.to_jsonb({quoted}) operator(pg_catalog.#>>) '{{}}'"  # ISO 8601, with the zone's offset
        return f"{quoted}::pg_catalog.text" if schema.raw else sql_text(column.label, quoted, schema.label)
    if kind == "vector":
        cast = f"{quoted}::real[]" if column.type_name in _VECTORS else quoted
        if schema.printed and _SINGLE.search(column.label):
            cast = f"{cast}::pg_catalog.text[]"
        return f"ml._bytes({cast}::pg_catalog.float8[])"
    if kind == "timestamp" or column.type_name in DURATIONS:
        return f"pg_catalog.date_part('epoch', {quoted})"
    cast = quoted
    if "boolean" in (kind, column.kind):
        cast = f"{quoted}::pg_catalog.int4"
    elif schema.printed and column.type_name == "float4":
        cast = f"{quoted}::pg_catalog.text"  # 0.1, not 0.100000001490116
    return f"{cast}::pg_catalog.float8"


def settled_text(column: SourceColumn, quoted: str) -> str:
    """Return the SQL of a text of any column that no setting of the session changes, for a hash of its row."""
    if column.has_text:
        return sql_text(column.label, quoted)
    if column.type_name == "bytea":
        return f"pg_catalog.encode({quoted}, 'hex')"
    if column.kind == "vector" and column.type_name not in _VECTORS:
        return f"pg_catalog.encode(pg_catalog.array_send({quoted}), 'hex')"
    return f"{quoted}::pg_catalog.text"


_NOT_A_SELECT = {"42601", "42P11", "34000", "0A000", "42P02", "25001"}


def explain(error: DatabaseError, argument: str) -> MotadataError | DatabaseError:
    """Turn what PostgreSQL says of the caller's input into an error that names the argument."""
    said = f"{argument}: {error.message}"
    if error.sqlstate == "42P01":
        return RelationNotFoundError(said, hint=error.hint or "Check the spelling and the search path.")
    if error.sqlstate == "42703":
        return ColumnNotFoundError(said, hint=error.hint or "Check the spelling; quote mixed-case names.")
    if error.sqlstate in _NOT_A_SELECT:
        return InvalidQueryError(said, hint="Pass a table name, a view name or exactly one SELECT.")
    if error.sqlstate == "42501":
        return InsufficientPrivilegeError(
            said, hint="Training and prediction read with your own rights: ask for SELECT on it."
        )
    return error
