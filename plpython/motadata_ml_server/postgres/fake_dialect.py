"""The part of PostgreSQL's SQL that the extension's own statements use, as SQLite understands it.

Only `fake_database` needs it, so that unit tests run those statements without a server. Tables, views and policies are
read from the scripts that CREATE EXTENSION runs: there is one definition of each.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sqlglot import exp

SCHEMAS: Final = ("ml", "pg_catalog", "cron")
"""Schemas whose tables the fake has; functions of other than the first keep their name without the schema."""

_TABLE = re.compile(r"^create table ml\.(\w+) \(.*?^\);", re.M | re.S)
_VIEW = re.compile(r"^create view ml\.(\w+)(?: with \([^)]*\))? as\s+(.*?);$", re.M | re.S)
_POLICY = re.compile(r"^create policy \w+ on ml\.(\w+)(?: for (\w+))?\s+using \((.*?)\);$", re.M | re.S)
_SECURED = re.compile(r"^alter table ml\.(\w+) enable row level security;", re.M)
_ROWS = re.compile(r"^insert into ml\.\w+ \([^)]*\) values \(.*?\);$", re.M)
_FUNCTION = re.compile(r"^create function ml\.(\w+)\s*\(", re.M)

_REWRITTEN: Final = [
    (re.compile(r"operator\(pg_catalog\.([^)]+)\)"), r"\1"),
    (re.compile(r"pg_catalog\.unnest\((\$\d+)\) as (\w+) \((\w+)\)"), r"(select value as \3 from json_each(\1)) as \2"),
    (re.compile(r"=\s*any\s*\(array\[([^\]]*)\]\)"), r"in (\1)"),
    (re.compile(r"=\s*any\s*\((\$\d+)\)"), r"in (select value from json_each(\1))"),
    (re.compile(r"<>\s*all\s*\((\$\d+)\)"), r"not in (select value from json_each(\1))"),
    (re.compile(r"\bpg_catalog\.(?=\w+\s*\()"), ""),
    (re.compile(r"\bcron\.(?=(?:un)?schedule\s*\()"), "cron_"),
    # a type says nothing here, but for a number that is written as text
    (re.compile(r'::(?:pg_catalog\.)?(?!(?:integer|bigint|float8)\b)"?[a-z_]+"?(?:\[\])?'), ""),
    (re.compile(r"::(?:pg_catalog\.)?(?=(?:integer|bigint|float8)\b)"), "::"),
]
"""What is replaced before a statement is parsed."""

_TYPES_SCHEMA = re.compile(r"(?<!\()\bpg_catalog\.")
"""The schema of a column's type; that of an operator stands in parentheses."""

_TYPES: Final = {
    "bigint": "integer",
    "boolean": "pg_boolean",
    "bytea": "blob",
    "double precision": "real",
    "float8": "real",
    "int": "integer",
    "regrole": "integer",
    "text[]": "pg_array",
}
"""Types of columns; all others are text."""


