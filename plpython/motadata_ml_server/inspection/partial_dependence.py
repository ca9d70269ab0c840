"""``ml.partial_dependence``: the mean answer over some rows, for values of one feature that all of them are given."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.columns import Column, ColumnTable
from motadata_ml_server.errors import InsufficientDataError, InvalidArgumentError, UnsupportedOperationError
from motadata_ml_server.features.check import check_table
from motadata_ml_server.features.plan_column import PlanColumn
from motadata_ml_server.features.row import row_encoder
from motadata_ml_server.features.table import encode_table
from motadata_ml_server.inspection import values
from motadata_ml_server.inspection.classes import no_classes, position_of
from motadata_ml_server.inspection.input_rows import InputRows
from motadata_ml_server.models.version import VisibleVersion
from motadata_ml_server.postgres.breath import Breath
from motadata_ml_server.postgres.database import Database
from motadata_ml_server.prediction import cache
from motadata_ml_server.prediction.predictor import Predictor
from motadata_ml_server.prediction.row_input import MAX_CHARACTERS
from motadata_ml_server.prediction.runtimes import link
from motadata_ml_server.prediction.runtimes.blocks import scores_of
from motadata_ml_server.values.json_text import load_json

MAX_ROWS: Final = 1_000
"""Rows of the input that are averaged over, its first."""

MAX_BYTES: Final = 32 << 20
"""Bytes that they may take, encoded."""

POINTS: Final = 20
"""Values that a grid has where none is given."""

MOST: Final = 1_000
"""Values that a grid may have."""

PERCENTILES: Final = (0.05, 0.95)
"""Between these a number's grid lies, as in scikit-learn."""

_TASKS: Final = ("classification", "regression", "anomaly")


def partial_dependence(
    db: Database, visible: VisibleVersion, feature: str, input_data: str, grid: str | None, label: str | None
) -> Iterator[dict[str, Any]]:
    """Yield the rows of ``ml.partial_dependence``: for each value of the grid the mean answer, one a class.

    Parameters
    ----------
    db : Database
        The caller's session; rows are read with its rights.
    visible : VisibleVersion
        The version, as the caller sees it.
    feature : str
        The one whose value is changed.
    input_data : str
        A table, a view or a SELECT that has the model's features.
    grid : str or None
        A JSON array of values; None takes values that the rows have.
    label : str or None
        A class; None takes all.

    Raises
    ------
    UnsupportedOperationError
        ML020: the model type has no score, or the model no probabilities.
    InvalidArgumentError
        ML009: no such feature or class, or the grid is none.
    InvalidInputError
        ML011: a value of the grid does not suit the feature, or rows do not suit the model.
    InsufficientDataError
        ML005: there are no rows.
    """
    predictor = cache.predictor_of(db, visible)
    if predictor.task not in _TASKS:
        raise UnsupportedOperationError(
            f"a {predictor.task} model has no score that could depend on a feature",
            hint="Ask of a classification, a regression or an anomaly model; ml.cluster_profile describes clusters.",
        )
    column = feature_of(predictor, feature)
    classes = _classes(predictor, label)
    asked = None if grid is None else _grid(grid)
    tables = first_rows(db, predictor, input_data)
    given = default_grid([table.columns[column.name] for table in tables], column) if asked is None else asked
    plan = predictor.plan
    encoded = np.vstack([encode_table(plan, check_table(plan.columns, table)) for table in tables])
    encode = encoder_of(column)
    breathe = Breath(db)
    rows = encoded.copy()
    for value in given:
        rows[:, column.part] = encode(value)
        means = answers(predictor, rows, breathe).mean(axis=0).tolist()
        for at, name in classes:
            yield {"class": name, "value": values.of_value(column, value), "average": means[at], "rows": len(rows)}


def feature_of(predictor: Predictor, name: str) -> PlanColumn:
    """Return a feature of a model.

    Raises
    ------
    InvalidArgumentError
        ML009: it has none of that name.
    """
    for column in predictor.plan.columns:
        if column.name == name:
            return column
    shown = ", ".join(repr(column.name) for column in predictor.plan.columns[:20])
    raise InvalidArgumentError(f"the model has no feature {name[:100]!r}", hint=f"It has {shown}.")


