"""The SQL reference: signatures, comments and columns of a live database, between the prose of the page.

The page has a mark for each chapter of ``sql/``; what stands between a mark and its end is written here::

    <!-- generated: 30_training -->
    ...
    <!-- end of generated -->

An object belongs to the chapter whose file creates it, in the order of the file; tables have a chapter of their own.
The metrics have one too, which comes from the server package's list of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from motadata_ml_server.evaluation.metrics import METRICS, Metric

Session = psycopg.Connection[Any]

TABLES = "tables"
"""The mark of the chapter that lists tables."""

SCORES = "metrics"
"""The mark of the table of metrics."""

WIDTH = 118
"""A signature that is longer has a line for each argument."""

SHORT = {
    "double precision": "float8",
    "timestamp with time zone": "timestamptz",
    "timestamp without time zone": "timestamp",
    "character varying": "varchar",
}
"""Types by the names that the page uses, where PostgreSQL shows longer ones."""

_CREATED = re.compile(r"^create (?:function|view|table|type) ml\.([a-z]\w*)", re.MULTILINE)
_BLOCK = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end of generated -->)", re.DOTALL)

_FUNCTIONS = """
select p.proname,
    (select pg_catalog.array_agg(pg_catalog.concat(
            p.proargnames[a.n], ' ', pg_catalog.format_type(p.proargtypes[a.n - 1], null),
            ' default ' || pg_catalog.pg_get_function_arg_default(p.oid, a.n::pg_catalog.int4)) order by a.n)
        from pg_catalog.generate_series(1, p.pronargs) as a (n)),
    pg_catalog.pg_get_function_result(p.oid), pg_catalog.obj_description(p.oid, 'pg_proc')
from pg_catalog.pg_proc p
where p.pronamespace = 'ml'::pg_catalog.regnamespace and p.proname not like '\\_%'
order by p.oid
"""

_RELATIONS = """
select c.relname, c.relkind::pg_catalog.text,
    coalesce(pg_catalog.obj_description(c.oid, 'pg_class'), pg_catalog.obj_description(c.reltype, 'pg_type')),
    (select pg_catalog.array_agg(
            array[
                a.attname::pg_catalog.text, pg_catalog.format_type(a.atttypid, a.atttypmod),
                pg_catalog.col_description(c.oid, a.attnum)
            ] order by a.attnum)
        from pg_catalog.pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped)
from pg_catalog.pg_class c
where c.relnamespace = 'ml'::pg_catalog.regnamespace and c.relkind in ('r', 'v', 'c')
order by c.oid
"""


@dataclass(frozen=True)
class _Entry:
    """What the page says of one object.

    Attributes
    ----------
    chapter : str
        The mark it stands under.
    text : str
        Its heading and what follows, in Markdown.
    """

    chapter: str
    text: str


def page(session: Session, present: str, sql: Path) -> str:
    """Return the page with its generated blocks made anew.

    Parameters
    ----------
    session : psycopg.Connection
        A database with the extension, as its owner.
    present : str
        The page as it is: its prose and its marks stay.
    sql : Path
        The folder of the SQL sources, which say what belongs to which chapter.

    Returns
    -------
    str
        The page; equal to the present one where that is up to date.

    Raises
    ------
    ValueError
        The page lacks the mark of a chapter that has objects, has one twice, or has one of no chapter.
    """
    chapters = {SCORES: _metrics(METRICS)}
    for entry in _entries(session, _order(sql)):
        chapters.setdefault(entry.chapter, []).append(entry.text)
    marks = [mark for _, mark, _ in _BLOCK.findall(present)]
    if sorted(marks) != sorted(chapters):
        raise ValueError(f"the page has the marks {sorted(marks)}, the database has {sorted(chapters)}")
    return _BLOCK.sub(lambda block: f"{block[1]}\n" + "\n".join(chapters[block[2]]) + f"\n{block[3]}", present)


def _metrics(metrics: Sequence[Metric]) -> list[str]:
    """Return the table of metrics, in the order of the list."""
    better = {True: "higher", False: "lower", None: "neither"}
    rows = [
        f"| `{metric.name}` | {metric.model_type} | {better[metric.higher_is_better]} | {metric.averaging} "
        f"| {_cell(metric.formula)} |"
        for metric in metrics
    ]
    head = ["| metric | model type | better | taken over | what it is |", "| --- | --- | --- | --- | --- |"]
    return ["\n".join([*head, *rows, ""])]


def _cell(text: str | None) -> str:
    """Return a text as a cell of a table has to hold it; empty where there is none."""
    return (text or "").replace("|", "\\|").replace("\n", " ")


def _order(sql: Path) -> Mapping[str, str]:
    """Return the chapter of each object, in the order of the sources."""
    return {
        name: path.stem for path in sorted(sql.glob("[0-9]*.sql")) for name in _CREATED.findall(path.read_text("utf-8"))
    }


def _entries(session: Session, order: Mapping[str, str]) -> list[_Entry]:
    named: dict[str, _Entry] = {}
    overloads: dict[str, list[tuple[Sequence[str], str, str | None]]] = {}
    for name, arguments, result, comment in session.execute(_FUNCTIONS).fetchall():
        overloads.setdefault(name, []).append((arguments or [], result, comment))
    for name, forms in overloads.items():
        named[name] = _Entry(order[name], _function(name, forms))
    for name, kind, comment, columns in session.execute(_RELATIONS.encode()).fetchall():
        named[name] = _Entry(TABLES if kind == "r" else order[name], _relation(name, kind, comment, columns))
    return [named[name] for name in order if name in named]


def _function(name: str, forms: Sequence[tuple[Sequence[str], str, str | None]]) -> str:
    signatures = [_signature(name, arguments, result) for arguments, result, _ in forms]
    comments = dict.fromkeys(comment or "" for *_, comment in forms)
    return "\n".join([f"### `ml.{name}`", "", *comments, "", "```sql", *signatures, "```", ""])


def _signature(name: str, arguments: Sequence[str], result: str) -> str:
    shown = [_plain(argument) for argument in arguments]
    kind, _, rest = result.partition(" " if result.startswith("SETOF") else "(")
    if kind == "TABLE":
        returned = f"table ({_types(rest.removesuffix(')'))})"
    else:
        returned = f"setof {rest}" if kind == "SETOF" else _types(result)
    line = f"ml.{name}({', '.join(shown)}) returns {returned}"
    if len(line) <= WIDTH:
        return line
    if kind == "TABLE" and len(returned) > WIDTH:
        returned = "table (\n    " + ",\n    ".join(returned[len("table (") : -1].split(", ")) + "\n)"
    return f"ml.{name}(\n    " + ",\n    ".join(shown) + f"\n) returns {returned}"


def _plain(argument: str) -> str:
    """Return an argument without the type of its default."""
    head, separator, default = argument.partition(" default ")
    return _types(head) + separator + re.sub(r"::[\w ]+(\[\])?$", "", default).replace("NULL", "null")


def _types(text: str) -> str:
    for long, short in SHORT.items():
        text = text.replace(long, short)
    return text


def _relation(name: str, kind: str, comment: str | None, columns: Sequence[tuple[str, str, str | None]]) -> str:
    what = {"r": "Table", "v": "View", "c": "Type"}[kind]
    rows = [f"| `{column}` | {_types(sql_type)} | {_cell(text)} |" for column, sql_type, text in columns]
    head = ["| column | type | holds |", "| --- | --- | --- |"]
    return "\n".join([f"### `ml.{name}`", "", f"{what}. {comment or ''}", "", *head, *rows, ""])
