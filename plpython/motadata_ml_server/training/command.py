"""``ml.train`` from its arguments to a stored version."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from motadata_ml_server.administration import versions
from motadata_ml_server.algorithms import choose, composites, hyperparameters
from motadata_ml_server.algorithms.catalogue import AlgorithmEntry
from motadata_ml_server.columns import ColumnSchema
from motadata_ml_server.errors import InvalidArgumentError, out_of_memory
from motadata_ml_server.ingest import lineage
from motadata_ml_server.ingest.reader import read_chunks
from motadata_ml_server.ingest.source import Source, resolve
from motadata_ml_server.models import deployment, store
from motadata_ml_server.models.version import VersionFields, as_json
from motadata_ml_server.postgres.database import Database
from motadata_ml_server.postgres.identifiers import quote_literal
from motadata_ml_server.postgres.server_log import TrainingLog
from motadata_ml_server.tenants import quotas, resolution
from motadata_ml_server.tenants.training_budget import TrainingClock
from motadata_ml_server.training import column_roles, streaming
from motadata_ml_server.training.arguments import (
    Arguments,
    check_group_by,
    cv_of,
    intervals_of,
    json_object,
    model_id_of,
    model_type_of,
    random_state_of,
    target_of,
    test_size_of,
)
from motadata_ml_server.training.execution import Execution, check_best, execution_of
from motadata_ml_server.training.messages import Layout, Layouts, ModelReport, Order, Result
from motadata_ml_server.training.progress import ProgressReport
from motadata_ml_server.training.results import artifacts_of, trials_of
from motadata_ml_server.training.scoring import check_positive_class
from motadata_ml_server.training.specification import TrainingSpec
from motadata_ml_server.training.supervisor import Worker
from motadata_ml_server.training.turn import turn
from motadata_ml_server.training.writable import require_writable

WORKER_BASE_MB = 300
"""What a worker needs before it sees a row: interpreter, libraries, thread stacks."""

COPIES = 2
"""How often the rows lie in the worker's own memory at the least: typed and encoded."""


READ_SHARE = 0.05
"""What reading counts for in the progress of a training, before its length is known."""


@dataclass(frozen=True)
class _Job:
    """A checked training, ready to read rows."""

    spec: TrainingSpec
    columns: Sequence[ColumnSchema]
    training: Source
    validation: Source | None
    execution: Execution


def train(db: Database, arguments: Arguments) -> dict[str, Any]:
    """Train a model and store it; returns a row of ``ml.training_result``."""
    with turn():
        return _train(db, arguments)


def _train(db: Database, arguments: Arguments) -> dict[str, Any]:
    started = time.monotonic()
    require_writable(db)
    versions.require_same_version(db)
    model_id = model_id_of(arguments.model_id)
    tenant_id = resolution.resolve(db, arguments.tenant_id)
    role = str(db.query("select current_user::pg_catalog.text as name")[0]["name"])
    job = _prepare(db, arguments)
    limits = quotas.check_before_training(db, tenant_id, model_id)
    subject = {
        "tenant_id": tenant_id,
        "model_id": model_id,
        "model_type": job.spec.model_type,
        "algorithm": job.spec.algorithm,
    }
    with (
        TrainingLog(db, tenant=tenant_id, model=model_id, algorithm=job.spec.algorithm, role=role) as log,
        TrainingClock(db, tenant_id, limits.max_training_seconds_per_day if limits else None) as clock,
        Worker(db, job.spec.algorithm, job.execution.threads, job.execution.max_memory_mb) as worker,
        ProgressReport(db, {**subject, "worker": worker.pid}, clock.tick) as report,
    ):
        result = _run(db, worker, job, report)
        if arguments.algorithm is not None and "chosen_because" in result.model.runtime:
            said = job.spec.algorithm
            db.notice(f"{said} chose {result.model.algorithm}: {result.model.runtime['chosen_because']}")
        _tell(db, result.model)
        fields = _fields(db, job, result, arguments, time.monotonic() - started)
        deploys = deployment.is_to_predict(db, tenant_id, model_id, job.spec.model_type, arguments.deploy)
        artifacts, trials = artifacts_of(result.artifacts, worker.artifacts), trials_of(result.model)
        new = store.NewVersion(tenant_id, model_id, job.spec.model_type, deploys, role, fields, artifacts, trials)
        number = store.store(db, new)
        resolution.resolve(db, tenant_id)  # what is revoked by now is not stored: the error undoes it
        if arguments.deploy is None and not deploys:
            db.notice(
                f"version {number} is stored but not deployed: the deployed version is no {job.spec.model_type} model",
                hint=f"To deploy it: select ml.deploy({quote_literal(model_id)}, '{number}'), or train with "
                "deploy => true.",
            )
        log.found(version=number, rows=fields.training_rows)
    return {
        "model_id": model_id,
        "status": "completed",
        "metrics": as_json(fields.metrics),
        "training_time": time.monotonic() - started,
        "model_version": number,
    }


