"""A feature plan made from training data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.columns import Column, ColumnTable
from motadata_ml_server.errors import InsufficientDataError
from motadata_ml_server.features.findings import MIN_ROWS, Findings, numbers_rows
from motadata_ml_server.features.kind import Fitting
from motadata_ml_server.features.kinds import KINDS
from motadata_ml_server.features.plan import FeaturePlan
from motadata_ml_server.features.preprocess import ColumnRule, rule_for
from motadata_ml_server.features.text import is_free_text

SAMPLE = 20_000
"""Rows that are looked at first for a column that equals the target."""


@dataclass(frozen=True)
class EncodingNeeds:
    """What an estimator needs of its features.

    Attributes
    ----------
    nan_ok : bool
        Whether NaN may go through.
    scaling : str
        standard, minmax or none.
    """

    nan_ok: bool
    scaling: str


@dataclass(frozen=True)
class TargetValues:
    """The target of a supervised model, for encodings that look at it.

    Attributes
    ----------
    values : ndarray of float64, shape (rows, outputs)
        A number a row, or a class indicator a row.
    key : ndarray, shape (rows,)
        The target itself, or the class number, to find columns that give it away.
    """

    values: NDArray[np.float64]
    key: NDArray[Any]


@dataclass
class PlanFit:
    """A plan with what the fitting found.

    Attributes
    ----------
    plan : FeaturePlan
        The plan.
    overrides : dict
        Raw encodings that the training rows take instead of the plan's, by column.
    findings : Findings
        Columns that were left out or look wrong.
    """

    plan: FeaturePlan
    overrides: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    findings: Findings = field(default_factory=Findings)

    @property
    def warnings(self) -> list[str]:
        """Sentences on columns that were left out or look wrong."""
        return self.findings.sentences()


def fit_plan(
    table: ColumnTable,
    features: Sequence[str],
    target: TargetValues | None,
    needs: EncodingNeeds,
    preprocess: Mapping[str, Any],
    seed: int | None,
) -> PlanFit:
    """Make a plan from the training rows.

    Parameters
    ----------
    table : ColumnTable
        The training rows.
    features : sequence of str
        Columns to use, in order.
    target : TargetValues or None
        None where there is none.
    needs : EncodingNeeds
        What the estimator needs.
    preprocess : mapping
        Overrides by column: type, impute, encode, scale.
    seed : int or None
        For the folds of target encoding.

    Raises
    ------
    InsufficientDataError
        ML005: no column has a value.
    UnsupportedColumnError
        ML010: a column holds infinite numbers.
    InvalidArgumentError
        ML009: an override is wrong.
    """
    fitted = PlanFit(FeaturePlan(()))
    columns: list[dict[str, Any]] = []
    left_out: list[tuple[Column, ColumnRule]] = []
    for name in features:
        column = table.columns[name]
        rule = rule_for(name, preprocess.get(name), needs.scaling)
        if _is_empty(column):
            fitted.findings.add("empty", name)
            continue
        if rule.kind is None and _looks_like_id(column):
            fitted.findings.add("id", name)
            left_out.append((column, rule))
            continue
        columns.append(_fit_column(column, rule, target, needs, seed, fitted))
    if not columns and left_out:
        columns = [_fit_column(column, rule, target, needs, seed, fitted) for column, rule in left_out]
    if not columns:
        raise InsufficientDataError(
            "no feature has a value in any training row", hint="Choose columns that are not NULL everywhere."
        )
    fitted.plan = FeaturePlan.of(columns)
    return fitted


def _is_empty(column: Column) -> bool:
    if column.schema.kind == "text":
        return bool((column.texts.codes < 0).all())
    return bool(np.isnan(column.numbers).all())


def _looks_like_id(column: Column) -> bool:
    """Tell a text that differs in every row and is a word or two, such as a uuid."""
    if column.schema.kind != "text":
        return False
    codes = column.texts.codes
    return len(codes) > MIN_ROWS and len(np.unique(codes)) == len(codes) and not is_free_text(column)


def _fit_column(
    column: Column,
    rule: ColumnRule,
    target: TargetValues | None,
    needs: EncodingNeeds,
    seed: int | None,
    fitted: PlanFit,
) -> dict[str, Any]:
    """Return the column's form in the plan, by the first kind that it suits and that makes something of it."""
    _inspect(column, rule, target, fitted.findings)
    fitting = Fitting(rule, needs.nan_ok, None if target is None else target.values, seed)
    found = next(
        done for kind in KINDS.values() if kind.suits(column, rule) and (done := kind.fit(column, fitting)) is not None
    )
    if found.override is not None:
        fitted.overrides[column.schema.name] = found.override
    return found.spec


def _inspect(column: Column, rule: ColumnRule, target: TargetValues | None, findings: Findings) -> None:
    """Note a constant, a row number or a column that gives the target away."""
    name = column.schema.name
    if column.schema.kind == "vector":
        return
    values = column.texts.codes if column.schema.kind == "text" else column.numbers
    there = values[values >= 0] if column.schema.kind == "text" else values[~np.isnan(values)]
    if len(there) == len(values) and (there == there[0]).all():
        findings.add("constant", name)
    elif target is not None and len(there) == len(values) and _gives_away(values, target.key):
        findings.add("leak", name)
    elif column.schema.kind == "number" and rule.kind is None and numbers_rows(column.numbers):
        findings.add("numbering", name)


def _gives_away(values: NDArray[Any], key: NDArray[Any]) -> bool:
    head = slice(0, SAMPLE)
    return _one_to_one(values[head], key[head]) and _one_to_one(values, key)


def _one_to_one(values: NDArray[Any], key: NDArray[Any]) -> bool:
    if values.dtype == np.float64 and key.dtype == np.float64:
        return bool(np.array_equal(values, key))
    distinct, codes = np.unique(values, return_inverse=True)
    labels = int(key.max()) + 1
    if len(distinct) != len(np.unique(key)):
        return False
    pairs = np.unique(codes.astype(np.int64) * labels + key.astype(np.int64))
    return len(pairs) == len(distinct)
