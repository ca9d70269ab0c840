"""``predict_batch``: many rows up by COPY, their predictions down as packed records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from psycopg import sql

from motadata_ml._calls import Call, Fetch, Steps
from motadata_ml._frames import to_frame, to_row
from motadata_ml._operations.batch_input import batch_columns
from motadata_ml._operations.functions import qualified, to_json
from motadata_ml._operations.lending import describe
from motadata_ml._operations.records import Records, decode, native
from motadata_ml._operations.settings import Settings
from motadata_ml._operations.upload import drop, upload
from motadata_ml.errors import InvalidArgumentError, UnsupportedOperationError
from motadata_ml.results import Prediction

IdType: TypeAlias = Literal[
    "smallint", "integer", "bigint", "numeric", "text", "uuid", "date", "timestamp", "timestamptz"
]
"""SQL types that the server returns ids in."""

RECORD_ROWS = 50_000
"""Rows in each packed value: far below PostgreSQL's limit of 1 GB."""

JSON_ROWS = 10_000
"""Rows in each JSON value, where no temporary table can be made."""

_PACKED = sql.SQL("""
with answer as (
    select pg_catalog.row_number() over () as n,
        (pg_catalog.row_number() over () operator(pg_catalog.-) 1) operator(pg_catalog./) %s as run,
        id, prediction, value, confidence, probabilities
    from ml.predict_batch(
        %s::pg_catalog.text, %s::pg_catalog.text, id_column => %s::pg_catalog.text, version => %s::pg_catalog.text,
        tenant_id => %s::pg_catalog.text{})
)
select pg_catalog.count(*)::integer as rows,
    pg_catalog.string_agg(
        pg_catalog.float8send(coalesce(value, 'NaN'))
            operator(pg_catalog.||) pg_catalog.float8send(coalesce(confidence, 'NaN'))
            operator(pg_catalog.||) pg_catalog.int4send(
                coalesce(pg_catalog.array_position(%s::pg_catalog.text[], prediction), 0)),
        ''::pg_catalog.bytea order by n) as records,
    case when pg_catalog.count(probabilities) operator(pg_catalog.>) 0 then
        pg_catalog.string_agg(
            coalesce(
                pg_catalog.array_send(probabilities),
                pg_catalog.array_send(pg_catalog.array_fill('NaN'::pg_catalog.float8, array[%s::integer]))),
            ''::pg_catalog.bytea order by n)
    end as shares,
    case when %s then pg_catalog.array_agg(prediction order by n) end as texts,
    case when %s then pg_catalog.array_agg(id order by n) end as ids
from answer group by run order by run
""")

_ONE_BY_ONE = sql.SQL("""
select ml.predict(
    %s::pg_catalog.text, r.row, version => %s::pg_catalog.text, tenant_id => %s::pg_catalog.text
) as answer
from pg_catalog.jsonb_array_elements(%s::pg_catalog.jsonb) with ordinality as r (row, n) order by r.n
""")


@dataclass(frozen=True)
class Batch:
    """Predictions of many rows, column by column.

    Attributes
    ----------
    model_id, model_version : str
        What predicted.
    predictions : sequence
        Native values of the label's type.
    probabilities : ndarray of float64, shape (rows, classes), or None
        In the order of `classes`.
    confidence : ndarray of float64, shape (rows,), or None
        The highest probability.
    classes : list of str
        The model's classes; empty where it has none.
    ids : list or None
        Values of the id column, where one was named: text, or values of the type that was asked for.
    index : Index or None
        The caller's index, where a frame was given.
    label_type : str or None
        What the labels are: ``text``, ``integer``, ``boolean`` or ``number``.
    """

    model_id: str
    model_version: str
    predictions: Sequence[Any]
    probabilities: NDArray[np.float64] | None
    confidence: NDArray[np.float64] | None
    classes: list[str]
    ids: list[Any] | None = None
    index: pd.Index[Any] | None = None
    label_type: str | None = None

    @property
    def labels(self) -> list[Any]:
        """The classes as they were in the table."""
        return [native(text, self.label_type) for text in self.classes]

    def as_dicts(self) -> list[Prediction]:
        """Return one `Prediction` for each row."""
        rows = len(self.predictions)
        probabilities: Sequence[Any] = [None] * rows
        confidence: Sequence[Any] = [None] * rows
        if self.confidence is not None:
            # NaN stands for a row without a prediction, as of a group that has no model.
            confidence = [None if np.isnan(share) else share for share in self.confidence.tolist()]
        if self.probabilities is not None:
            answered = np.asarray(np.isfinite(self.probabilities).all(axis=1))
            shares = zip(self.probabilities.tolist(), answered.tolist(), strict=True)
            probabilities = [row if whole else None for row, whole in shares]
        found = [
            Prediction(
                prediction=prediction,
                probabilities=shares,
                confidence=share,
                model_id=self.model_id,
                model_version=self.model_version,
            )
            for prediction, shares, share in zip(self.predictions, probabilities, confidence, strict=True)
        ]
        if self.probabilities is not None:
            labels = self.labels
            for prediction in found:
                prediction.classes = labels
        for prediction, key in zip(found, self.ids or (), strict=False):
            prediction["id"] = key
        return found

    def as_frame(self) -> pd.DataFrame:
        """Return a frame with the caller's index: prediction, confidence and one column for each class."""
        columns: dict[str, Any] = {"prediction": pd.Series(self.predictions)}
        if self.confidence is not None:
            columns["confidence"] = self.confidence
        if self.probabilities is not None:
            for position, label in enumerate(self.classes):
                columns[f"probability_{label}"] = self.probabilities[:, position]
        frame = pd.DataFrame(columns)
        if self.ids is not None:
            frame.index = pd.Index(self.ids, name="id")
        elif self.index is not None:
            frame.index = self.index
        return frame


