"""Entry points of prediction."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeVar

from motadata_ml_server.entrypoints.required import required
from motadata_ml_server.models import visibility
from motadata_ml_server.postgres import database
from motadata_ml_server.postgres.boundary import boundary, boundary_rows, boundary_stream
from motadata_ml_server.prediction import batch, cache
from motadata_ml_server.prediction.row_answer import whole_answer
from motadata_ml_server.prediction.row_input import decode

if TYPE_CHECKING:
    from motadata_ml_server.models.version import VisibleVersion
    from motadata_ml_server.prediction.intervals import Intervals
    from motadata_ml_server.prediction.predictor import Predictor

T = TypeVar("T")
Input = str | list[Any]

SIX_ARGUMENTS = "six arguments"
"""Tells the SQL body of version 0.2.0, which hands over the tenant last of six, until the extension is updated."""


def _one_row(name: str, doc: str, ask: Callable[[Predictor, Any, VisibleVersion], T]) -> Callable[..., T | None]:
    """Return the entry point that predicts one row, with what is asked of the predictor.

    An input of NULL is answered by NULL; a model_id of NULL is an error.
    """

    def entry_point(model_id: str, input: Input | None, version: str | None, tenant_id: str | None) -> T | None:
        if input is None:
            return None
        started = perf_counter()
        if model_id is None:
            required("model_id", model_id)
        db = database.current()
        visible = visibility.visible_version(db, model_id, version, tenant_id)
        entry = cache.entry_of(db, visible)
        try:
            answer = ask(entry.predictor, decode(input, exact=entry.predictor.exact_numbers), visible)
        except Exception:
            entry.usage.fail()
            raise
        entry.usage.add(1, started)
        return answer

    entry_point.__name__ = entry_point.__qualname__ = name
    entry_point.__doc__ = doc
    return boundary(entry_point)


predict = _one_row(
    "predict",
    "Predict one row: prediction, probabilities, confidence, model and version as jsonb.",
    whole_answer,
)
predict_value = _one_row(
    "predict_value", "Predict one row as a number.", lambda predictor, row, _: predictor.value(row)
)
predict_label = _one_row(
    "predict_label", "Predict one row as a class label.", lambda predictor, row, _: predictor.label(row)
)
predict_proba = _one_row(
    "predict_proba",
    "Predict the probability of each class for one row, in the order of the model's classes.",
    lambda predictor, row, _: predictor.proba(row),
)


def _one_row_at_level(
    name: str, doc: str, ask: Callable[[Intervals, Any, float], T | None], *, sets: bool
) -> Callable[..., T | None]:
    """Return the entry point that says of one row how sure its prediction is; for the rest as `_one_row`."""

    def entry_point(
        model_id: str, input: Input | None, level: float | None, version: str | None, tenant_id: str | None
    ) -> T | None:
        if input is None:
            return None
        started = perf_counter()
        if model_id is None:
            required("model_id", model_id)
        db = database.current()
        entry = cache.entry_of(db, visibility.visible_version(db, model_id, version, tenant_id))
        try:
            intervals = entry.intervals or cache.intervals_of(db, entry)
            if intervals.sets is not sets:
                intervals.refuse()
            checked = intervals.check(level)
            answer = ask(intervals, decode(input, exact=entry.predictor.exact_numbers), checked)
        except Exception:
            entry.usage.fail()
            raise
        entry.usage.add(1, started)
        return answer

    entry_point.__name__ = entry_point.__qualname__ = name
    entry_point.__doc__ = doc
    return boundary(entry_point)


predict_interval = _one_row_at_level(
    "predict_interval",
    "Predict one row as a number, with bounds that hold the true value as often as the level says.",
    lambda intervals, row, level: intervals.interval(row, level),
    sets=False,
)
predict_set = _one_row_at_level(
    "predict_set",
    "Predict one row as a set of labels that holds the true one as often as the level says, the most probable first.",
    lambda intervals, row, level: intervals.labels(row, level),
    sets=True,
)


@boundary_stream
def predict_chunks(
    model_id: str,
    input_data: str,
    id_column: str | None,
    version: str | None,
    tenant_id: str | None,
    chunk_rows: int | None = None,
    exact_ids: bool = False,
    level: float | None = None,
) -> Iterator[dict[str, Any]]:
    """Predict every row of a table, a view or a SELECT, in its order."""
    db = database.current()
    visible = visibility.visible_version(db, required("model_id", model_id), version, tenant_id)
    entry = cache.entry_of(db, visible)
    sure = None
    if level is not None:
        intervals = cache.intervals_of(db, entry)
        sure = batch.AtLevel(intervals, intervals.check(level))
    chunks = batch.predict_chunks(
        db, entry.predictor, required("input_data", input_data), id_column, chunk_rows, exact_ids=exact_ids, sure=sure
    )
    check = visibility.right_to(db, visible)
    for number, chunk in enumerate(entry.usage.over(chunks, batch.rows_of)):
        if number:  # a cursor may be read on long after it was opened
            check()
        yield chunk


@boundary
def predict_into(
    model_id: str,
    input_data: str,
    target_table: str,
    id_column: str | None,
    version: str | None,
    keep: list[str | None] | str | None = None,
    mode: str | None = SIX_ARGUMENTS,
    level: float | None = None,
    tenant_id: str | None = None,
) -> int:
    """Write the predictions of every row to a new or an existing table, and return how many."""
    if mode == SIX_ARGUMENTS:
        keep, mode, tenant_id = None, None, None if keep is None else str(keep)
    from motadata_ml_server.prediction import predict_into as _predict_into

    return _predict_into.predict_into(
        database.current(),
        required("model_id", model_id),
        required("input_data", input_data),
        required("target_table", target_table),
        id_column,
        version,
        tenant_id,
        [keep] if isinstance(keep, str) else keep,
        mode,
        level,
    )


@boundary_rows
def cache_status() -> Iterator[dict[str, Any]]:
    """List the models this session holds in memory, as far as the caller may use them."""
    held = cache.entries()
    allowed = visibility.allowed(database.current(), [entry.version.version_id for entry in held])
    for entry in held:
        if entry.version.version_id not in allowed:
            continue
        yield {
            "version_id": entry.version.version_id,
            "model_id": entry.version.model_id,
            "version": entry.version.version,
            "runtime": entry.predictor.kind,
            "bytes": entry.predictor.nbytes,
            "hits": entry.hits,
        }


@boundary_rows
def stat_models() -> Iterator[dict[str, Any]]:
    """Return what was predicted with each model version since the server started."""
    from motadata_ml_server.prediction import usage

    yield from usage.totals(database.current())


@boundary
def cache_clear() -> int:
    """Forget the models this session holds in memory, and return how many there were."""
    return cache.clear()
