"""Which rows a scheduled training learns from, and on which both versions are compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from motadata_ml_server.ingest.source import resolve, settled_text
from motadata_ml_server.postgres.database import Database
from motadata_ml_server.postgres.identifiers import quote_identifier

SHARE = 0.2
"""Rows held out where the training held out none."""

_ROW = "motadata_ml_row"
_BITS = 1 << 20


@dataclass(frozen=True)
class Holdout:
    """Two SELECTs that share no row.

    Attributes
    ----------
    learn : str
        The rows to train on.
    compare : str
        The rows to compare versions on.
    """

    learn: str
    compare: str


def divide(db: Database, arguments: Mapping[str, Any]) -> Holdout:
    """Divide the training rows as the deployed version's own training did.

    Its ``validation_data``, or its ``split`` by a column, by time or by groups. A random split becomes one by the
    row's content, so that a row that is held out stays held out in every later run, however the table grows; one by
    groups goes by the group's, so that its rows stay together.

    Parameters
    ----------
    db : Database
        The caller's session.
    arguments : mapping
        The stored arguments of that training.
    """
    source = resolve(db, arguments["training_data"], "training_data")
    query = source.query
    if arguments.get("validation_data"):
        return Holdout(query, resolve(db, arguments["validation_data"], "validation_data").query)
    share = arguments.get("test_size") or SHARE
    how, _, column = (arguments.get("split") or "").partition(":")
    name = f"{_ROW}.{quote_identifier(column)}"
    if how == "column":
        held = f"{name} is true"
    elif how == "time":
        held = (
            f"{name} > (select pg_catalog.percentile_disc({1.0 - share!r}) within group (order by {name}) "  # noqa: S608
            f"from (\n{query}\n) as {_ROW})"
        )
    else:
        named = [source.column(column, "split")] if how == "group" else source.columns
        texts = [settled_text(part, f"{_ROW}.{quote_identifier(part.name)}") for part in named]
        content = f"array[{', '.join(texts)}]::pg_catalog.text[]::pg_catalog.text"
        hashed = f"pg_catalog.hashtextextended({content}, 0) operator(pg_catalog.&) {_BITS - 1}"
        held = f"({hashed}) operator(pg_catalog.<) {round(share * _BITS)}"
    rows = f"select {_ROW}.* from (\n{query}\n) as {_ROW}"  # noqa: S608 - checked as one SELECT
    return Holdout(f"{rows} where not coalesce({held}, false)", f"{rows} where {held}")
