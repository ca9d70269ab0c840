"""The feature plan as SQL expressions, built as a sqlglot tree."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, NoReturn, TypeAlias

import numpy as np
from sqlglot import exp
from sqlglot.expressions import Expression

from motadata_ml_server.errors import UnsupportedOperationError
from motadata_ml_server.features.category import category_rows
from motadata_ml_server.features.plan_column import Matrix, PlanColumn
from motadata_ml_server.prediction.runtimes.linear_row import category_shares

Numbers: TypeAlias = list[Callable[[], Expression]]
"""Each encoded number of a column, as a function that makes a fresh expression; NULL stands for NaN."""

_PARTS = {"year": "year", "month": "month", "day": "day", "hour": "hour", "minute": "minute"}


@dataclass(frozen=True)
class SqlForm:
    """What a kind of feature is in SQL; its values are taken from a column of the feature's name.

    Attributes
    ----------
    numbers : callable
        From a column of the plan to its `Numbers`, which trees compare.
    share : callable
        From a column of the plan and a linear model's weights for it, of shape (1, width), to the terms it adds to
        the score.
    """

    numbers: Callable[[PlanColumn], Numbers]
    share: Callable[[PlanColumn, Matrix], list[Expression]]


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


Raw: TypeAlias = Callable[[PlanColumn, Expression], list[Expression]]
"""The numbers of a column before NULL is replaced, of the feature and the SQL column of its values."""


def _scalars(raw: Raw, column: PlanColumn) -> list[Expression]:
    """Return the raw numbers of a column, before shift and scale."""
    values = raw(column, exp.column(column.name, quoted=True))
    defaults: list[float] = column.impute.tolist()
    known = [
        value if math.isnan(default) else exp.Coalesce(this=value, expressions=[number(default)])
        for value, default in zip(values, defaults, strict=True)
    ]
    if column.indicator:
        missing = exp.Is(this=values[0].copy(), expression=exp.null())
        known.append(exp.case().when(missing, number(1.0)).else_(number(0.0)))
    return known


def _scalar_numbers(raw: Raw, column: PlanColumn) -> Numbers:
    def scalar(at: int) -> Callable[[], Expression]:
        shift, scale = float(column.shift[at]), float(column.scale[at])

        def make() -> Expression:
            value = _scalars(raw, column)[at]
            if shift == 0.0 and scale == 1.0:
                return value
            moved = exp.Paren(this=exp.Sub(this=exp.Paren(this=value), expression=number(shift)))
            return exp.Div(this=moved, expression=number(scale), typed=False, safe=False)

        return make

    return [scalar(at) for at in range(column.width)]


def _scalar_share(raw: Raw, column: PlanColumn, block: Matrix) -> list[Expression]:
    weights = (block / column.scale)[0].tolist()
    products = [
        exp.Mul(
            this=exp.Paren(this=exp.Sub(this=exp.Paren(this=value), expression=number(shift))),
            expression=number(weight),
        )
        for value, shift, weight in zip(_scalars(raw, column), column.shift.tolist(), weights, strict=True)
    ]
    return [add(products)] if products else []


def _raw_number(column: PlanColumn, source: Expression) -> list[Expression]:
    sql_type = str(column.spec["sql_type"])
    if sql_type.startswith(("interval", "time")):
        return [double(exp.Extract(this=exp.var("epoch"), expression=source))]
    if sql_type in {"smallint", "integer", "bigint"}:
        return [double(source)]
    # NaN is a missing value, as in a float8 column that is read for training
    return [exp.Nullif(this=double(source), expression=double(exp.Literal.string("NaN")))]


def _raw_boolean(column: PlanColumn, source: Expression) -> list[Expression]:
    return [exp.case().when(source, number(1.0)).when(exp.not_(source.copy()), number(0.0))]


def _raw_timestamp(column: PlanColumn, source: Expression) -> list[Expression]:
    return [_part(source, str(column.spec["sql_type"]), part) for part in column.spec["parts"]]


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


def _category_text(column: PlanColumn) -> Expression:
    """Return a category as text, as it was read at training."""
    return exp.cast(exp.column(column.name, quoted=True), exp.DataType.Type.TEXT)


def _category_numbers(column: PlanColumn) -> Numbers:
    rows, other = category_rows(column)

    def category(at: int) -> Callable[[], Expression]:
        default = float(other[at])
        table = [(text, float(row[at])) for text, row in rows.items() if float(row[at]) != default]

        def make() -> Expression:
            branches = [(text, number(value)) for text, value in table]
            return choose(_category_text(column), branches, number(default))

        return make

    return [category(at) for at in range(column.width)]


def branches(column: PlanColumn) -> list[int]:
    """Return how many branches the CASE of each number of a category has, without making it."""
    rows, other = category_rows(column)
    differ = np.zeros(column.width, np.int64)
    for row in rows.values():
        differ += np.asarray(row) != np.asarray(other)
    return [1 + int(count) for count in differ]


def _category_share(column: PlanColumn, block: Matrix) -> list[Expression]:
    table, unknown = category_shares(column, block)
    branches = [(str(text), number(share[0])) for text, share in table.items() if share[0] != unknown[0]]
    return [choose(_category_text(column), branches, number(unknown[0]))]


def _no_form(column: PlanColumn, block: Matrix | None = None) -> NoReturn:
    raise UnsupportedOperationError(
        f"feature {column.name!r} of kind {column.kind} has no form in SQL",
        hint="Models over numbers, booleans, categories and timestamps can be turned into SQL.",
    )


def _scalar_form(raw: Raw) -> SqlForm:
    return SqlForm(partial(_scalar_numbers, raw), partial(_scalar_share, raw))


FORMS: Final[Mapping[str, SqlForm]] = {
    "number": _scalar_form(_raw_number),
    "boolean": _scalar_form(_raw_boolean),
    "timestamp": _scalar_form(_raw_timestamp),
    "vector": SqlForm(_no_form, _no_form),
    "text": SqlForm(_no_form, _no_form),
    "category": SqlForm(_category_numbers, _category_share),
}
"""What each kind of feature is in SQL; a kind that has no form there raises UnsupportedOperationError."""
