"""The feature plan as SQL expressions, built as a sqlglot tree."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from sqlglot import exp
from sqlglot.expressions import Expression

from motadata_ml_server.errors import UnsupportedOperationError
from motadata_ml_server.features.layout import PlanColumn

_PARTS = {"year": "year", "month": "month", "day": "day", "hour": "hour", "minute": "minute"}


def number(value: float) -> Expression:
    """Return a double precision constant, exact to the last bit.

    Parameters
    ----------
    value : float
        Any number; NaN becomes NULL.

    Returns
    -------
    Expression
        The constant.
    """
    if math.isnan(value):
        return exp.cast(exp.null(), exp.DataType.Type.DOUBLE)
    if math.isinf(value):
        text = exp.Literal.string("Infinity" if value > 0 else "-Infinity")
        return exp.cast(text, exp.DataType.Type.DOUBLE)
    literal: Expression = exp.Literal.number(repr(abs(value)))
    cast: Expression = exp.cast(literal, exp.DataType.Type.DOUBLE)
    return exp.Paren(this=exp.Neg(this=cast)) if math.copysign(1.0, value) < 0 and value != 0 else cast


def add(terms: Sequence[Expression]) -> Expression:
    """Return the sum of some terms, added from left to right.

    Parameters
    ----------
    terms : sequence of Expression
        At least one.

    Returns
    -------
    Expression
        The sum.
    """
    total = terms[0]
    for term in terms[1:]:
        total = exp.Add(this=total, expression=exp.Paren(this=term))
    return total


def double(value: Expression) -> Expression:
    """Return a value as double precision."""
    return exp.cast(value, exp.DataType.Type.DOUBLE)


def choose(value: Expression, table: Sequence[tuple[str, Expression]], other: Expression) -> Expression:
    """Return CASE value WHEN text THEN ... ELSE other END.

    Parameters
    ----------
    value : Expression
        What is compared.
    table : sequence of (str, Expression)
        The branches.
    other : Expression
        For NULL and everything else.

    Returns
    -------
    Expression
        `other` itself where there are no branches.
    """
    if not table:
        return other
    case = exp.Case(this=value, ifs=[exp.If(this=exp.Literal.string(text), true=then) for text, then in table])
    return case.else_(other, copy=False)


def raw_scalars(column: PlanColumn, *, impute: bool) -> list[Expression]:
    """Return the raw numbers of a number, boolean or timestamp, before shift and scale.

    Parameters
    ----------
    column : PlanColumn
        The column; its values are taken from a column of the same name.
    impute : bool
        Replace missing values as the plan says.

    Returns
    -------
    list of Expression
        As many as the column's width.

    Raises
    ------
    UnsupportedOperationError
        For vectors.
    """
    source = exp.column(column.name, quoted=True)
    if column.kind == "timestamp":
        values = [_part(source, str(column.spec["sql_type"]), part) for part in column.spec["parts"]]
    elif column.kind == "boolean":
        values = [exp.case().when(source, number(1.0)).when(exp.not_(source.copy()), number(0.0))]
    elif column.kind == "number":
        values = [_plain_number(source, str(column.spec["sql_type"]))]
    else:
        raise UnsupportedOperationError(
            f"feature {column.name!r} of kind {column.kind} has no form in SQL",
            hint="Models over numbers, booleans, categories and timestamps can be turned into SQL.",
        )
    defaults: list[float] = column.impute.tolist()
    known = [
        value if not impute or math.isnan(default) else exp.Coalesce(this=value, expressions=[number(default)])
        for value, default in zip(values, defaults, strict=True)
    ]
    if column.indicator:
        missing = exp.Is(this=values[0].copy(), expression=exp.null())
        known.append(exp.case().when(missing, number(1.0)).else_(number(0.0)))
    return known


def encoded(column: PlanColumn) -> list[Callable[[], Expression]]:
    """Return each encoded number of a column, as a function that makes a fresh expression.

    Parameters
    ----------
    column : PlanColumn
        The column.

    Returns
    -------
    list of callable
        As many as the column's width; NULL stands for NaN.

    Raises
    ------
    UnsupportedOperationError
        For free text and vectors.
    """
    if column.kind == "category":
        return [_category_number(column, at) for at in range(column.width)]
    count = len(raw_scalars(column, impute=True))

    def scalar(at: int) -> Callable[[], Expression]:
        shift, scale = float(column.shift[at]), float(column.scale[at])

        def make() -> Expression:
            value = raw_scalars(column, impute=True)[at]
            if shift == 0.0 and scale == 1.0:
                return value
            moved = exp.Paren(this=exp.Sub(this=exp.Paren(this=value), expression=number(shift)))
            return exp.Div(this=moved, expression=number(scale), typed=False, safe=False)

        return make

    return [scalar(at) for at in range(count)]


def category_text(column: PlanColumn) -> Expression:
    """Return a category as text, as it was read at training."""
    return exp.cast(exp.column(column.name, quoted=True), exp.DataType.Type.TEXT)


def _category_number(column: PlanColumn, at: int) -> Callable[[], Expression]:
    rows, other = column.category_rows()
    default = float(other[at])
    table = [(text, float(row[at])) for text, row in rows.items() if float(row[at]) != default]

    def make() -> Expression:
        branches = [(text, number(value)) for text, value in table]
        return choose(category_text(column), branches, number(default))

    return make


def _plain_number(source: Expression, sql_type: str) -> Expression:
    if sql_type.startswith(("interval", "time")):
        return double(exp.Extract(this=exp.var("epoch"), expression=source))
    if sql_type in {"smallint", "integer", "bigint"}:
        return double(source)
    # NaN is a missing value, as in a float8 column that is read for training
    return exp.Nullif(this=double(source), expression=double(exp.Literal.string("NaN")))


def _part(source: Expression, sql_type: str, part: str) -> Expression:
    moment = source.copy()
    if sql_type in {"timestamp with time zone", "timestamptz"}:
        moment = exp.AtTimeZone(this=moment, zone=exp.Literal.string("UTC"))
    if part == "days":
        seconds = double(exp.Extract(this=exp.var("epoch"), expression=moment))
        return exp.Div(this=seconds, expression=number(86400.0), typed=False, safe=False)
    if part == "dow":
        day = double(exp.Extract(this=exp.var("isodow"), expression=moment))
        return exp.Sub(this=day, expression=number(1.0))
    return double(exp.Extract(this=exp.var(_PARTS[part]), expression=moment))
