"""``ml.import_model`` from its arguments to a stored version: the bytes are read by a supervised worker alone."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from motadata_ml_server.administration import options, versions
from motadata_ml_server.errors import InvalidArgumentError
from motadata_ml_server.models import deployment, store
from motadata_ml_server.models.version import VersionFields, as_json
from motadata_ml_server.postgres.database import Database
from motadata_ml_server.postgres.server_log import TrainingLog
from motadata_ml_server.tenants import quotas, resolution
from motadata_ml_server.tenants.training_budget import TrainingClock
from motadata_ml_server.training.arguments import MAX_JSON_CHARACTERS, SUPERVISED, model_id_of
from motadata_ml_server.training.messages import Import, Result
from motadata_ml_server.training.progress import ProgressReport
from motadata_ml_server.training.results import artifacts_of
from motadata_ml_server.training.supervisor import Worker
from motadata_ml_server.training.turn import turn
from motadata_ml_server.training.writable import require_writable

FORMATS: Final = ("onnx", "skops")
MAX_BYTES: Final = 256 << 20
"""Of a model from outside: what a worker makes of it takes some times as much memory."""

MAX_ROWS: Final = 1_000
"""Of the sample."""

MAX_NAMES: Final = 10_000
"""Features, and classes."""

PIECE: Final = 8 << 20
"""Bytes handed over at once."""


@dataclass(frozen=True)
class ImportArguments:
    """The arguments of ``ml.import_model``, in their order."""

    model_id: str
    data: bytes | None
    format: str | None
    model_type: str | None
    features: Sequence[str] | None
    classes: Sequence[str] | None
    sample: str | None
    predictions: str | None
    target: str | None
    deploy: bool | None
    tenant_id: str | None


def import_model(db: Database, arguments: ImportArguments) -> dict[str, Any]:
    """Store a model from outside as a new version; returns a row of ``ml.training_result``.

    Raises
    ------
    InvalidArgumentError
        ML009: an argument that does not suit.
    ArtifactError
        ML018: the bytes hold what is not taken, or answer otherwise than the sample says.
    """
    with turn():
        return _import(db, arguments)


def _import(db: Database, arguments: ImportArguments) -> dict[str, Any]:
    started = time.monotonic()
    require_writable(db)
    versions.require_same_version(db)
    model_id = model_id_of(arguments.model_id)
    tenant_id = resolution.resolve(db, arguments.tenant_id)
    role = str(db.query("select current_user::pg_catalog.text as name")[0]["name"])
    order, data = _checked(arguments)
    limits = quotas.check_before_training(db, tenant_id, model_id)
    threads, memory = 1, options.integer(db, "max_memory_mb")
    subject = {
        "tenant_id": tenant_id,
        "model_id": model_id,
        "model_type": order.model_type,
        "algorithm": f"import of {order.format}",
    }
    with (
        TrainingLog(db, tenant=tenant_id, model=model_id, algorithm=subject["algorithm"], role=role) as log,
        TrainingClock(db, tenant_id, limits.max_training_seconds_per_day if limits else None) as clock,
        Worker(db, "auto", threads, memory) as worker,
        ProgressReport(db, {**subject, "worker": worker.pid}, clock.tick) as report,
    ):
        for at in range(0, len(data), PIECE):
            worker.rows.append(data[at : at + PIECE])
        worker.tell(order)
        result = worker.result(report)
        for warning in result.model.warnings:
            db.warning(warning)
        fields = _fields(arguments, result, time.monotonic() - started)
        deploys = deployment.is_to_predict(db, tenant_id, model_id, order.model_type, arguments.deploy)
        artifacts = artifacts_of(result.artifacts, worker.artifacts)
        new = store.NewVersion(tenant_id, model_id, order.model_type, deploys, role, fields, artifacts, [])
        number = store.store(db, new)
        resolution.resolve(db, tenant_id)  # what is revoked by now is not stored: the error undoes it
        log.found(version=number, rows=0)
    return {
        "model_id": model_id,
        "status": "completed",
        "metrics": as_json(fields.metrics),
        "training_time": time.monotonic() - started,
        "model_version": number,
    }


def _checked(arguments: ImportArguments) -> tuple[Import, bytes]:
    data = arguments.data
    if not data or len(data) > MAX_BYTES:
        raise InvalidArgumentError(
            f"data must have 1 to {MAX_BYTES} bytes, got {len(data or b'')}", hint="Pass the bytes of one file."
        )
    if arguments.format not in FORMATS:
        raise InvalidArgumentError(
            f"format must be 'onnx' or 'skops', got {arguments.format!r}"[:300],
            hint="skops.io.dumps writes a scikit-learn pipeline; skl2onnx and onnxmltools write ONNX.",
        )
    if arguments.model_type not in SUPERVISED:
        raise InvalidArgumentError(
            f"model_type must be classification or regression, got {arguments.model_type!r}"[:300],
            hint="Models without a target are trained here.",
        )
    rows, answers = _list(arguments.sample, "sample"), _list(arguments.predictions, "predictions")
    if not 1 <= len(rows) <= MAX_ROWS or not all(isinstance(row, dict) for row in rows):
        raise InvalidArgumentError(
            f"sample must be an array of 1 to {MAX_ROWS} rows, each an object of feature names and values",
            hint="sample => (select jsonb_agg(to_jsonb(t)) from (select ... limit 100) t).",
        )
    if len(answers) != len(rows):
        raise InvalidArgumentError(
            f"predictions must be one for each row of the sample, got {len(answers)} for {len(rows)} rows",
            hint="A value, a label, or a list of probabilities: what the model gave where it comes from.",
        )
    order = Import(
        arguments.format,
        arguments.model_type,
        _names(arguments.features, "features"),
        _names(arguments.classes, "classes"),
        rows,
        answers,
    )
    return order, bytes(data)


def _names(given: Sequence[str] | None, argument: str) -> list[str] | None:
    if given is None:
        return None
    if (
        len(given) > MAX_NAMES
        or len(set(given)) != len(given)
        or not all(isinstance(one, str) and one for one in given)
    ):
        raise InvalidArgumentError(
            f"{argument} must be at most {MAX_NAMES} different names, got {len(given)}", hint="Name each of them once."
        )
    return list(given)


def _list(value: str | None, argument: str) -> list[Any]:
    if value is None or len(value) > 4 * MAX_JSON_CHARACTERS:
        raise InvalidArgumentError(
            f"{argument} must be a JSON array of at most {4 * MAX_JSON_CHARACTERS} characters, got "
            f"{'NULL' if value is None else len(value)}",
            hint="A model is taken only where its answers on a sample are those that it gave where it comes from.",
        )
    try:
        parsed = json.loads(value)
    except (ValueError, RecursionError):
        parsed = None
    if not isinstance(parsed, list):
        raise InvalidArgumentError(f"{argument} must be a JSON array, got {value}"[:300], hint="Write [..., ...].")
    return parsed


def _fields(arguments: ImportArguments, result: Result, seconds: float) -> VersionFields:
    model = result.model
    return VersionFields(
        algorithm=model.algorithm,
        hyperparameters=model.hyperparameters,
        features=model.features,
        target=arguments.target,
        target_type=None,
        label_type=model.label_type,
        classes=model.classes,
        metrics=model.metrics,
        training_rows=0,
        dropped_rows=0,
        training_query="",
        source_tables=[],
        data_fingerprint=result.fingerprint,
        random_state=None,
        runtime=model.runtime,
        warnings=model.warnings,
        library_versions=model.library_versions,
        training_time=seconds,
        arguments=None,
    )
