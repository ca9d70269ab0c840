"""Predictions for every row of a relation, a chunk at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from motadata_ml_server.administration import options
from motadata_ml_server.columns import ColumnSchema, ColumnTable
from motadata_ml_server.features.columns_of import feature_schemas
from motadata_ml_server.features.row_chunks import row_chunks
from motadata_ml_server.ingest.reader import read_chunks
from motadata_ml_server.ingest.source import Source, resolve
from motadata_ml_server.ingest.wire import decode_table
from motadata_ml_server.postgres.database import Database
from motadata_ml_server.prediction.pace import Pace
from motadata_ml_server.prediction.predictions import BatchPrediction
from motadata_ml_server.prediction.predictor import Predictor

if TYPE_CHECKING:
    from motadata_ml_server.prediction.intervals import Intervals

SAME_TEXT = ("text", "character varying")
"""Types whose canonical text is the one that an id has to have: that of a cast."""

ID = "motadata_ml id"
"""Name of the id column while it travels beside the features; never a name of a feature."""

COPIES = 4
"""How often the numbers of an answer lie in memory at once on their way out, at the least."""


@dataclass(frozen=True, slots=True)
class AtLevel:
    """How sure predictions are to be said to be.

    Attributes
    ----------
    intervals : Intervals
        Of the model.
    level : float
        Checked.
    """

    intervals: Intervals
    level: float


def predict_chunks(
    db: Database,
    predictor: Predictor,
    input_data: str,
    id_column: str | None,
    chunk_rows: int | None = None,
    *,
    exact_ids: bool = False,
    sure: AtLevel | None = None,
) -> Iterator[dict[str, Any]]:
    """Yield the predictions of a relation's rows, a chunk at a time, in its order.

    Parameters
    ----------
    db : Database
        The caller's session; rows are read with its rights.
    predictor : Predictor
        The model.
    input_data : str
        A table, a view or a SELECT that has the model's features.
    id_column : str or None
        A column that names each row; None numbers the rows from 1.
    chunk_rows : int or None
        Rows that are read and predicted at a time; None takes the option of that name.
    exact_ids : bool
        Write ids so that their type reads the same value back, whatever the session's settings.
    sure : AtLevel or None
        Add bounds or sets of labels.

    Raises
    ------
    InvalidInputError
        ML011: features are missing.
    InvalidArgumentError
        ML009: chunk_rows is out of bounds.
    """
    most = options.integer(db, "chunk_rows") if chunk_rows is None else options.check("chunk_rows", chunk_rows)
    source = resolve(db, input_data, "input_data")
    schemas = feature_schemas(predictor.plan, source)
    names = [schema.name for schema in schemas]
    id_name = None
    if id_column is not None:
        id_name = source.column(id_column, "id_column").name
        own = next((schema for schema in schemas if schema.name == id_name), None)
        if own is None or own.kind != "text" or own.sql_type not in SAME_TEXT:
            source = with_id(source, id_name, exact_ids)
            id_name = ID
            schemas.append(ColumnSchema(ID, "text", "text", raw=True))
    first, pace = 1, Pace(predictor, options.integer(db, "threads"))
    for chunk in read_chunks(db, source, schemas, most, suspended=True):
        table = decode_table(schemas, [(chunk.rows, chunk.buffers)])
        for _, part in row_chunks(table, COPIES * predictor.outputs):
            for piece, predicted in pace.pieces(part, names):
                encoded = _encode(predicted, piece, id_name, first)
                yield encoded if sure is None else encoded | _bounds(sure, piece, predicted)
                first += piece.rows


def with_id(source: Source, name: str, exact: bool) -> Source:
    """Return the source with a column once more, as text and under a name of its own."""
    column = source.column(name, "id_column")
    return replace(source, columns=(*source.columns, replace(column, name=ID, kind="text", origin=name, exact=exact)))


def _encode(result: BatchPrediction, table: ColumnTable, id_name: str | None, first: int) -> dict[str, Any]:
    """Return a chunk's predictions as ``ml.predict_batch`` unpacks them.

    Numbers travel as packed bytes, a label as its position among the chunk's names, a confidence not at all: PL/Python
    would turn each into a text and back, SQL looks them up for a fraction of that.
    """
    ids: list[str | None] | None = None
    if id_name is not None:
        texts = table.columns[id_name].texts
        ids = [None if code < 0 else texts.dictionary[code] for code in texts.codes.tolist()]
    per_row = result.probabilities if result.components is None else result.components
    codes, values = result.codes, result.values
    if codes is None and values is None:
        values = np.full(table.rows, np.nan)
    return {
        "first": first,
        "ids": ids,
        "labels": list(result.names),
        "codes": None if codes is None else (codes + 1).astype(np.int32).tobytes(),
        "vals": None if values is None else values.astype(np.float64).tobytes(),
        "numbers": None if per_row is None else np.ascontiguousarray(per_row, dtype=np.float64).tobytes(),
        "width": 0 if per_row is None else per_row.shape[1],
        "chances": result.probabilities is not None,
    }


def _bounds(sure: AtLevel, table: ColumnTable, predicted: BatchPrediction) -> dict[str, Any]:
    """Return the bounds of a chunk as packed bytes, its sets as the texts of PostgreSQL's arrays."""
    found = sure.intervals.bounds(table, predicted, sure.level)
    sets = None
    if found.members is not None:
        quoted = [_quoted(name) for name in predicted.names]
        order = np.argsort(-np.asarray(predicted.probabilities), axis=1, kind="stable")
        inside = np.take_along_axis(found.members, order, 1)
        sets = [
            "{" + ",".join([quoted[at] for at, own in zip(row, held, strict=True) if own]) + "}" if any(held) else None
            for row, held in zip(order.tolist(), inside.tolist(), strict=True)
        ]
    return {
        "lowers": None if found.lower is None else found.lower.astype(np.float64).tobytes(),
        "uppers": None if found.upper is None else found.upper.astype(np.float64).tobytes(),
        "sets": sets,
    }


def _quoted(label: str) -> str:
    """Return a label as an element in the text of an array."""
    return '"' + label.replace("\\", "\\\\").replace('"', '\\"') + '"'


def rows_of(chunk: dict[str, Any]) -> int:
    """Return how many rows a chunk of `predict_chunks` holds."""
    codes, values = chunk["codes"], chunk["vals"]
    return len(values) // 8 if codes is None else len(codes) // 4