@dataclass(frozen=True)
class _Columns:
    """The columns of a training by what they are for."""

    target: column_roles.Target | None
    split: str | None
    helper: ColumnSchema | None
    group: ColumnSchema | None
    weight: ColumnSchema | None
    features: list[ColumnSchema]

    def all(self) -> list[ColumnSchema]:
        """Return every column that is read, once."""
        columns = [*self.features, *(schema for schema in (self.group, self.weight) if schema is not None)]
        if self.target is not None:
            columns.append(self.target.schema)
        if self.helper is not None and self.helper.name not in {column.name for column in columns}:
            columns.append(self.helper)
        return columns


def _prepare(db: Database, arguments: Arguments) -> _Job:
    """Check all arguments, before a row is read."""
    model_type = model_type_of(arguments.model_type)
    target_name = target_of(arguments.target, model_type)
    positive = check_positive_class(arguments.positive_class, model_type)
    preprocess = json_object(arguments.preprocess, "preprocess")
    search = None if arguments.search is None else json_object(arguments.search, "search")
    test_size = test_size_of(arguments.test_size)
    cv = cv_of(arguments.cv)
    random_state = random_state_of(arguments.random_state)
    execution = execution_of(db, arguments.execution)
    best = choose.is_best(arguments.algorithm)
    check_best(arguments, execution, best)
    entry, checked = (None, {}) if best else _algorithm(arguments, model_type, execution, search)
    intervals = intervals_of(arguments.intervals, model_type, execution.mode)
    if execution.mode == "stream":
        assert entry is not None  # noqa: S101 - by_rows said so
        streaming.check(entry, arguments.validation_data, arguments.split, cv, search)
    if arguments.group_by is not None:
        check_group_by(model_type, execution.mode, cv, search)
    training = resolve(db, arguments.training_data, "training_data")
    validation = None
    if arguments.validation_data is not None:
        validation = resolve(db, arguments.validation_data, "validation_data")
    roles = _columns(training, arguments, model_type, target_name, preprocess, entry)
    columns = roles.all()
    column_roles.refuse_collations(db, training, columns)
    if validation is not None:
        for column in columns:
            validation.column(column.name, "column")
    spec = TrainingSpec(
        model_type=model_type,
        algorithm=entry.name if entry is not None else choose.BEST if best else choose.AUTO,
        hyperparameters=checked,
        features=roles.features,
        group=roles.group,
        weight=roles.weight,
        target=None if roles.target is None else roles.target.schema,
        label_type=None if roles.target is None else roles.target.label_type,
        test_size=test_size,
        split=roles.split,
        cv=cv,
        search=search,
        preprocess=preprocess,
        random_state=random_state,
        threads=execution.threads,
        max_memory_mb=execution.max_memory_mb,
        importance=execution.importance,
        positive_class=positive,
        seconds=execution.seconds,
        trials=execution.trials,
        intervals=intervals,
    )
    return _Job(spec, columns, training, validation, execution)


def _algorithm(
    arguments: Arguments, model_type: str, execution: Execution, search: dict[str, Any] | None
) -> tuple[AlgorithmEntry | None, dict[str, Any]]:
    """Return the algorithm, None where the rows are to decide, and its checked hyperparameters."""
    given = json_object(arguments.hyperparameters, "hyperparameters")
    streams = execution.mode == "stream"
    if not choose.by_rows(arguments.algorithm, given, streams, search is not None):
        entry = choose.resolve(model_type, arguments.algorithm, given, streams)
        if entry.composed:
            composites.check_alone(entry, {"search": search, "group_by": arguments.group_by})
            return entry, composites.check(entry, given)
        return entry, hyperparameters.check(entry, given)
    if search is not None:
        raise InvalidArgumentError(
            "search needs an algorithm whose hyperparameters it varies, got 'auto'",
            hint="Name one, as in algorithm => 'random_forest'.",
        )
    return None, {}


