"""``ml.train`` from its arguments to a stored version."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from motadata_ml_server.administration import versions
from motadata_ml_server.algorithms import choose, hyperparameters
from motadata_ml_server.columns import ColumnSchema
from motadata_ml_server.errors import InvalidArgumentError, ReadOnlyError, out_of_memory
from motadata_ml_server.ingest import lineage
from motadata_ml_server.ingest.reader import read_chunks
from motadata_ml_server.ingest.source import Source, resolve
from motadata_ml_server.models import store
from motadata_ml_server.models.artifacts import StoredArtifact
from motadata_ml_server.postgres.database import PlpyDatabase
from motadata_ml_server.postgres.server_log import TrainingLog
from motadata_ml_server.tenants import quotas, resolution
from motadata_ml_server.tenants.training_budget import TrainingClock
from motadata_ml_server.training import column_roles, streaming
from motadata_ml_server.training.arguments import (
    Execution,
    check_group_by,
    cv_of,
    execution_of,
    json_object,
    model_id_of,
    model_type_of,
    random_state_of,
    target_of,
    test_size_of,
)
from motadata_ml_server.training.progress import ProgressReport
from motadata_ml_server.training.protocol import Layout, MemoryFile, Message
from motadata_ml_server.training.specification import TrainingSpec
from motadata_ml_server.training.supervisor import Worker

WORKER_BASE_MB = 300
"""What a worker needs before it sees a row: interpreter, libraries, thread stacks."""

COPIES = 2
"""How often the rows lie in the worker's own memory at the least: typed and encoded."""


READ_SHARE = 0.05
"""What reading counts for in the progress of a training, before its length is known."""


_JSON_ARGUMENTS = ("hyperparameters", "search", "preprocess", "execution")


@dataclass(frozen=True)
class Arguments:
    """The arguments of ``ml.train`` as PL/Python gives them, in their order."""

    model_id: str
    model_type: str
    training_data: str
    target: str | None
    features: list[str] | None
    algorithm: str | None
    hyperparameters: str | None
    validation_data: str | None
    test_size: float | None
    split: str | None
    cv: int | None
    search: str | None
    preprocess: str | None
    random_state: int | None
    deploy: bool | None
    execution: str | None
    group_by: str | None
    tenant_id: str | None

    def to_json(self) -> dict[str, Any]:
        """Return what another training of the model needs, as plain data."""
        given = vars(self) | {name: json.loads(vars(self)[name] or "null") for name in _JSON_ARGUMENTS}
        return {name: value for name, value in given.items() if name not in ("model_id", "deploy", "tenant_id")}


@dataclass(frozen=True)
class _Job:
    """A checked training, ready to read rows."""

    spec: TrainingSpec
    columns: Sequence[ColumnSchema]
    training: Source
    validation: Source | None
    execution: Execution


def train(db: PlpyDatabase, arguments: Arguments) -> dict[str, Any]:
    """Train a model and store it; returns a row of ``ml.training_result``."""
    started = time.monotonic()
    _require_writable(db)
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
        Worker(db, job.execution.threads, job.execution.max_memory_mb) as worker,
        ProgressReport(db, {**subject, "worker": worker.pid}, clock.tick) as report,
    ):
        result = _run(db, worker, job, report)
        model = result["model"]
        _tell(db, model)
        new = _new_version(db, job, result, worker.artifacts, tenant_id, model_id, role)
        new.fields["training_time"] = time.monotonic() - started
        new.fields["arguments"] = _json(arguments.to_json())
        version = store.store(db, replace(new, deploy=arguments.deploy is not False))
        log.found(version=version, rows=new.fields["training_rows"])
    return {
        "model_id": model_id,
        "status": "completed",
        "metrics": new.fields["metrics"],
        "training_time": time.monotonic() - started,
        "model_version": version,
    }