class Script:
    """What the installation scripts say of tables, and statements translated accordingly.

    Parameters
    ----------
    text : str
        The scripts, in the order in which CREATE EXTENSION runs them.

    Attributes
    ----------
    tables, rows : list of str
        What makes the tables, and the rows that they have at first, in SQLite's words.
    functions : list of str
        The names of the functions of schema ``ml``.
    """

    def __init__(self, text: str) -> None:
        self.rows = [_written(_parse(sql)) for sql in _ROWS.findall(text)]
        self.tables = [_table(found[0]) for found in _TABLE.finditer(text)]
        self.functions: list[str] = _FUNCTION.findall(text)
        self._views: dict[str, str] = dict(_VIEW.findall(text))
        self._policies: dict[str, list[str]] = {name: [] for name in _SECURED.findall(text)}
        for name, command, condition in _POLICY.findall(text):
            if command in ("", "select"):
                self._policies[name].append(condition)
        self._translated: dict[tuple[str, bool], str] = {}

    def translate(self, sql: str, secured: bool) -> str:
        """Return a statement in SQLite's words, with parameters as ``?1``.

        Parameters
        ----------
        sql : str
            The statement.
        secured : bool
            Whether the policies of row security hold: the role owns no table.

        Raises
        ------
        sqlglot.errors.ParseError
            It is beyond what can be translated.
        """
        key = (sql, secured)
        if key not in self._translated:
            tree = self._expanded(_parse(sql), secured)
            self._translated[key] = _written(tree)
        return self._translated[key]

    def _expanded(self, tree: exp.Expr, secured: bool) -> exp.Expr:
        """Put views, and the rows that policies leave of tables, in the places of their names."""
        from sqlglot import exp

        written = tree.this if isinstance(tree, exp.Insert | exp.Update | exp.Delete) else None
        for table in list(tree.find_all(exp.Table)):
            if table.db != "ml" or table is written or table.parent is written:
                continue
            if table.name in self._views:
                rows: exp.Expr = self._expanded(_parse(self._views[table.name]), secured)
            elif secured and table.name in self._policies:
                rows = self._visible(table.name)
            else:
                continue
            table.replace(exp.Subquery(this=rows, alias=exp.TableAlias(this=exp.to_identifier(table.alias_or_name))))
        return tree

    def _visible(self, name: str) -> exp.Expr:
        """Return the rows of a table that its policies let a role see."""
        from sqlglot import exp

        conditions = self._policies[name] or ["false"]
        condition = " or ".join(f"({one})" for one in conditions)
        rows = _parse(f"select * from ml.{name} as {name} where {condition}")  # noqa: S608 - the scripts' own words
        for table in rows.find_all(exp.Table):
            if table.name in self._policies and table.name != name:
                table.replace(
                    exp.Subquery(
                        this=self._visible(table.name),
                        alias=exp.TableAlias(this=exp.to_identifier(table.alias_or_name)),
                    )
                )
        return rows


@lru_cache(maxsize=8)
def script(text: str) -> Script:
    """Return what some scripts say; each is read once in a process."""
    return Script(text)


def is_write(sql: str) -> bool:
    """Tell whether a statement changes rows."""
    return sql.lstrip().split(None, 1)[0].lower() in ("insert", "update", "delete")


def _parse(sql: str) -> exp.Expr:
    import sqlglot

    for pattern, replacement in _REWRITTEN:
        sql = pattern.sub(replacement, sql)
    return sqlglot.parse_one(sql, read="postgres")


def _written(tree: exp.Expr) -> str:
    from sqlglot import exp

    for node in list(tree.walk()):
        if isinstance(node, exp.Parameter):
            node.replace(exp.Var(this=f"?{node.name}"))
        elif isinstance(node, exp.CurrentUser):
            node.replace(exp.Anonymous(this="current_user_", expressions=[]))
        elif isinstance(node, exp.CurrentTimestamp):
            node.replace(exp.Anonymous(this="clock_timestamp", expressions=[]))
        elif isinstance(node, exp.Select):
            node.set("locks", None)
            if not node.expressions:
                node.set("expressions", [exp.Literal.number(1)])
        elif isinstance(node, exp.OnConflict) and node.args.get("conflict_keys"):
            keys = node.args["conflict_keys"]
            node.set("conflict_keys", [key.this if isinstance(key, exp.Ordered) else key for key in keys])
    return tree.sql("sqlite")


def _table(sql: str) -> str:
    """Return CREATE TABLE in SQLite's words."""
    from sqlglot import exp

    tree = _parse(_TYPES_SCHEMA.sub("", sql))
    for column in tree.find_all(exp.ColumnDef):
        key = any(isinstance(one.kind, exp.PrimaryKeyColumnConstraint) for one in column.args["constraints"])
        kind = _TYPES.get(column.args["kind"].sql("postgres").lower(), "text")
        column.set("kind", exp.DataType.build(kind, udt=True))
        for one in list(column.args["constraints"]):
            if isinstance(one.kind, exp.DefaultColumnConstraint):
                value = one.kind.this
                if key:
                    one.pop()  # SQLite numbers the rows itself
                elif isinstance(value, exp.CurrentTimestamp | exp.Anonymous | exp.CurrentUser):
                    one.kind.set("this", exp.Paren(this=_default(value)))
    for reference in tree.find_all(exp.Reference):
        for table in reference.find_all(exp.Table):
            table.set("db", None)
    return tree.sql("sqlite")


def _default(value: exp.Expr) -> exp.Expr:
    from sqlglot import exp

    if isinstance(value, exp.CurrentUser):
        return exp.Literal.string("")
    now = [exp.Literal.string("%Y-%m-%d %H:%M:%f"), exp.Literal.string("now")]
    return exp.Anonymous(this="strftime", expressions=now)
