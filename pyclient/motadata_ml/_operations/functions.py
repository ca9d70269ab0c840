"""Calls of the extension's functions, every value bound and typed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, LiteralString

from psycopg import sql
from psycopg.types.json import Jsonb

from motadata_ml._calls import Fetch
from motadata_ml.errors import InvalidArgumentError

_TYPES: Mapping[str, LiteralString] = {
    "features": "text[]",
    "hyperparameters": "jsonb",
    "test_size": "double precision",
    "cv": "integer",
    "search": "jsonb",
    "preprocess": "jsonb",
    "random_state": "integer",
    "deploy": "boolean",
    "execution": "jsonb",
    "settings": "jsonb",
}
"""SQL types of the arguments that are not text."""


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
        sql.SQL("{} => %s::").format(sql.Identifier(key)) + sql.SQL(_TYPES.get(key, "text")) for key in given
    )
    statement = sql.SQL("select {} from ml.{}({})").format(sql.SQL(columns), sql.Identifier(name), call)
    return Fetch(statement, [_bound(key, value) for key, value in given.items()])


def to_json(value: Any, argument: str) -> Jsonb:
    """Return a value for a jsonb parameter.

    Raises
    ------
    InvalidArgumentError
        If JSON cannot carry it.
    """
    try:
        text = json.dumps(value, allow_nan=False, default=_scalar)
    except (TypeError, ValueError) as error:
        raise InvalidArgumentError(
            f"{argument} cannot be written as JSON: {error}",
            hint="use text, finite numbers, booleans, None, lists and dicts",
        ) from error
    return Jsonb(text, dumps=str)


def _bound(name: str, value: Any) -> Any:
    """Return an argument as psycopg binds it."""
    if _TYPES.get(name) == "jsonb":
        return to_json(value, name)
    if name == "features":
        return [str(feature) for feature in value]
    return value


def _scalar(value: Any) -> Any:
    """Return a NumPy scalar as a Python one."""
    if hasattr(value, "item"):
        return value.item()
    raise TypeError(f"{type(value).__name__} {value!r}")
