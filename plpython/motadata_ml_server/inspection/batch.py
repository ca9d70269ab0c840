"""``ml.explain_batch``: every row of a relation taken apart, a piece at a time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from math import isnan
from typing import Any, Final

import numpy as np

from motadata_ml_server.administration import options
from motadata_ml_server.columns import ColumnTable
from motadata_ml_server.features.check import check_table
from motadata_ml_server.features.row_chunks import row_chunks
from motadata_ml_server.features.table import encode_table
from motadata_ml_server.inspection import values
from motadata_ml_server.inspection.explained import ExplainedModel, Explanation
from motadata_ml_server.inspection.input_rows import InputRows
from motadata_ml_server.inspection.one_row import parts_of
from motadata_ml_server.inspection.ranking import ranked
from motadata_ml_server.postgres.breath import Breath
from motadata_ml_server.postgres.database import Database
from motadata_ml_server.prediction.pace import PieceSizes

EXACT_ROWS: Final = 4096
"""Rows of a piece where contributions are exact: cancels are answered within it, and tables want many rows at once."""


def explain_chunks(
    db: Database,
    model: ExplainedModel,
    input_data: str,
    id_column: str | None,
    wanted: int | None,
    top_k: int | None,
    detail: bool,
    chunk_rows: int | None,
) -> Iterator[dict[str, Any]]:
    """Yield what each feature adds in each row, in the order of the rows, packed as ``ml.explain_batch`` unpacks it.

    Parameters
    ----------
    db : Database
        The caller's session; rows are read with its rights.
    model : ExplainedModel
        The model.
    input_data : str
        A table, a view or a SELECT that has the model's features.
    id_column : str or None
        A column that names each row; None numbers the rows from 1.
    wanted, top_k, detail
        As for `one_row.explain`.
    chunk_rows : int or None
        Rows that are read at a time; None takes the option of that name.

    Raises
    ------
    InvalidInputError
        ML011: features are missing, or values do not fit.
    InvalidArgumentError
        ML009: chunk_rows is out of bounds.
    """
    most = options.integer(db, "chunk_rows") if chunk_rows is None else options.check("chunk_rows", chunk_rows)
    given = InputRows(db, model.plan, input_data, id_column)
    first, sizes, breathe = 1, PieceSizes(), Breath(db)
    width = sum(column.width for column in model.plan.columns) * model.predictor.outputs
    for table in given.tables(most):
        for _, chunk in row_chunks(table, 4 * width):
            at = 0
            while at < chunk.rows:
                count = min(sizes.rows if model.sampled else EXACT_ROWS, chunk.rows - at)
                piece = chunk if count == chunk.rows else chunk.take(np.arange(at, at + count))
                started = time.perf_counter()
                packed = _piece(model, piece, given.ids(piece, first), wanted, top_k, detail, breathe)
                sizes.learn(count, time.perf_counter() - started)
                at += count
                first += count
                if packed is not None:
                    yield packed


def _piece(
    model: ExplainedModel,
    table: ColumnTable,
    ids: list[str | None],
    wanted: int | None,
    top_k: int | None,
    detail: bool,
    breathe: Breath,
) -> dict[str, Any] | None:
    features = table.select([column.name for column in model.plan.columns])
    suited = check_table(model.plan.columns, features)
    encoded = encode_table(model.plan, suited)
    found = model.explain(encoded, wanted, detail, breathe)
    parts = found.contributions.parts
    order = ranked(parts, top_k, zeros=not detail)
    count, most = order.shape
    if not count or not most:
        return None
    texts = _detailed(model, encoded, found, order) if detail else _texts(model, suited, found, order)
    kept = [ids[row] for row in found.rows.tolist()]
    errors = found.contributions.errors
    return {
        "ids": [one for one in kept for _ in range(most)],
        "labels": list(model.classes or ()),
        "classes": _integers(np.repeat(found.classes + 1, most)),
        "bases": _numbers(np.repeat(found.contributions.base, most)),
        "features": list(model.plan.output_names if detail else model.names),
        "codes": _integers(order.ravel() + 1),
        "texts": texts,
        "attributions": _numbers(np.take_along_axis(parts, order, axis=1).ravel()),
        "errors": None if errors is None else _numbers(np.take_along_axis(errors, order, axis=1).ravel()),
        "ranks": _integers(np.tile(np.arange(1, most + 1), count)),
        "methods": [method for method, _ in model.kinds],
        "units": [unit for _, unit in model.kinds],
        "kinds": _integers(np.repeat(found.kinds + 1, most)),
    }


def _texts(model: ExplainedModel, table: ColumnTable, found: Explanation, order: Any) -> list[str | None]:
    """Return the values of the features that are returned, in the order in which they are."""
    flat, rows = order.ravel(), np.repeat(found.rows, order.shape[1])
    by_feature = np.argsort(flat, kind="stable")
    texts = np.empty(len(flat), object)
    starts = np.searchsorted(flat[by_feature], np.arange(len(model.names) + 1))
    for at, feature in enumerate(model.columns):
        places = by_feature[starts[at] : starts[at + 1]]
        if len(places):
            texts[places] = values.of_column(table.columns[feature.name], feature.source, rows[places])
    return list(texts.tolist())


def _detailed(model: ExplainedModel, encoded: Any, found: Explanation, order: Any) -> list[str | None]:
    raw = np.take_along_axis(parts_of(model, encoded)[found.rows], order, axis=1).ravel()
    return [None if isnan(number) else values.of_number(number) for number in raw.tolist()]


def _integers(values_: Any) -> bytes:
    return np.asarray(values_, dtype=np.int32).tobytes()


def _numbers(values_: Any) -> bytes:
    return np.ascontiguousarray(values_, dtype=np.float64).tobytes()