def first_rows(db: Database, predictor: Predictor, input_data: str) -> list[ColumnTable]:
    """Return the first rows of a relation, as many as are averaged over, in pieces.

    Raises
    ------
    InsufficientDataError
        ML005: there are none.
    """
    left = max(1, min(MAX_ROWS, MAX_BYTES // (8 * max(1, predictor.plan.width))))
    found = []
    tables = InputRows(db, predictor.plan, input_data, None).tables(left)
    for table in tables:
        found.append(table if table.rows <= left else table.take(np.arange(left)))
        left -= found[-1].rows
        if not left:
            break
    tables.close()
    if not any(table.rows for table in found):
        raise InsufficientDataError("input_data has no rows", hint="Check the table and the WHERE clause.")
    return found


def encoder_of(column: PlanColumn) -> Callable[[Any], NDArray[np.float64]]:
    """Return the function from a parsed JSON value to the encoded numbers of one feature."""
    alone = row_encoder([PlanColumn(column.spec, 0)])

    def encode(value: Any) -> NDArray[np.float64]:
        alone.fill({column.name: value})
        return np.array(alone.buffer[0])

    return encode


def answers(predictor: Predictor, rows: NDArray[np.float64], breathe: Callable[[], None]) -> NDArray[np.float64]:
    """Return the probability of each class, or the value or anomaly score as the only column, of encoded rows.

    Raises
    ------
    UnsupportedOperationError
        ML020: the model gives labels alone.
    """
    runtime = predictor.runtime
    raw = scores_of(runtime, rows, breathe)
    if predictor.task != "classification":
        column: NDArray[np.float64] = link.batch_value(runtime.link, runtime.parameters, raw)[:, None]
        return column
    chances = link.batch_probabilities(runtime.link, raw)
    if chances is None:
        raise UnsupportedOperationError(
            "the model gives labels without probabilities, which have no mean",
            hint="Train an algorithm with probabilities, such as hist_gradient_boosting.",
        )
    return np.asarray(chances)


def default_grid(columns: Sequence[Column], feature: PlanColumn) -> list[Any]:
    """Return values that a column has: numbers between two percentiles, the most frequent of others.

    Parameters
    ----------
    columns : sequence of Column
        Its pieces.
    feature : PlanColumn
        The feature that it is.

    Raises
    ------
    InvalidArgumentError
        ML009: the feature is a vector, of which each value is another.
    """
    kind = columns[0].schema.kind
    if kind == "vector":
        raise InvalidArgumentError(
            f"grid must be given for the vector {feature.name!r}", hint="Write grid => '[[1, 2], [3, 4]]'."
        )
    if kind == "text":
        known = Counter(
            column.texts.dictionary[code] for column in columns for code in column.texts.codes.tolist() if code >= 0
        )
        return [text for text, _ in known.most_common(POINTS)] or [None]
    numbers = np.concatenate([column.numbers for column in columns])
    numbers = numbers[~np.isnan(numbers)]
    if not len(numbers):
        return [None]
    if kind == "boolean":
        return [False, True]
    distinct = np.unique(numbers)
    if len(distinct) > POINTS:
        distinct = np.unique(np.quantile(numbers, np.linspace(*PERCENTILES, POINTS), method="nearest"))
    if kind == "timestamp":
        return [values.of_moment(one) for one in distinct.tolist()]
    return [int(one) if one.is_integer() and abs(one) < 2**53 else one for one in distinct.tolist()]


def _grid(text: str) -> list[Any]:
    grid = load_json(text, exact=False) if len(text) <= MAX_CHARACTERS else None
    if not isinstance(grid, list) or not 1 <= len(grid) <= MOST:
        got = f"one of {len(grid)}" if isinstance(grid, list) else "no array"
        raise InvalidArgumentError(
            f"grid must be an array of 1 to {MOST} values, got {got}", hint="Write grid => '[1, 2.5, null]'."
        )
    return grid


def _classes(predictor: Predictor, label: str | None) -> list[tuple[int, str | None]]:
    """Return the classes that are told, each with its position."""
    if predictor.task != "classification":
        if label is not None:
            raise no_classes(predictor.task, label)
        return [(0, None)]
    names = predictor.classes or []
    return list(enumerate(names)) if label is None else [(position_of(names, label), label)]
