"""Values of one type where a model was trained on another: the rule for many rows, which is that for one.

What converts without loss is taken, NULL of any type is NULL, all else is an error (ML011). A text converts as its kind
of feature reads it from JSON; docs/feature-kinds.md has the table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, TypeAlias

import numpy as np

from motadata_ml_server.columns import Column, ColumnSchema, ColumnTable, TextValues
from motadata_ml_server.errors import InvalidInputError
from motadata_ml_server.features.json_values import UnsuitableValueError
from motadata_ml_server.features.kinds import KINDS
from motadata_ml_server.features.numeric import NumericKind
from motadata_ml_server.features.plan_column import Matrix, PlanColumn
from motadata_ml_server.values.numbers import ExactFloat, exact_text
from motadata_ml_server.values.text_forms import text_form

Values: TypeAlias = Matrix | TextValues

NUMBERS: Final = ("smallint", "integer", "bigint", "numeric", "real", "double precision")
"""Types that JSON has as a number."""

TAKES: Final[Mapping[str, Sequence[str]]] = {
    "number": ("number", "boolean"),
    "boolean": ("boolean", "number"),
    "timestamp": ("timestamp", "number"),
    "vector": ("vector",),
}
"""By how a feature travelled at training, how a column of numbers may travel to it; a text may always."""


def as_trained(columns: Sequence[PlanColumn], table: ColumnTable) -> ColumnTable:
    """Return a table whose columns are of the types that a model was trained on.

    Parameters
    ----------
    columns : sequence of PlanColumn
        What the model takes; columns that the table lacks are passed over, and so are those the model does not take.
    table : ColumnTable
        As it was read: see `columns_of.feature_schemas`.

    Raises
    ------
    InvalidInputError
        ML011: a value does not convert.
    """
    changed: dict[str, Column] = {}
    for column in columns:
        given = table.columns.get(column.name)
        values = None if given is None else _converted(column, given)
        if given is not None and values is not given.values and values is not None:
            schema = ColumnSchema(column.name, column.source, str(column.spec["sql_type"]))
            changed[column.name] = Column(schema, values)
    return ColumnTable(table.rows, {**table.columns, **changed}) if changed else table


def _converted(column: PlanColumn, given: Column) -> Values:
    values = given.values
    if column.source == "text":
        if not isinstance(values, TextValues):
            return _nothing(column, given)
        return _texts(column, given, values)
    if isinstance(values, TextValues):
        return _read(column, given, values)
    if given.schema.kind not in TAKES[column.source] or (values.ndim == 2 and np.isnan(values).all()):
        return _nothing(column, given)
    if column.source == "boolean" and not (np.isnan(values) | (values == 0) | (values == 1)).all():
        raise wrong_type(column, given, "a number that is neither 0 nor 1")
    if column.single and given.schema.sql_type != "real":
        return values.astype(np.float32).astype(np.float64)
    return values


def _texts(column: PlanColumn, given: Column, values: TextValues) -> Values:
    """Return texts in the canonical form of the type that was trained on."""
    if given.schema.raw and column.canonical and (values.codes >= 0).any():
        raise wrong_type(column, given)
    if not column.canonical or given.schema.sql_type == column.spec["sql_type"]:
        return values
    form = text_form(str(column.spec["sql_type"]))
    sql_type = given.schema.sql_type
    if sql_type == "boolean":
        return values.mapped(lambda text: form(text == "true"))
    return values.mapped((lambda text: form(_number(text))) if sql_type in NUMBERS else form)


def _number(text: str) -> str | int | float:
    """Return what JSON has of a number, NaN and infinities being texts there."""
    digits = exact_text(text)
    if digits is None or not digits[-1].isdigit():
        return text
    return ExactFloat.parse(digits) if "." in digits else int(Decimal(digits))


def _read(column: PlanColumn, given: Column, values: TextValues) -> Matrix:
    """Return texts as the numbers that the feature's kind reads from JSON."""
    used = np.unique(values.codes[values.codes >= 0]).tolist()
    if not used:
        return _nothing(column, given)
    if given.schema.raw:
        raise wrong_type(column, given)
    kind = KINDS[column.kind]
    assert isinstance(kind, NumericKind)  # noqa: S101 - it travels as numbers
    rows: list[Any] = [np.full(column.spec.get("size", 1), np.nan)] * (len(values.dictionary) + 1)
    for code in used:
        try:
            rows[code] = kind.unencoded(column, values.dictionary[code])
        except UnsuitableValueError as error:
            raise wrong_type(column, given, error.shown) from None
    numbers = np.array([np.ravel(row) for row in rows], np.float64)[values.codes]
    return numbers if column.source == "vector" else numbers[:, 0]


def _nothing(column: PlanColumn, given: Column) -> Matrix:
    """Return NULLs; raise where a value of another type is not NULL."""
    values = given.values
    there = (values.codes >= 0).any() if isinstance(values, TextValues) else not np.isnan(values).all()
    if there:
        raise wrong_type(column, given)
    size = column.spec.get("size") if column.source == "vector" else None
    return np.full(len(values) if size is None else (len(values), int(size)), np.nan)


def wrong_type(column: PlanColumn, given: Column, value: str | None = None) -> InvalidInputError:
    """Return the error for values that do not convert to the type of the training."""
    trained, found = column.spec["sql_type"], given.schema.sql_type
    return InvalidInputError(
        f"feature {column.name!r} was {trained} at training, got {found}" + (f": {value}" if value else ""),
        hint=f"Cast it in a SELECT to {trained}, the type the model was trained on; NULL stands for what is unknown.",
    )
