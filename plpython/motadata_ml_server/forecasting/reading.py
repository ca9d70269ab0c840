"""The rows of many series, one series after the other, read with the caller's rights and kept a batch at a time.

PostgreSQL sorts them, on disk where they are many: by series, then by time. What names a series is written once, in the
first of its rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from motadata_ml_server.columns import ColumnSchema
from motadata_ml_server.errors import UnsupportedColumnError
from motadata_ml_server.forecasting.arguments import Columns
from motadata_ml_server.forecasting.panel import Array
from motadata_ml_server.ingest.reader import read_chunks
from motadata_ml_server.ingest.source import DURATIONS, MOMENTS, Source, SourceColumn, expression, resolve
from motadata_ml_server.ingest.wire import decode_table
from motadata_ml_server.postgres.database import Database
from motadata_ml_server.postgres.identifiers import quote_identifier, quote_literal
from motadata_ml_server.values.json_text import json_text, load_json
from motadata_ml_server.values.sql_text import sql_text
from motadata_ml_server.values.text_forms import completed_in_python, text_form

MOST_ROWS: Final = 200_000
"""Rows of one series that are kept, the last ones: many times what is looked at."""

_SCHEMAS: Final = [
    ColumnSchema("series", "text", "text", raw=True),
    ColumnSchema("at", "number", "float8"),
    ColumnSchema("value", "number", "float8"),
    ColumnSchema("offset", "number", "float8"),
]


@dataclass(frozen=True)
class Rows:
    """The rows of one series.

    Attributes
    ----------
    name : str
        What tells it from others: a JSON object of its columns.
    times, values : ndarray of float64, shape (n,)
        Seconds since 1970, ascending, NaN last; NaN for NULL.
    offsets : ndarray of float64, shape (n,), or None
        What is added to a time for that of a wall clock; None where times are such.
    left_out : int
        Rows before these that were too many to be kept.
    """

    name: str
    times: Array
    values: Array
    offsets: Array | None
    left_out: int = 0


def read_series(db: Database, input_data: str, columns: Columns, chunk_rows: int) -> Iterator[Rows]:
    """Yield the series of a relation, in the order of what names them.

    All rows are read, into a temporary file where they are many, before the first series is yielded: nothing stays open
    between two.

    Parameters
    ----------
    db : Database
        The caller's session; rows are read with its rights.
    input_data : str
        A table, a view or a SELECT.
    columns : Columns
        Which columns are what.
    chunk_rows : int
        Rows read at a time.

    Raises
    ------
    UnsupportedColumnError
        ML010: the time is no time, the value no number, or a column of the series has no text.
    """
    source = resolve(db, input_data, "input_data")
    label = _labels(source, columns)
    time = _time(source, columns.time)
    zoned = time.type_name == "timestamptz"
    pieces: list[Array] = []
    name: str | None = None
    left_out = kept = 0
    for chunk in read_chunks(db, _sorted(source, columns, time), _SCHEMAS, chunk_rows, suspended=True):
        table = decode_table(_SCHEMAS, [(chunk.rows, chunk.buffers)])
        names = table.columns["series"].texts
        numbers = np.stack([table.columns[each].numbers for each in ("at", "value", "offset")])
        starts = np.flatnonzero(names.codes >= 0).tolist()
        begins = starts if starts and starts[0] == 0 else [0, *starts]
        fresh = set(starts)
        for begin, end in zip(begins, [*begins[1:], chunk.rows], strict=True):
            if begin in fresh:
                if name is not None:
                    yield _rows(label(name), pieces, zoned, left_out)
                name, pieces, left_out, kept = names.dictionary[names.codes[begin]], [], 0, 0
            pieces.append(numbers[:, begin:end])
            kept += end - begin
        if kept > 2 * MOST_ROWS:
            last = np.concatenate(pieces, axis=1)[:, -MOST_ROWS:]
            left_out += kept - MOST_ROWS
            pieces, kept = [last], MOST_ROWS
    if name is not None:
        yield _rows(label(name), pieces, zoned, left_out)


def _rows(name: str, pieces: list[Array], zoned: bool, left_out: int) -> Rows:
    times, values, offsets = np.concatenate(pieces, axis=1)
    return Rows(name, times, values, offsets if zoned else None, left_out)


def _time(source: Source, name: str) -> SourceColumn:
    column = source.column(name, "time_column")
    if column.type_name not in MOMENTS:
        raise UnsupportedColumnError(
            f"time_column {column.name!r} must be a date, timestamp or timestamptz, it is {column.label}",
            hint="Cast it in a query to timestamp, or to timestamptz where the texts have a zone.",
        )
    return column


def _value(source: Source, name: str) -> SourceColumn:
    column = source.column(name, "value_column")
    if column.kind not in ("number", "boolean"):
        raise UnsupportedColumnError(
            f"value_column {column.name!r} must be a number, it is {column.label}",
            hint="Cast it in a query to a type of numbers.",
        )
    return column


def _sorted(source: Source, columns: Columns, time: SourceColumn) -> Source:
    """Return the input as four columns, sorted by series and time."""
    value = _value(source, columns.value)
    parts, pairs = [], []
    for name in columns.series:
        column = source.column(name, "series")
        if not column.has_text:
            raise UnsupportedColumnError(
                f"a column of series must have values with one text, {column.name!r} is {column.label}",
                hint="Name columns of numbers, texts or dates.",
            )
        parts.append(_quoted(column))
        pairs.append(f"{quote_literal(column.name)}::pg_catalog.text, {_named(column)}")
    moment = _quoted(time)
    seconds = f"pg_catalog.date_part('epoch', {moment})"
    wall = f"pg_catalog.date_part('epoch', {moment}::pg_catalog.timestamp) operator(pg_catalog.-) {seconds}"
    offset = wall if time.type_name == "timestamptz" else "null::pg_catalog.float8"
    number = expression(value, value.schema, _quoted(value))
    label = f"pg_catalog.jsonb_build_object({', '.join(pairs)})::pg_catalog.text"
    window = f"({'partition by ' + ', '.join(parts) if parts else ''} order by {moment})"
    query = (
        f"select case when pg_catalog.row_number() over each operator(pg_catalog.=) 1 then {label} end as series, "  # noqa: S608 - names quoted, query checked
        f'{seconds} as at, {number} as value, {offset} as "offset" '
        f"from (\n{source.query}\n) as input window each as {window}"
    )
    kinds = {schema.name: schema for schema in _SCHEMAS}
    own = tuple(SourceColumn(name, schema.sql_type, schema.sql_type, schema.kind) for name, schema in kinds.items())
    return Source(source.text, query, own, source.argument)


def _named(column: SourceColumn) -> str:
    """Return the SQL of what a series is called by: numbers and truth values as they are, else the canonical text."""
    quoted = _quoted(column)
    if column.type_name == "numeric":
        return f"pg_catalog.trim_scale({quoted}::pg_catalog.numeric)"
    return quoted if _as_it_is(column) else sql_text(column.label, quoted)


def _as_it_is(column: SourceColumn) -> bool:
    return column.kind == "boolean" or (column.kind == "number" and column.type_name not in DURATIONS)


def _labels(source: Source, columns: Columns) -> Callable[[str], str]:
    """Return what finishes the JSON object that names a series: the texts that SQL alone does not make canonical."""
    named = [source.column(name, "series") for name in columns.series]
    forms = {
        column.name: text_form(column.label)
        for column in named
        if column.has_text and not _as_it_is(column) and completed_in_python(column.label)
    }

    def finished(label: str) -> str:
        if not forms:
            return label
        found = {
            name: value if value is None or name not in forms else forms[name](value)
            for name, value in load_json(label, exact=True).items()
        }
        return "{" + ", ".join(f"{json_text(name)}: {json_text(value)}" for name, value in found.items()) + "}"

    return finished


def _quoted(column: SourceColumn) -> str:
    return "input." + quote_identifier(column.name)
