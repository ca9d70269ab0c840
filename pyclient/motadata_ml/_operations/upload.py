"""In-memory rows into a temporary table, and away again."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import sql

from motadata_ml._calls import CopyIn, Fetch, Steps
from motadata_ml._frames import Column, copy_stream
from motadata_ml._operations.functions import qualified

SYSTEM_COLUMNS = frozenset({"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"})
"""Columns that every table has, so that none of a table's own can be called so."""


def _stored(name: str) -> str:
    """Return the name that a column has in a temporary table."""
    return f"motadata_ml {name}" if name in SYSTEM_COLUMNS else name


@dataclass(frozen=True)
class Relation:
    """A temporary table.

    Attributes
    ----------
    name : str
        Its bare name: letters, digits and underscores only.
    columns : tuple of str
        Its columns' names as they were given.
    """

    name: str
    columns: tuple[str, ...] = ()

    @property
    def argument(self) -> str:
        """The table as an argument that takes a relation: its name, or a SELECT that gives columns their own names."""
        if not set(self.columns) & SYSTEM_COLUMNS:
            return f"pg_temp.{self.name}"
        columns = sql.SQL(", ").join(
            sql.SQL("{} as {}").format(sql.Identifier(_stored(name)), sql.Identifier(name)) for name in self.columns
        )
        return sql.SQL("select {} from {}").format(columns, self.identifier).as_string()

    @property
    def identifier(self) -> sql.Identifier:
        """The name inside a statement."""
        return sql.Identifier("pg_temp", self.name)


def upload(columns: Sequence[Column]) -> Steps[Relation]:
    """Create a temporary table and fill it by binary COPY.

    Rows keep their order: a temporary table is read front to back by one process.

    Parameters
    ----------
    columns : sequence of Column
        Of the same length.

    Returns
    -------
    Relation
        Dropped by `drop`, or with the transaction if anything fails.
    """
    relation = Relation(f"motadata_ml_{secrets.token_hex(8)}", tuple(column.name for column in columns))
    yield from _create(relation.identifier, columns, temporary=True)
    return relation


def drop(relation: Relation | None) -> Steps[None]:
    """Drop a temporary table now: the caller's own transaction may go on for long."""
    if relation is not None:
        yield Fetch(sql.SQL("drop table {}").format(relation.identifier))


def store(name: sql.Identifier, columns: Sequence[Column]) -> Steps[None]:
    """Create an ordinary table and fill it by binary COPY."""
    yield from _create(name, columns, temporary=False)


def _create(name: sql.Identifier, columns: Sequence[Column], *, temporary: bool) -> Steps[None]:
    names = [_stored(column.name) if temporary else column.name for column in columns]
    definitions = sql.SQL(", ").join(
        sql.SQL("{} ").format(sql.Identifier(name)) + sql.SQL(qualified(column.sql_type))
        for name, column in zip(names, columns, strict=True)
    )
    if temporary:
        yield Fetch(sql.SQL("create temporary table {} ({}) on commit drop").format(name, definitions))
    else:
        yield Fetch(sql.SQL("create table {} ({})").format(name, definitions))
    yield CopyIn(sql.SQL("copy {} from stdin (format binary)").format(name), copy_stream(columns))
