"""Predictions written to a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from motadata_ml_server.errors import InvalidArgumentError
from motadata_ml_server.postgres.database import Database, DatabaseError
from motadata_ml_server.postgres.identifiers import qualified, quote_identifier
from motadata_ml_server.prediction import target_table as targets
from motadata_ml_server.prediction.kept_columns import KeptColumns, put_aside

MODES: Final = ("append", "create", "replace")

_PREDICTED: Final = {
    "prediction": "pg_catalog.text",
    "value": "pg_catalog.float8",
    "confidence": "pg_catalog.float8",
    "probabilities": "pg_catalog.float8[]",
}

_AT_LEVEL: Final = {"lower": "pg_catalog.float8", "upper": "pg_catalog.float8", "labels": "pg_catalog.text[]"}
"""Beside them where a level is given."""

_TYPES: Final = {**_PREDICTED, **_AT_LEVEL}

_PLAIN: Final = "ml.predict_batch($1, $2, id_column => $3, version => $4, tenant_id => $5) as p"
_NUMBERED: Final = "ml.predict_batch($1, $2, $3, null::bigint, version => $4, tenant_id => $5) as p"

_PLAIN_AT_LEVEL: Final = "ml.predict_batch($1, $2, level => $6, id_column => $3, version => $4, tenant_id => $5) as p"

_NUMBERED_AT_LEVEL: Final = (
    "(select l.id::bigint as id, l.prediction, l.value, l.confidence, l.probabilities, l.lower, l.upper, l.labels from "
    "ml.predict_batch($1, $2, level => $6, id_column => $3, version => $4, tenant_id => $5) as l offset 0) as p"
)

_OTHER_TYPE = "42804"


def predict_into(
    db: Database,
    model_id: str,
    input_data: str,
    target_table: str,
    id_column: str | None,
    version: str | None,
    tenant_id: str | None,
    keep: Sequence[str | None] | None = None,
    mode: str | None = None,
    level: float | None = None,
) -> int:
    """Write predictions to a table with the caller's rights.

    Parameters
    ----------
    db : Database
        The caller's session.
    model_id, input_data, id_column, version, tenant_id
        As for ``ml.predict_batch``.
    target_table : str
        Its name, with a schema or without.
    keep : sequence of str or None
        Columns of the input that are written too, in their types; ``*`` stands for all.
    mode : str or None
        ``append``, also for None, adds rows or makes the table; ``create`` refuses one that is there; ``replace`` puts
        the rows in place of its own, and keeps the table with its rights, indexes and triggers.
    level : float or None
        Adds ``lower``, ``upper`` and ``labels``, as ``ml.predict_batch`` does.

    Returns
    -------
    int
        Rows written.

    Raises
    ------
    InvalidArgumentError
        ML009: a name or a mode that is none, a table that exists, columns that do not fit.
    ColumnNotFoundError
        ML003: the input lacks a column of `keep`, or the table one that is to be written.
    """
    table = qualified(db, "target_table", target_table)
    mode = _checked("append" if mode is None else mode)
    target = targets.find(db, table, target_table)
    if target is not None:
        target.check_mode(mode)
    predicted = _PREDICTED if level is None else _TYPES
    kept = None if keep is None else put_aside(db, input_data, id_column, keep, predicted)
    columns = {"id": "p.id::pg_catalog.text"} if kept is None else kept.columns
    columns |= {name: f"p.{name}" for name in predicted}
    if target is None:
        _create(db, table, columns, kept)
    else:
        columns = target.fitted(columns, whole=kept is not None)
    values = [model_id, *((input_data, id_column) if kept is None else (kept.table, None)), version, tenant_id, level]
    written = _write(db, table, columns, _source(kept, level), values, replace=mode == "replace" and target is not None)
    if kept is not None:
        db.run(f"drop table {kept.table}")
    return written


def _source(kept: KeptColumns | None, level: float | None) -> str:
    """Return what is selected from: predictions, beside the kept columns of their rows."""
    if kept is None:
        return _PLAIN if level is None else _PLAIN_AT_LEVEL
    numbered = _NUMBERED if level is None else _NUMBERED_AT_LEVEL
    return f"{kept.rows} join {numbered} on {kept.joined}"


def _checked(mode: str) -> str:
    if mode not in MODES:
        raise InvalidArgumentError(
            f"mode must be one of {', '.join(MODES)}, got {mode!r}", hint="append adds rows to what is there."
        )
    return mode


def _create(db: Database, table: str, columns: Mapping[str, str], kept: KeptColumns | None) -> None:
    """Make the table; kept columns have the types, the collations and the lengths of the input's."""
    made = []
    for name, expression in columns.items():
        as_it_is = kept is not None and name in kept.names
        typed = expression if as_it_is else f"null::{_TYPES.get(name, 'pg_catalog.text')}"
        made.append(f"{typed} as {quote_identifier(name)}")
    source = "" if kept is None else f" from {kept.rows}"
    db.run(f"create table {table} as select {', '.join(made)}{source} with no data")


def _write(
    db: Database,
    table: str,
    columns: Mapping[str, str],
    source: str,
    values: list[Any],
    *,
    replace: bool,
) -> int:
    """Insert the rows, in one statement with the removal of those that they replace.

    In one statement the input is read as it was before it, even if it is the table itself. Two that replace at once
    come one after another: the lock lets others read, not write.
    """
    gone, after = "", ""
    if replace:
        db.run(f"lock table {table} in share row exclusive mode")
        gone = f"gone as (delete from {table} returning 1), "  # noqa: S608 - quoted
        # asked before the first row is written: unique keys of what is gone are free
        after = " where (select pg_catalog.count(*) from gone) operator(pg_catalog.>=) 0"
    names = ", ".join(map(quote_identifier, columns))
    try:
        found = db.query(
            f"with {gone}written as (insert into {table} ({names}) "  # noqa: S608 - quoted
            f"select {', '.join(columns.values())} from {source}{after} returning 1) "
            "select pg_catalog.count(*) as rows from written",
            ["text", "text", "text", "text", "text", "float8"],
            values,
        )
    except DatabaseError as error:
        if error.sqlstate != _OTHER_TYPE:
            raise
        raise InvalidArgumentError(
            f"target_table has a column of another type: {error.message}",
            hint="Cast it in a SELECT as input_data, or write to another table.",
        ) from None
    return int(found[0]["rows"])