def _columns(
    training: Source,
    arguments: Arguments,
    model_type: str,
    target_name: str | None,
    preprocess: dict[str, Any],
    entry: AlgorithmEntry | None,
) -> _Columns:
    target = None if target_name is None else column_roles.target(training, target_name, model_type)
    split, helper = _split(training, arguments.split)
    group = None if arguments.group_by is None else column_roles.group(training, arguments.group_by, target, helper)
    weight = column_roles.weight(training, preprocess, entry)
    chooses = None if split is not None and split.startswith("time:") else helper
    taken = (None if target is None else target.schema, chooses, group, weight)
    excluded = [schema.name for schema in taken if schema is not None]
    features = column_roles.features(training, arguments.features, excluded, preprocess)
    return _Columns(target, split, helper, group, weight, features)


def _split(source: Source, split: str | None) -> tuple[str | None, ColumnSchema | None]:
    """Return the split with its column's exact name, and that column."""
    if split is None or split in ("stratified", "random", "none"):
        return split, None
    how, _, name = split.partition(":")
    if how not in ("time", "group", "column") or not name:
        raise InvalidArgumentError(
            f"split must be stratified, random, none, time:<column>, group:<column> or column:<column>, got {split!r}",
            hint="time:<column> scores on the last rows, group:<column> on groups that the model has not seen, "
            "column:<column> on rows where a boolean is true.",
        )
    column = source.column(name, "split column")
    if how == "group":
        return f"group:{column.name}", column_roles.split_group(column)
    wanted = ("boolean",) if how == "column" else ("number", "timestamp")
    if column.kind not in wanted:
        raise InvalidArgumentError(
            f"split column {column.name!r} must be {' or '.join(wanted)}, it is {column.label}",
            hint="Choose another column or cast it in a SELECT.",
        )
    return f"{how}:{column.name}", column.schema


def _run(db: Database, worker: Worker, job: _Job, report: ProgressReport) -> Result:
    order = Order(job.spec.to_json(), [vars(column) for column in job.columns])
    if job.execution.mode == "stream":
        return streaming.run(db, worker, order, job.training, job.columns, job.execution.chunk_rows, report)
    worker.tell(order)
    train_layout = _read(db, worker, job, job.training, report)
    validation_layout = None if job.validation is None else _read(db, worker, job, job.validation, report)
    least = WORKER_BASE_MB + COPIES * worker.rows.size // (1024 * 1024)
    if least > job.execution.max_memory_mb:
        raise out_of_memory(job.execution.max_memory_mb, least)
    worker.tell(Layouts(train_layout, validation_layout))
    return worker.result(report)


def _read(db: Database, worker: Worker, job: _Job, source: Source, report: ProgressReport) -> Layout:
    layout: Layout = []
    rows = 0
    for chunk in read_chunks(db, source, job.columns, job.execution.chunk_rows):
        worker.rows.append_chunk(chunk, layout)
        rows += chunk.rows
        report.tell("read", READ_SHARE, rows)
    return layout


def _tell(db: Database, model: ModelReport) -> None:
    if model.dropped_rows:
        db.notice(f"{model.dropped_rows} rows with a NULL target were left out")
    for notice in model.notices:
        db.notice(notice)
    for warning in model.warnings:
        db.warning(warning)


def _fields(db: Database, job: _Job, result: Result, arguments: Arguments, seconds: float) -> VersionFields:
    model, spec = result.model, job.spec
    return VersionFields(
        algorithm=model.algorithm,
        hyperparameters=model.hyperparameters,
        features=model.features,
        target=spec.target.name if spec.target else None,
        target_type=spec.target.sql_type if spec.target else None,
        label_type=model.label_type,
        classes=model.classes,
        metrics=model.metrics,
        training_rows=model.rows,
        dropped_rows=model.dropped_rows,
        training_query=job.training.text,
        source_tables=lineage.source_tables(db, job.training),
        data_fingerprint=result.fingerprint,
        random_state=spec.random_state,
        runtime=model.runtime,
        warnings=model.warnings,
        library_versions=model.library_versions,
        training_time=seconds,
        arguments=arguments.to_json(),
    )
