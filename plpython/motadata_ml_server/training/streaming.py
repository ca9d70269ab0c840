"""A training whose rows never lie in memory at once: the backend's side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from motadata_ml_server.algorithms import catalogue
from motadata_ml_server.algorithms.catalogue import AlgorithmEntry
from motadata_ml_server.columns import ColumnSchema
from motadata_ml_server.errors import InvalidArgumentError, UnsupportedOperationError
from motadata_ml_server.ingest.reader import read_chunks
from motadata_ml_server.ingest.source import Source, expression
from motadata_ml_server.postgres.database import Database
from motadata_ml_server.postgres.identifiers import quote_identifier
from motadata_ml_server.training.messages import Layout, NextChunk, Order, Result, Taken
from motadata_ml_server.training.progress import ProgressReport
from motadata_ml_server.training.supervisor import Worker
from motadata_ml_server.values.text_forms import text_form

MAX_CLASSES = 10_000


def check(entry: AlgorithmEntry, validation_data: str | None, split: str | None, cv: int | None, search: Any) -> None:
    """Refuse what a single pass over the rows cannot do, before one is read.

    Raises
    ------
    UnsupportedOperationError
        ML020: the algorithm cannot learn chunk by chunk.
    InvalidArgumentError
        ML009: an argument that needs all rows at once.
    """
    if not entry.streams:
        able = sorted(
            other.name for other in catalogue.load().values() if other.streams and other.model_type == entry.model_type
        )
        raise UnsupportedOperationError(
            f"algorithm {entry.name} cannot learn chunk by chunk",
            hint=f"With execution.mode 'stream' choose one of: {', '.join(able) or 'none for this model type'}.",
        )
    given = {"validation_data": validation_data, "cv": cv, "search": search}
    wrong = [name for name, value in given.items() if value is not None]
    if split not in (None, "random", "none"):
        wrong.append("split")
    if wrong:
        raise InvalidArgumentError(
            f"{wrong[0]} needs all rows at once, which execution.mode 'stream' does not keep",
            hint="Leave it out: a random test_size of every chunk is held out.",
        )


def run(
    db: Database,
    worker: Worker,
    order: Order,
    source: Source,
    columns: Sequence[ColumnSchema],
    chunk_rows: int,
    report: ProgressReport,
) -> Result:
    """Feed a worker chunk by chunk; the next one is read while it learns from the last."""
    worker.tell(replace(order, stream=True, classes=_classes(db, source, order.spec)))
    rows = 0
    layout: Layout = []
    for chunk in read_chunks(db, source, columns, chunk_rows):
        worker.rows.append_chunk(chunk, layout)
        if sum(count for count, _ in layout) >= chunk_rows:
            rows += _hand_over(worker, layout, report)
            report.tell("stream", 0.0, rows)
            layout = []
    if layout:
        _hand_over(worker, layout, report)
    worker.tell(NextChunk(None))
    return worker.result(report)


def _hand_over(worker: Worker, layout: Layout, report: ProgressReport) -> int:
    worker.tell(NextChunk(layout))
    worker.expect(Taken, report)
    worker.rows.clear()
    return sum(count for count, _ in layout)


def _classes(db: Database, source: Source, spec: dict[str, Any]) -> list[str] | None:
    """Return the labels of a classifier, which has to know them before the first chunk."""
    if spec["model_type"] != "classification":
        return None
    schema = ColumnSchema(**spec["target"])
    quoted = "input." + quote_identifier(schema.name)
    text = expression(source.column(schema.name, "target"), schema, quoted)
    rows = db.query(
        f"select distinct {text} as label from (\n{source.query}\n) as input "  # noqa: S608 - quoted, checked
        f"where {quoted} is not null limit {MAX_CLASSES + 1}"
    )
    form = text_form(schema.sql_type, label=True)
    return sorted({form(str(row["label"])) for row in rows})