def _require_writable(db: PlpyDatabase) -> None:
    row = db.query(
        "select pg_catalog.pg_is_in_recovery() as standby, "
        "pg_catalog.current_setting('transaction_read_only')::boolean as read_only"
    )[0]
    if row["standby"]:
        raise ReadOnlyError(
            "a standby server does not train", hint="Connect to the primary to train; predictions work here."
        )
    if row["read_only"]:
        raise ReadOnlyError("training needs a transaction that may write", hint="begin read write;")


def _prepare(db: PlpyDatabase, arguments: Arguments) -> _Job:
    model_type = model_type_of(arguments.model_type)
    target_name = target_of(arguments.target, model_type)
    given = json_object(arguments.hyperparameters, "hyperparameters")
    preprocess = json_object(arguments.preprocess, "preprocess")
    search = None if arguments.search is None else json_object(arguments.search, "search")
    test_size = test_size_of(arguments.test_size)
    cv = cv_of(arguments.cv)
    random_state = random_state_of(arguments.random_state)
    execution = execution_of(db, arguments.execution)
    streams = execution.mode == "stream"
    entry = None
    if not choose.by_rows(arguments.algorithm, given, streams):
        entry = choose.resolve(model_type, arguments.algorithm, given, streams)
    elif search is not None:
        raise InvalidArgumentError(
            "search needs an algorithm whose hyperparameters it varies, got 'auto'",
            hint="Name one, as in algorithm => 'random_forest'.",
        )
    checked = {} if entry is None else hyperparameters.check(entry, given)

    if streams:
        assert entry is not None  # noqa: S101 - by_rows said so
        streaming.check(entry, arguments.validation_data, arguments.split, cv, search)
    if arguments.group_by is not None:
        check_group_by(model_type, execution.mode, cv, search)
    training = resolve(db, arguments.training_data, "training_data")
    validation = None
    if arguments.validation_data is not None:
        validation = resolve(db, arguments.validation_data, "validation_data")
    target = None if target_name is None else column_roles.target(training, target_name, model_type)
    split, helper = _split(training, arguments.split)
    group = None if arguments.group_by is None else column_roles.group(training, arguments.group_by, target, helper)
    weight = column_roles.weight(training, preprocess, entry)
    chooses = None if split is not None and split.startswith("time:") else helper
    taken = (None if target is None else target.schema, chooses, group, weight)
    excluded = [schema.name for schema in taken if schema is not None]
    features = column_roles.features(training, arguments.features, excluded, preprocess)
    columns = [*features, *(schema for schema in (group, weight) if schema is not None)]
    if target is not None:
        columns.append(target.schema)
    if helper is not None and helper.name not in {column.name for column in columns}:
        columns.append(helper)
    if validation is not None:
        for column in columns:
            validation.column(column.name, "column")
    spec = TrainingSpec(
        model_type=model_type,
        algorithm=choose.AUTO if entry is None else entry.name,
        hyperparameters=checked,
        features=features,
        group=group,
        weight=weight,
        target=None if target is None else target.schema,
        label_type=None if target is None else target.label_type,
        test_size=test_size,
        split=split,
        cv=cv,
        search=search,
        preprocess=preprocess,
        random_state=random_state,
        threads=execution.threads,
        max_memory_mb=execution.max_memory_mb,
    )
    return _Job(spec, columns, training, validation, execution)


def _split(source: Source, split: str | None) -> tuple[str | None, ColumnSchema | None]:
    """Return the split with its column's exact name, and that column."""
    if split is None or split in ("stratified", "random", "none"):
        return split, None
    how, _, name = split.partition(":")
    if how not in ("time", "column") or not name:
        raise InvalidArgumentError(
            f"split must be stratified, random, none, time:<column> or column:<column>, got {split!r}",
            hint="time:<column> scores on the last rows, column:<column> on those where a boolean is true.",
        )
    column = source.column(name, "split column")
    wanted = ("boolean",) if how == "column" else ("number", "timestamp")
    if column.kind not in wanted:
        raise InvalidArgumentError(
            f"split column {column.name!r} must be {' or '.join(wanted)}, it is {column.label}",
            hint="Choose another column or cast it in a SELECT.",
        )
    return f"{how}:{column.name}", column.schema


