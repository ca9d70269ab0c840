"""Values of one type where a model was trained on another: the rule for many rows, which is that for one.

What converts without loss is taken, NULL of any type is NULL, all else is an error (ML011). A text converts as its kind
of feature reads it from JSON; docs/feature-kinds.md has the table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.columns import Column, ColumnSchema, ColumnTable, TextValues
from motadata_ml_server.errors import InvalidInputError
from motadata_ml_server.features.category import read_category
from motadata_ml_server.features.json_values import UnsuitableValueError
from motadata_ml_server.features.kinds import KINDS
from motadata_ml_server.features.numeric import NumericKind
from motadata_ml_server.features.plan_column import Matrix, PlanColumn
from motadata_ml_server.ingest.source import JSON
from motadata_ml_server.values.json_text import kept, load_json
from motadata_ml_server.values.numbers import exact_text
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


DURATIONS: Final = ("interval", "time without time zone", "time with time zone")
"""Types that travel as numbers, and are neither truth values nor moments."""


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
    if isinstance(values, TextValues) and given.schema.sql_type in JSON and not given.schema.raw:
        return _of_json(column, given, values)
    if column.source == "text":
        return _texts(column, given, values) if isinstance(values, TextValues) else _nothing(column, given)
    if isinstance(values, TextValues):
        return _read(column, given, values)
    return _numbers(column, given, values)


def _numbers(column: PlanColumn, given: Column, values: Matrix) -> Matrix:
    """Return numbers where the feature takes them."""
    lasts = given.schema.sql_type in DURATIONS and column.source != "number"
    if lasts or given.schema.kind not in TAKES[column.source] or (values.ndim == 2 and np.isnan(values).all()):
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
    return kept(digits) if "." in digits else int(Decimal(digits))


def _read(column: PlanColumn, given: Column, values: TextValues) -> Matrix:
    """Return texts as the numbers that the feature's kind reads from JSON."""
    used = np.unique(values.codes[values.codes >= 0]).tolist()
    if given.schema.raw and used:
        raise wrong_type(column, given)
    return _unencoded(column, given, values.codes, {code: values.dictionary[code] for code in used})


def _of_json(column: PlanColumn, given: Column, values: TextValues) -> Values:
    """Return documents of JSON as the feature's kind reads them in a row."""
    used = np.unique(values.codes[values.codes >= 0]).tolist()
    parsed = {code: load_json(values.dictionary[code], exact=True) for code in used}
    if column.source != "text":
        return _unencoded(column, given, values.codes, parsed)
    texts = list(values.dictionary)
    there = np.zeros(len(texts) + 1, bool)
    for code, value in parsed.items():
        try:
            text = read_category(column.name, value, column.form)
        except UnsuitableValueError as error:
            raise wrong_type(column, given, error.shown) from None
        if text is not None:
            texts[code], there[code] = text, True
    codes = np.where(there[values.codes], values.codes, -1).astype(np.int32)
    found = dict(zip(texts, range(len(texts)), strict=True))
    positions = np.array([found[text] for text in texts] + [-1], np.int32)
    return TextValues(positions[codes], texts)


def _unencoded(column: PlanColumn, given: Column, codes: NDArray[np.int32], parsed: Mapping[int, Any]) -> Matrix:
    """Return the numbers that the feature's kind reads from values, each given by its code."""
    if not parsed:
        return _nothing(column, given)
    kind = KINDS[column.kind]
    assert isinstance(kind, NumericKind)  # noqa: S101 - it travels as numbers
    missing = np.full(column.spec.get("size", 1), np.nan)
    rows: list[Any] = [missing] * (max(parsed) + 2)
    for code, value in parsed.items():
        try:
            found = kind.unencoded(column, value)
        except UnsuitableValueError as error:
            raise wrong_type(column, given, error.shown) from None
        rows[code] = missing if found is None else found
    numbers = np.array([np.ravel(row) for row in rows], np.float64)[codes]
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
