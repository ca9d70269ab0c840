"""Calls of the extension's functions and reads of its views, every value bound and typed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, LiteralString

from psycopg import sql
from psycopg.types.json import Jsonb

from motadata_ml._calls import Call, Fetch, Steps
from motadata_ml._frames.characters import REMEDY, nested_fault
from motadata_ml.errors import InvalidArgumentError, MLError
from motadata_ml.results import Record, ResultTable

ARGUMENT_TYPES: Mapping[str, LiteralString] = {
    "admin": "boolean",
    "chunk_rows": "integer",
    "classes": "text[]",
    "confidence": "double precision",
    "costs": "jsonb",
    "cv": "integer",
    "data": "bytea",
    "deploy": "boolean",
    "detail": "boolean",
    "execution": "jsonb",
    "expires_at": "timestamp with time zone",
    "features": "text[]",
    "grid": "jsonb",
    "horizon": "integer",
    "hyperparameters": "jsonb",
    "intervals": "jsonb",
    "input": "jsonb",
    "keep": "text[]",
    "key_id": "bigint",
    "level": "double precision",
    "max_age": "interval",
    "max_bytes": "bigint",
    "max_drift": "double precision",
    "max_models": "integer",
    "max_training_seconds_per_day": "double precision",
    "min_improvement": "double precision",
    "n_bins": "integer",
    "predictions": "jsonb",
    "preprocess": "jsonb",
    "random_state": "integer",
    "role_name": "name",
    "sample": "jsonb",
    "search": "jsonb",
    "season": "integer",
    "series": "text[]",
    "test_size": "double precision",
    "top_k": "integer",
    "vary": "text[]",
    "versions": "text[]",
    "windows": "integer",
}
"""SQL types of the arguments that are not text; a test compares them with the server's catalogue."""

LOOKED_UP: Mapping[LiteralString, LiteralString] = {
    "bytea": "pg_catalog.bytea",
    "date": "pg_catalog.date",
    "float8[]": "pg_catalog.float8[]",
    "jsonb": "pg_catalog.jsonb",
    "name": "pg_catalog.name",
    "text": "pg_catalog.text",
    "text[]": "pg_catalog.text[]",
    "timestamptz": "pg_catalog.timestamptz",
    "uuid": "pg_catalog.uuid",
}
"""Types that PostgreSQL looks up along the search path; others are words of its grammar."""


def qualified(kind: LiteralString) -> LiteralString:
    """Return a type under a name that no type of the caller's search path takes."""
    return LOOKED_UP.get(kind, kind)


def select_function(name: LiteralString, arguments: Mapping[str, Any], columns: LiteralString = "*") -> Fetch:
    """Return the step that selects from a function of schema ml.

    Parameters
    ----------
    name : str
        The function.
    arguments : mapping
        By the function's argument names; those that are None are left to the server's defaults.
    columns : str
        What to select.
    """
    given = {key: value for key, value in arguments.items() if value is not None}
    call = sql.SQL(", ").join(
        sql.SQL("{} => %s::").format(sql.Identifier(key)) + sql.SQL(qualified(ARGUMENT_TYPES.get(key, "text")))
        for key in given
    )
    statement = sql.SQL("select {} from ml.{}({})").format(sql.SQL(columns), sql.Identifier(name), call)
    return Fetch(statement, [_bound(key, value) for key, value in given.items()])


def value_of(
    name: LiteralString, arguments: Mapping[str, Any], model_id: str | None = None, *, reads: bool = False
) -> Call[Any]:
    """Return the call of a function with one value.

    Parameters
    ----------
    name : str
        The function.
    arguments : mapping
        As for `select_function`.
    model_id : str, optional
        The model it is about.
    reads : bool
        Whether it only reads, so that it may be repeated on a new connection.
    """
    step = select_function(name, arguments)

    def steps() -> Steps[Any]:
        rows = yield step
        return next(iter(rows[0].values()))

    return Call(steps, model_id=model_id, transaction=not reads, repeat=reads)


def rows_of(step: Fetch, model_id: str | None = None, *, transaction: bool = False) -> Call[ResultTable]:
    """Return the call that reads the rows of a step; a transaction is for one whose failure must leave none behind."""

    def steps() -> Steps[ResultTable]:
        rows = yield step
        return ResultTable(Record(row) for row in rows)

    return Call(steps, model_id=model_id, transaction=transaction, repeat=True)


def select_view(name: LiteralString, conditions: Mapping[LiteralString, Any], order: LiteralString) -> Fetch:
    """Return the step that reads a view of schema ml.

    Parameters
    ----------
    name : str
        The view.
    conditions : mapping
        Columns of type text with the value they have to have; those that are None are left out.
    order : str
        What to order by.
    """
    given = {key: value for key, value in conditions.items() if value is not None}
    where = sql.SQL(" and ").join(
        [sql.SQL("true"), *(sql.SQL(f"{key} operator(pg_catalog.=) %s::pg_catalog.text") for key in given)]
    )
    statement = sql.SQL("select * from ml.{} where {} order by {}").format(sql.Identifier(name), where, sql.SQL(order))
    return Fetch(statement, list(given.values()))


def to_json(value: Any, argument: str) -> Jsonb:
    """Return a value for a jsonb parameter.

    Raises
    ------
    InvalidArgumentError
        If JSON cannot carry it, or PostgreSQL cannot hold a text in it.
    """
    try:
        text = json.dumps(value, allow_nan=False, default=_scalar)
    except (TypeError, ValueError) as error:
        raise InvalidArgumentError(
            f"{argument} cannot be written as JSON: {error}",
            hint="use text, finite numbers, booleans, None, lists and dicts",
        ) from error
    refuse_faults(value, argument)
    return Jsonb(text, dumps=str)


def _bound(name: str, value: Any) -> Any:
    """Return an argument as psycopg binds it."""
    if ARGUMENT_TYPES.get(name) == "jsonb":
        return to_json(value, name)
    if name in ("features", "keep", "versions"):
        value = [str(feature) for feature in value]
    refuse_faults(value, name)
    return value


def refuse_faults(value: Any, argument: str, kind: type[MLError] = InvalidArgumentError) -> None:
    """Refuse text that PostgreSQL cannot hold.

    Parameters
    ----------
    value : object
        Text, or lists and dicts with text in them.
    argument : str
        What to call it.
    kind : type
        The error to raise.
    """
    fault = nested_fault(value)
    if fault is not None:
        raise kind(f"{argument} holds text with {fault}", hint=REMEDY)


def _scalar(value: Any) -> Any:
    """Return a NumPy scalar as a Python one."""
    if hasattr(value, "item"):
        return value.item()
    raise TypeError(f"{type(value).__name__} {value!r}")
