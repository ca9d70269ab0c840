"""``predict_interval``, ``predict_set`` and ``predict_batch`` at a level: predictions with how sure they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString

import pandas as pd
from psycopg import sql

from motadata_ml._calls import Call, Fetch, Steps
from motadata_ml._frames import to_frame, to_row
from motadata_ml._frames.row import Row
from motadata_ml._operations.batch_input import batch_columns
from motadata_ml._operations.functions import qualified, select_function, to_json
from motadata_ml._operations.lending import Lent, describe, lend, take_back
from motadata_ml._operations.records import native
from motadata_ml._operations.settings import Settings
from motadata_ml.errors import InvalidArgumentError
from motadata_ml.results import Prediction, Record


def predict_interval(
    settings: Settings, model_id: str, input_data: Any, level: float, version: str | None, tenant_id: str | None
) -> Call[Record | None]:
    """Return the call that predicts one row as a value between bounds."""
    asked = (model_id, to_row(input_data), level, version, settings.tenant(tenant_id))
    step = _one_row("predict_interval", "(answer).value, (answer).lower, (answer).upper, (answer).level", *asked)

    def steps() -> Steps[Record | None]:
        rows = yield step
        return None if rows[0]["value"] is None else Record(rows[0])

    return Call(steps, model_id=model_id, transaction=False, repeat=True)


def predict_set(
    settings: Settings, model_id: str, input_data: Any, level: float, version: str | None, tenant_id: str | None
) -> Call[list[str] | None]:
    """Return the call that predicts one row as a set of labels."""
    asked = (model_id, to_row(input_data), level, version, settings.tenant(tenant_id))
    step = _one_row("predict_set", "answer", *asked)

    def steps() -> Steps[list[str] | None]:
        rows = yield step
        labels: list[str] | None = rows[0]["answer"]
        return labels

    return Call(steps, model_id=model_id, transaction=False, repeat=True)


def _one_row(
    function: LiteralString,
    columns: LiteralString,
    model_id: str,
    row: Row,
    level: float,
    version: str | None,
    tenant: str | None,
) -> Fetch:
    """Return the step that calls a function of one row and a level, once: its columns are taken from its answer."""
    by_name = isinstance(row, Mapping)
    kind: LiteralString = "jsonb" if by_name else "float8[]"
    statement = sql.SQL(
        "select {} from (select ml.{}(%s::pg_catalog.text, %s::{}, %s::pg_catalog.float8, "
        "version => %s::pg_catalog.text, tenant_id => %s::pg_catalog.text) as answer offset 0) as a"
    ).format(sql.SQL(columns), sql.SQL(function), sql.SQL(qualified(kind)))
    return Fetch(statement, (model_id, to_json(row, "input_data") if by_name else row, level, version, tenant))


@dataclass(frozen=True)
class BatchOptions:
    """What ``predict_batch`` takes beside the model, the rows and the level, as the client's method names it."""

    tenant_id: str | None = None
    version: str | None = None
    id_column: str | None = None
    id_type: str | None = None
    chunk_rows: int | None = None


def predict_batch_at_level(
    settings: Settings,
    model_id: str,
    input_data: Any,
    level: float,
    more: BatchOptions,
) -> Call[tuple[list[Prediction], pd.Index[Any] | None]]:
    """Return the call that predicts many rows with bounds or sets of labels, and the index of a frame."""
    if more.id_type is not None:
        raise InvalidArgumentError("id_type does not go with level", hint="leave it out: ids are text then")
    tenant_id, version, id_column = more.tenant_id, more.version, more.id_column
    frame = None if isinstance(input_data, str) else to_frame(input_data, "input_data")

    def steps() -> Steps[tuple[list[Prediction], pd.Index[Any] | None]]:
        described = yield from describe(settings, model_id, version, tenant_id)
        lent = Lent(str(input_data))
        if frame is not None:
            columns = batch_columns(frame, input_data, described.info)
            lent = yield from lend(columns, frame, read_only=described.read_only)
        rows = yield select_function(
            "predict_batch",
            {
                "model_id": model_id,
                "input_data": lent.argument,
                "level": level,
                "id_column": None if frame is not None else id_column,
                "version": described.info["version"],
                "chunk_rows": more.chunk_rows,
                "tenant_id": settings.tenant(tenant_id),
            },
        )
        yield from take_back(lent)
        named = frame is None and id_column is not None
        found = [_prediction(row, described.info, named=named) for row in rows]
        return found, None if frame is None else frame.index

    return Call(steps, model_id=model_id, transaction=frame is not None, repeat=True)


def _prediction(row: Mapping[str, Any], info: Mapping[str, Any], *, named: bool) -> Prediction:
    kind, labels = info.get("label_type"), row["labels"]
    label = None if row["prediction"] is None else native(row["prediction"], kind)
    found = Prediction(
        prediction=row["value"] if info["model_type"] == "regression" else label,
        probabilities=row["probabilities"],
        confidence=row["confidence"],
        model_id=info["model_id"],
        model_version=info["version"],
        lower=row["lower"],
        upper=row["upper"],
        labels=None if labels is None else [native(text, kind) for text in labels],
    )
    if row["probabilities"] is not None:
        found.classes = [native(text, kind) for text in info.get("classes") or ()]
    if named:
        found["id"] = row["id"]
    return found


def as_frame(found: Sequence[Prediction], index: pd.Index[Any] | None) -> pd.DataFrame:
    """Return predictions as a frame: prediction, confidence, lower, upper and labels."""
    columns = {name: [row[name] for row in found] for name in ("prediction", "confidence", "lower", "upper", "labels")}
    if found and "id" in found[0]:
        index = pd.Index([row["id"] for row in found], name="id")
    return pd.DataFrame(columns, index=index)