@dataclass(frozen=True)
class _Optional:
    """Arguments that are left to the server where they are not given: one of version 0.2.0 does not know them."""

    id_type: IdType | None
    chunk_rows: int | None

    def __post_init__(self) -> None:
        if self.id_type is not None and self.id_type not in get_args(IdType):
            raise InvalidArgumentError(
                f"id_type must be one of {', '.join(get_args(IdType))}, got {self.id_type!r}",
                hint="leave it out for text",
            )

    @property
    def arguments(self) -> tuple[sql.Composable, list[int]]:
        """The text of the arguments, and the values that are bound in it."""
        text: list[sql.Composable] = []
        if self.id_type is not None:
            text.append(sql.SQL(f", id_type => null::{qualified(self.id_type)}"))
        if self.chunk_rows is not None:
            text.append(sql.SQL(", chunk_rows => %s::integer"))
        return sql.Composed(text), [] if self.chunk_rows is None else [self.chunk_rows]


@dataclass(frozen=True)
class _Version:
    """The version that answers."""

    model_id: str
    tenant: str | None
    info: dict[str, Any]

    @property
    def number(self) -> str:
        return str(self.info["version"])

    @property
    def classes(self) -> list[str]:
        return list(self.info.get("classes") or [])


def predict_batch(
    settings: Settings,
    model_id: str,
    input_data: Any,
    *,
    tenant_id: str | None = None,
    version: str | None = None,
    id_column: str | None = None,
    id_type: IdType | None = None,
    chunk_rows: int | None = None,
) -> Call[Batch]:
    """Return the call that predicts many rows."""
    tenant = settings.tenant(tenant_id)
    more = _Optional(id_type, chunk_rows)
    frame = None if isinstance(input_data, str) else to_frame(input_data, "input_data")

    def steps() -> Steps[Batch]:
        described = yield from describe(settings, model_id, version, tenant_id)
        found = _Version(model_id, tenant, described.info)
        scalar = found.info["model_type"] != "decomposition"
        if frame is None:
            if not scalar:
                raise UnsupportedOperationError(
                    "a decomposition of a table or SELECT has no column to return",
                    hint="pass the rows as a frame, or select ml.predict(model_id, to_jsonb(t)) from t",
                )
            batch = yield from _packed(found, input_data, id_column, more)
            return batch
        columns = batch_columns(frame, input_data, found.info)
        if described.read_only or not scalar:
            batch = yield from _one_by_one(found, frame)
            return replace(batch, index=frame.index)
        table = yield from upload(columns)
        batch = yield from _packed(found, table.argument, None, replace(more, id_type=None))
        yield from drop(table)
        return replace(batch, index=frame.index)

    return Call(steps, model_id=model_id, transaction=frame is not None, repeat=True)


def _packed(version: _Version, source: str, id_column: str | None, more: _Optional) -> Steps[Batch]:
    """Fetch the predictions as packed records."""
    info, classes = version.info, version.classes
    as_text = info["model_type"] == "anomaly"
    arguments = (version.model_id, source, id_column, version.number, version.tenant)
    shape = (classes, len(classes), as_text, id_column is not None)
    optional, values = more.arguments
    chunks = yield Fetch(_PACKED.format(optional), (RECORD_ROWS, *arguments, *values, *shape), binary=True)
    records: Records = decode(chunks, info["model_type"], info.get("label_type"), classes)
    return Batch(
        version.model_id,
        version.number,
        records.predictions,
        records.probabilities,
        records.confidence,
        classes,
        ids=[key for chunk in chunks for key in chunk["ids"]] if id_column is not None else None,
        label_type=info.get("label_type"),
    )


def _one_by_one(version: _Version, frame: pd.DataFrame) -> Steps[Batch]:
    """Predict row by row inside one statement: for a standby, which has no temporary tables."""
    classes = version.classes
    answers: list[dict[str, Any]] = []
    for start in range(0, len(frame), JSON_ROWS):
        rows = [to_row(row) for row in frame.iloc[start : start + JSON_ROWS].to_dict("records")]
        part = to_json(rows, "input_data")
        found = yield Fetch(_ONE_BY_ONE, (version.model_id, version.number, version.tenant, part))
        answers.extend(row["answer"] for row in found)
    scored = [answer for answer in answers if answer["probabilities"] is not None]
    shares = [[answer["probabilities"][label] for label in classes] for answer in scored]
    return Batch(
        version.model_id,
        version.number,
        [answer["prediction"] for answer in answers],
        np.array(shares) if shares else None,
        np.array([answer["confidence"] for answer in scored]) if scored else None,
        classes,
        label_type=version.info.get("label_type"),
    )
