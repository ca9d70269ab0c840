"""``ml.importance``: what each feature adds to a model's scores, as at training or on rows of today."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from motadata_ml_server.administration import options
from motadata_ml_server.columns import Column
from motadata_ml_server.errors import InsufficientDataError, InvalidArgumentError, UnsupportedOperationError
from motadata_ml_server.features.check import check_table
from motadata_ml_server.features.columns_of import feature_schemas
from motadata_ml_server.features.table import encode_table
from motadata_ml_server.ingest.reader import read_chunks
from motadata_ml_server.ingest.source import resolve
from motadata_ml_server.ingest.wire import decode_table
from motadata_ml_server.inspection.contributions import EXACT
from motadata_ml_server.inspection.explained import explained_model
from motadata_ml_server.models.version import VisibleVersion
from motadata_ml_server.persistence.kinds import ArtifactKind
from motadata_ml_server.postgres.breath import Breath
from motadata_ml_server.postgres.database import Database
from motadata_ml_server.postgres.owner import query_as_owner
from motadata_ml_server.prediction import cache
from motadata_ml_server.prediction.runtimes.permutation import FEWEST_ROWS, METRICS, Importance, importances
from motadata_ml_server.training import column_roles

MAX_ROWS: Final = 10_000
"""Rows of the input that are used, its first."""

MAX_BYTES: Final = 64 << 20
"""Bytes that they may take, encoded."""

EXPLAINED_ROWS: Final = 2_000
"""Rows of these whose answers are taken apart."""

_STORED: Final = """
select model_type, target, runtime operator(pg_catalog.->) 'importance' as importance
from ml.model_version where id operator(pg_catalog.=) $1
"""

_FIND: Final = "Name rows with their target: ml.importance('model', input_data => 'table')."


def importance(
    db: Database, visible: VisibleVersion, input_data: str | None, target: str | None
) -> Iterator[dict[str, Any]]:
    """Yield the rows of ``ml.importance``, the feature that matters most first.

    Parameters
    ----------
    db : Database
        The caller's session; rows are read with its rights.
    visible : VisibleVersion
        The version, as the caller sees it.
    input_data : str or None
        A table, a view or a SELECT with features and target; None takes what was measured at training.
    target : str or None
        Its column to compare with; None takes the name of the training target.

    Raises
    ------
    UnsupportedOperationError
        ML020: the model type has no target, or nothing was measured at training.
    InsufficientDataError
        ML005: too few rows.
    """
    row = query_as_owner(db, _STORED, ["bigint"], [visible.version_id])[0]
    if row["model_type"] not in METRICS:
        raise UnsupportedOperationError(
            f"a {row['model_type']} model has no score that features could add to",
            hint="Ask ml.explain_batch of an anomaly model; the others have classes or values to compare with.",
        )
    sizes: dict[str, float] = {}
    if input_data is not None:
        metric = METRICS[row["model_type"]]
        found, rows, sizes = _fresh(db, visible, row["model_type"], input_data, target or row["target"])
    else:
        if target is not None:
            raise InvalidArgumentError("target must be NULL without input_data", hint=_FIND)
        if row["importance"] is None:
            raise UnsupportedOperationError(
                f"version {visible.version} of model {visible.model_id!r} was stored without importances: turned off, "
                "without rows held out, a model per group, on a stream, or trained before 0.3.0",
                hint=_FIND,
            )
        stored = json.loads(row["importance"])
        metric, rows = str(stored["metric"]), int(stored["rows"])
        found = [Importance(str(one["feature"]), one["importance"], one["std"]) for one in stored["features"]]
    for rank, one in enumerate(found, 1):
        size = sizes.get(one.feature)
        yield {**vars(one), "rank": rank, "metric": metric, "rows": rows, "mean_abs_attribution": size}


def _fresh(
    db: Database, visible: VisibleVersion, model_type: str, input_data: str, target: str
) -> tuple[list[Importance], int, dict[str, float]]:
    predictor = cache.predictor_of(db, visible)
    plan = predictor.plan
    source = resolve(db, input_data, "input_data")
    features = feature_schemas(plan, source)
    goal = column_roles.target(source, target, model_type).schema
    schemas = [*features, goal]
    most = max(FEWEST_ROWS, min(MAX_ROWS, MAX_BYTES // (8 * max(1, plan.width))))
    breathe = Breath(db)
    encoded, truth = [], []
    count = 0
    for chunk in read_chunks(db, source, schemas, min(most, options.integer(db, "chunk_rows"))):
        table = decode_table(schemas, [(chunk.rows, chunk.buffers)])
        numbers = _numbers(table.columns[goal.name], predictor.classes)
        kept = np.flatnonzero(~np.isnan(numbers))[: most - count]
        suited = check_table(plan.columns, table.select([schema.name for schema in features]).take(kept))
        encoded.append(encode_table(plan, suited))
        truth.append(numbers[kept])
        count += len(kept)
        breathe()
        if count >= most:
            break
    if count < FEWEST_ROWS:
        raise InsufficientDataError(
            f"input_data has {count} rows with a target, importances need {FEWEST_ROWS}",
            hint="Check the table, the WHERE clause and the target's NULLs.",
        )
    columns = plan.columns[:-1] if predictor.kind == ArtifactKind.GROUPED else plan.columns
    rows = np.vstack(encoded)
    found = importances(predictor.runtime, model_type, rows, np.concatenate(truth), columns, 0, breathe)
    return found, count, _sizes(db, visible, rows[:EXPLAINED_ROWS], breathe)


def _sizes(db: Database, visible: VisibleVersion, rows: Any, breathe: Breath) -> dict[str, float]:
    """Return the mean size of what each feature adds to the score of the predicted class, where that is exact."""
    try:
        model = explained_model(db, visible)
        if model.sampled:
            return {}
        explained = model.explain(rows, None, False, breathe)
    except UnsupportedOperationError:  # a version of before, or one that gives labels alone
        return {}
    exact = np.array([method == EXACT for method, _ in model.kinds])[explained.kinds]
    if not len(exact) or not exact.all():
        return {}
    return dict(zip(model.names, np.abs(explained.contributions.parts).mean(axis=0).tolist(), strict=True))


def _numbers(column: Column, classes: list[str] | None) -> Any:
    """Return the target as positions of classes, or values; NaN where it is NULL, -1 for a class never learned."""
    if column.schema.kind != "text":
        return column.numbers
    places = {label: float(at) for at, label in enumerate(classes or ())}
    known = np.array([*(places.get(text, -1.0) for text in column.texts.dictionary), np.nan])
    return known[column.texts.codes]