def _run(db: PlpyDatabase, worker: Worker, job: _Job, report: ProgressReport) -> Message:
    order = {"spec": job.spec.to_json(), "columns": [vars(column) for column in job.columns]}
    if job.execution.mode == "stream":
        return streaming.run(db, worker, order, job.training, job.columns, job.execution.chunk_rows, report)
    worker.tell(order)
    layouts: dict[str, Layout | None] = {"train": _read(db, worker, job, job.training, report), "validation": None}
    if job.validation is not None:
        layouts["validation"] = _read(db, worker, job, job.validation, report)
    least = WORKER_BASE_MB + COPIES * worker.rows.size // (1024 * 1024)
    if least > job.execution.max_memory_mb:
        raise out_of_memory(job.execution.max_memory_mb, least)
    worker.tell(layouts)
    return worker.result(report)


def _read(db: PlpyDatabase, worker: Worker, job: _Job, source: Source, report: ProgressReport) -> Layout:
    layout: Layout = []
    rows = 0
    for chunk in read_chunks(db, source, job.columns, job.execution.chunk_rows):
        worker.rows.append_chunk(chunk, layout)
        rows += chunk.rows
        report.tell("read", READ_SHARE, rows)
    return layout


def _tell(db: PlpyDatabase, model: dict[str, Any]) -> None:
    dropped = model["dropped_rows"]
    if dropped:
        db.notice(f"{dropped} rows with a NULL target were left out")
    for notice in model["notices"]:
        db.notice(notice)
    for warning in model["warnings"]:
        db.warning(warning)


def _new_version(
    db: PlpyDatabase,
    job: _Job,
    result: Message,
    file: MemoryFile,
    tenant_id: str,
    model_id: str,
    role: str,
) -> store.NewVersion:
    model = result["model"]
    artifacts = _artifacts(result["artifacts"], file)
    spec = job.spec
    fields = {
        "algorithm": model["algorithm"],
        "hyperparameters": _json(model["hyperparameters"]),
        "features": _json(model["features"]),
        "target": spec.target.name if spec.target else None,
        "target_type": spec.target.sql_type if spec.target else None,
        "label_type": model["label_type"],
        "classes": model["classes"],
        "metrics": _json(model["metrics"]),
        "training_rows": model["rows"],
        "dropped_rows": model["dropped_rows"],
        "training_query": job.training.text,
        "source_tables": lineage.source_tables(db, job.training),
        "data_fingerprint": result["fingerprint"],
        "random_state": spec.random_state,
        "runtime": _json(model["runtime"]),
        "warnings": model["warnings"],
        "library_versions": _json(model["library_versions"]),
    }
    trials = [
        {
            "number": number,
            "hyperparameters": _json(trial.get("hyperparameters", {})),
            "score": trial.get("score"),
            "details": _json({k: v for k, v in trial.items() if k not in ("hyperparameters", "score")}),
        }
        for number, trial in enumerate(model["trials"], 1)
    ]
    return store.NewVersion(tenant_id, model_id, spec.model_type, True, role, fields, artifacts, trials)


def _artifacts(listed: Sequence[Sequence[Any]], file: MemoryFile) -> list[StoredArtifact]:
    artifacts = []
    offset = 0
    for kind, size, digest in listed:
        artifacts.append(StoredArtifact(kind, digest, size, _reader(file, offset)))
        offset += size
    return artifacts


def _reader(file: MemoryFile, base: int) -> Callable[[int, int], bytes]:
    return lambda start, count: file.read(base + start, count)


def _json(value: Any) -> str:
    return json.dumps(_finite(value))


def _finite(value: Any) -> Any:
    """Replace what JSON has no word for (NaN and the infinities) by null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return value
