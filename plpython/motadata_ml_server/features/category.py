"""Categories: one-hot while they are few, else by the target they go with."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.columns import Column, TextValues
from motadata_ml_server.features.json_values import invalid
from motadata_ml_server.features.kind import FittedColumn, Fitting, Kind, Writer
from motadata_ml_server.features.plan_column import TEXT_FORM, Matrix, PlanColumn
from motadata_ml_server.values.text_forms import TextForm, plain

if TYPE_CHECKING:
    from motadata_ml_server.features.preprocess import ColumnRule

MAX_ONEHOT = 64
"""The most categories that get a column each."""

MAX_OUTPUTS = 10
"""The most classes for which the target is encoded class by class."""

FOLDS = 5
FOLD_STREAM = 5
"""Folds are drawn from a stream of their own, so that data made with the same seed does not follow them."""

MAX_SAID = 100
"""So many categories are shown to a person."""


def read_category(name: str, value: Any, form: TextForm | None = None) -> str | None:
    """Read a category as text; None where it is missing.

    Parameters
    ----------
    name : str
        The feature, for the error.
    value : object
        A parsed JSON value.
    form : callable, optional
        What makes the canonical text. Without one, numbers and booleans stand for their JSON text, as they did in 0.2.

    Returns
    -------
    str or None
        The category.

    Raises
    ------
    InvalidInputError
        If it is an array or an object.
    """
    if value is None:
        return None
    if isinstance(value, (str, bool, int, float)):
        if form is not None:
            return form(value)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        return value if isinstance(value, str) else json.dumps(value)
    raise invalid(name, "must be a text, a number or a boolean", value)


def category_reader(column: PlanColumn) -> tuple[Callable[[Any], str | None], bool]:
    """Return how values of a category are read.

    Returns
    -------
    (callable, bool)
        The function from a parsed JSON value to the category, None where it is missing; and whether a text is its own
        category, so that it need not be called.
    """
    if not column.canonical:
        return partial(read_category, column.name), True
    return partial(read_category, column.name, form=column.form), column.form is plain


def category_rows(column: PlanColumn) -> tuple[dict[str, NDArray[np.float64]], NDArray[np.float64]]:
    """Return the encoded numbers per category, and those of NULL or an unknown one.

    Returns
    -------
    (dict of str to ndarray, ndarray)
        Of shape (width,) each.
    """
    encoded = column.encode(_raw_rows(column))
    return dict(zip(column.spec["categories"], encoded[:-1], strict=True)), encoded[-1]


def _raw_rows(column: PlanColumn) -> Matrix:
    """Return the raw numbers per category, and in a last row those of NULL or an unknown one."""
    spec = column.spec
    count = len(spec["categories"])
    if spec["encode"] == "onehot":
        return np.vstack([np.eye(count), np.zeros(count)])
    if spec["encode"] == "ordinal":
        unknown = math.nan if spec.get("unknown") is None else float(spec["unknown"])
        return np.append(np.arange(count, dtype=np.float64), unknown)[:, None]
    return np.vstack([np.asarray(spec["values"], dtype=np.float64).reshape(-1, column.width), spec["default"]])


class CategoryKind(Kind):
    """One of several texts."""

    name = "category"
    unsaid = ("values", "default")

    def suits(self, column: Column, rule: ColumnRule) -> bool:
        """Tell whether a training column travels as text."""
        return column.schema.kind == "text"

    def fit(self, column: Column, fitting: Fitting) -> FittedColumn:
        """Return the column's form in the plan.

        Up to `MAX_ONEHOT` categories are one-hot. Beyond, each category becomes the mean of the target over its rows,
        shrunk towards the overall mean; the training rows get means from the other folds, so that no row sees its own
        target. Without a target the most frequent categories are one-hot.
        """
        codes, dictionary, target = column.texts.codes, column.texts.dictionary, fitting.target
        encodable = target if target is not None and target.shape[1] <= MAX_OUTPUTS else None
        counts = np.bincount(codes[codes >= 0], minlength=len(dictionary))
        used = np.flatnonzero(counts)
        encode = fitting.rule.encode or ("onehot" if len(used) <= MAX_ONEHOT or encodable is None else "target")
        if encode == "target" and encodable is not None:
            return _fit_to_target(column, encodable, fitting.seed)
        if encode == "onehot" and len(used) > MAX_ONEHOT:
            used = used[np.argsort(-counts[used], kind="stable")[:MAX_ONEHOT]]
        categories = sorted(dictionary[code] for code in used.tolist())
        if encode == "ordinal":
            return FittedColumn(_spec(column, "ordinal", categories) | {"width": 1, "unknown": -1.0})
        return FittedColumn(_spec(column, "onehot", categories))

    def names(self, column: PlanColumn) -> list[str]:
        """Return the category for each number of a one-hot encoding."""
        if column.spec["encode"] != "onehot":
            return super().names(column)
        return [f"{column.name}={category}" for category in column.spec["categories"]]

    def summary(self, column: PlanColumn) -> dict[str, Any]:
        """Return what a person wants to know of the column, with the first of many categories."""
        short = super().summary(column)
        if len(short.get("categories", ())) > MAX_SAID:
            short["categories"] = [*short["categories"][:MAX_SAID], "..."]
        return short

    def check(self, column: PlanColumn, given: Column) -> None:
        """Take any text."""

    def fill(self, column: PlanColumn, given: Column, block: Matrix) -> None:
        """Write the raw numbers of many rows."""
        texts, categories = given.texts, column.spec["categories"]
        position = {category: at for at, category in enumerate(categories)}
        known = np.array([position.get(text, len(categories)) for text in texts.dictionary] + [len(categories)])
        block[:] = _raw_rows(column)[known[texts.codes]]

    def writer(self, column: PlanColumn, row: NDArray[np.float64], cells: memoryview[float]) -> Writer:
        """Return the function that encodes one value into one row."""
        if column.width == 1:
            return _single_writer(column, cells)
        if column.spec["encode"] == "onehot":
            return _onehot_writer(column, row, cells)
        rows, other = category_rows(column)
        read, own = category_reader(column)
        part = row[column.start : column.start + column.width]

        def write_values(value: Any) -> None:
            if not own or value.__class__ is not str:
                value = read(value)
            part[:] = rows.get(value, other)

        return write_values

    def cells(self, column: PlanColumn, row: NDArray[np.float64], cells: memoryview[float]) -> tuple[Any, ...]:
        """Return the column as the encoder of single rows takes it, which looks texts up as they are."""
        read, own = category_reader(column)
        if not own:
            return super().cells(column, row, cells)
        rows, other = category_rows(column)
        codes = {category: at for at, category in enumerate(rows)}
        if column.spec["encode"] == "onehot" and len(codes) == column.width:
            lit = np.array([numbers[at] for at, numbers in enumerate(rows.values())], dtype=np.float64)
            return ("onehot", column.name, column.start, codes, lit, other, read)
        table = np.vstack([*rows.values(), other])
        return ("category", column.name, column.start, codes, table, read)


CATEGORY: Final = CategoryKind()


def _single_writer(column: PlanColumn, cells: memoryview[float]) -> Writer:
    rows, other = category_rows(column)
    read, own = category_reader(column)
    at = column.start
    singles: dict[str | None, float] = {category: float(numbers[0]) for category, numbers in rows.items()}
    unknown = float(other[0])

    def write_single(value: Any) -> None:
        if not own or value.__class__ is not str:
            value = read(value)
        cells[at] = singles.get(value, unknown)

    return write_single


def _onehot_writer(column: PlanColumn, row: NDArray[np.float64], cells: memoryview[float]) -> Writer:
    """Write the number of the category, and take back that of the category before."""
    rows, other = category_rows(column)
    read, own = category_reader(column)
    start = column.start
    spots = {category: (start + at, float(numbers[at])) for at, (category, numbers) in enumerate(rows.items())}
    row[start : start + column.width] = other
    previous = [(start, float(other[0]))]

    def write_onehot(value: Any) -> None:
        if not own or value.__class__ is not str:
            value = read(value)
        at, unset = previous[0]
        cells[at] = unset
        spot = spots.get(value)
        if spot is not None:
            at, encoded = spot
            cells[at] = encoded
            previous[0] = (at, float(other[at - start]))

    return write_onehot


def _spec(column: Column, encode: str, categories: list[str]) -> dict[str, Any]:
    return {
        "name": column.schema.name,
        "kind": "category",
        "source": "text",
        "sql_type": column.schema.sql_type,
        "width": len(categories),
        "encode": encode,
        "form": TEXT_FORM,
        "categories": categories,
        "shift": None,
        "scale": None,
    }


def _fit_to_target(column: Column, target: Matrix, seed: int | None) -> FittedColumn:
    texts = column.texts
    outputs = target if target.shape[1] != 2 else target[:, 1:]
    means, overall = _means(texts, outputs, np.ones(len(outputs), bool))
    used = np.flatnonzero(np.bincount(texts.codes[texts.codes >= 0], minlength=len(texts.dictionary)))
    order = sorted(used.tolist(), key=lambda code: texts.dictionary[code])
    spec = _spec(column, "target", [texts.dictionary[code] for code in order])
    spec |= {
        "width": outputs.shape[1],
        "values": means[order].tolist(),
        "default": overall.tolist(),
    }
    fold = np.random.default_rng(None if seed is None else [seed, FOLD_STREAM]).integers(0, FOLDS, len(outputs))
    own = np.empty_like(outputs)
    for number in range(FOLDS):
        held = fold == number
        others, rest = _means(texts, outputs, ~held)
        own[held] = np.vstack([others, rest])[texts.codes[held]]
    return FittedColumn(spec, own)


def _means(
    texts: TextValues, outputs: NDArray[np.float64], rows: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return each category's shrunken mean, and the overall one.

    The shrinkage is the empirical Bayes estimate of Micci-Barreca (2001), as in scikit-learn's TargetEncoder: the
    weight of a category's own mean is n / (n + var_within / var_overall).
    """
    rows = rows & (texts.codes >= 0)
    codes, values = texts.codes[rows], outputs[rows]
    size = len(texts.dictionary)
    overall = values.mean(axis=0) if len(values) else outputs.mean(axis=0)
    variance = values.var(axis=0) if len(values) else np.zeros(outputs.shape[1])
    counts = np.bincount(codes, minlength=size)
    means = np.empty((size, outputs.shape[1]))
    for j in range(outputs.shape[1]):
        sums = np.bincount(codes, values[:, j], minlength=size)
        squares = np.bincount(codes, values[:, j] ** 2, minlength=size)
        mean = np.divide(sums, counts, out=np.full(size, overall[j]), where=counts > 0)
        within = np.divide(squares, counts, out=np.zeros(size), where=counts > 0) - mean**2
        ratio = np.maximum(within, 0.0) / variance[j] if variance[j] > 0 else np.zeros(size)
        weight = np.divide(counts, counts + ratio, out=np.zeros(size), where=counts > 0)
        means[:, j] = weight * mean + (1.0 - weight) * overall[j]
    return means, overall
