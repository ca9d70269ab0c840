"""One function per SQL function: decode the arguments, call, encode the result."""

from __future__ import annotations

import json
from collections.abc import Iterator
from math import isfinite
from time import perf_counter
from typing import TYPE_CHECKING, Any

from motadata_ml_server import __version__, database, registry, tenancy
from motadata_ml_server import access as _access
from motadata_ml_server import catalog as _catalog
from motadata_ml_server.boundary import boundary, boundary_rows
from motadata_ml_server.errors import InvalidArgumentError, InvalidInputError, VersionMismatchError
from motadata_ml_server.inference import batch as _batch
from motadata_ml_server.inference import cache, visibility

if TYPE_CHECKING:
    from motadata_ml_server.evaluation.evaluate import Evaluation

Input = str | list[Any]


@boundary
def train(
    model_id: str,
    model_type: str,
    training_data: str,
    target: str | None,
    features: list[str] | None,
    algorithm: str | None,
    hyperparameters: str | None,
    validation_data: str | None,
    test_size: float | None,
    split: str | None,
    cv: int | None,
    search: str | None,
    preprocess: str | None,
    random_state: int | None,
    deploy: bool | None,
    execution: str | None,
    group_by: str | None,
    tenant_id: str | None,
) -> dict[str, Any]:
    """Train a model on a table, a view or a SELECT, and store it as a new version."""
    from motadata_ml_server.training import trainer

    return trainer.train(
        database.current(),
        trainer.Arguments(
            model_id,
            model_type,
            training_data,
            target,
            features,
            algorithm,
            hyperparameters,
            validation_data,
            test_size,
            split,
            cv,
            search,
            preprocess,
            random_state,
            deploy,
            execution,
            group_by,
            tenant_id,
        ),
    )


def _decode(value: Input) -> Any:
    if not isinstance(value, str):
        return value
    text = value.strip()
    try:
        if text.startswith("{") and text[1:2] not in ('"', "}", "") and not text[1:].lstrip().startswith('"'):
            return [None if item.strip().lower() == "null" else float(item) for item in text[1:-1].split(",")]
        decoded = json.loads(text)
        if not isinstance(decoded, (dict, list)):
            raise ValueError
    except (ValueError, RecursionError):
        raise InvalidInputError(
            f"input must be a JSON object or an array of numbers, got {text[:100]!r}",
            hint="Write '{\"feature\": value}', ARRAY[1, 2.5] or to_jsonb(row).",
        ) from None
    return decoded


def _required(name: str, value: str | None) -> str:
    if value is None:
        raise InvalidArgumentError(f"{name} must not be NULL", hint=f"Name it: {name} => '...'.")
    return value


def _json_value(value: Any) -> Any:
    """Return null for a number that JSON has no word for: a model may answer NaN or infinity."""
    if isinstance(value, float):
        return value if isfinite(value) else None
    return [_json_value(item) for item in value] if isinstance(value, list) else value


@boundary
def predict(model_id: str, input: Input | None, version: str | None, tenant_id: str | None) -> str | None:
    """Predict one row: prediction, probabilities, confidence, model and version as jsonb."""
    if input is None:
        return None
    started = perf_counter()
    db = database.current()
    visible = visibility.visible_version(db, _required("model_id", model_id), version, tenant_id)
    entry = cache.entry_of(db, visible)
    predictor = entry.predictor
    try:
        answer = predictor.one(_decode(input))
    except Exception:
        entry.usage.fail()
        raise
    probabilities = answer.probabilities
    told = json.dumps(
        {
            "prediction": _json_value(answer.prediction),
            "probabilities": None
            if probabilities is None
            else dict(zip(predictor.classes or (), map(_json_value, probabilities), strict=True)),
            "confidence": _json_value(answer.confidence),
            "model_id": model_id,
            "model_version": visible.version,
        }
    )
    entry.usage.add(1, started)
    return told


@boundary
def predict_value(model_id: str, input: Input | None, version: str | None, tenant_id: str | None) -> float | None:
    """Predict one row as a number."""
    if input is None:
        return None
    started = perf_counter()
    db = database.current()
    entry = cache.entry_of(db, visibility.visible_version(db, model_id, version, tenant_id))
    try:
        answer = entry.predictor.value(_decode(input))
    except Exception:
        entry.usage.fail()
        raise
    entry.usage.add(1, started)
    return answer


@boundary
def predict_label(model_id: str, input: Input | None, version: str | None, tenant_id: str | None) -> str | None:
    """Predict one row as a class label."""
    if input is None:
        return None
    started = perf_counter()
    db = database.current()
    entry = cache.entry_of(db, visibility.visible_version(db, model_id, version, tenant_id))
    try:
        answer = entry.predictor.label(_decode(input))
    except Exception:
        entry.usage.fail()
        raise
    entry.usage.add(1, started)
    return answer


@boundary
def predict_proba(model_id: str, input: Input | None, version: str | None, tenant_id: str | None) -> list[float] | None:
    """Predict the probability of each class for one row, in the order of the model's classes."""
    if input is None:
        return None
    started = perf_counter()
    db = database.current()
    entry = cache.entry_of(db, visibility.visible_version(db, model_id, version, tenant_id))
    try:
        answer = entry.predictor.proba(_decode(input))
    except Exception:
        entry.usage.fail()
        raise
    entry.usage.add(1, started)
    return answer


@boundary_rows
def predict_chunks(
    model_id: str, input_data: str, id_column: str | None, version: str | None, tenant_id: str | None
) -> Iterator[dict[str, Any]]:
    """Predict every row of a table, a view or a SELECT, in its order."""
    db = database.current()
    visible = visibility.visible_version(db, _required("model_id", model_id), version, tenant_id)
    entry = cache.entry_of(db, visible)
    chunks = _batch.predict_chunks(db, entry.predictor, _required("input_data", input_data), id_column)
    yield from entry.usage.over(chunks, _batch.rows_of)


@boundary
def predict_into(
    model_id: str,
    input_data: str,
    target_table: str,
    id_column: str | None,
    version: str | None,
    tenant_id: str | None,
) -> int:
    """Write the predictions of every row to a new or an existing table, and return how many."""
    from motadata_ml_server.inference import into

    return into.predict_into(
        database.current(),
        _required("model_id", model_id),
        _required("input_data", input_data),
        _required("target_table", target_table),
        id_column,
        version,
        tenant_id,
    )


@boundary
def evaluate(model_id: str, input_data: str, target: str | None, version: str | None, tenant_id: str | None) -> str:
    """Score a model on a table, a view or a SELECT that has its target."""
    return json.dumps(_evaluation(model_id, input_data, target, version, tenant_id).metrics())


@boundary_rows
def confusion_matrix(
    model_id: str, input_data: str, target: str | None, version: str | None, tenant_id: str | None
) -> Iterator[dict[str, Any]]:
    """Count the rows of each pair of actual and predicted label that occurs."""
    found = _evaluation(model_id, input_data, target, version, tenant_id).classification()
    for actual, predicted, count in found.pairs():
        yield {"actual": actual, "predicted": predicted, "count": count}


def _evaluation(
    model_id: str, input_data: str, target: str | None, version: str | None, tenant_id: str | None
) -> Evaluation:
    from motadata_ml_server.evaluation.evaluate import Evaluation

    db = database.current()
    visible = visibility.visible_version(db, _required("model_id", model_id), version, tenant_id)
    return Evaluation(db, visible, _required("input_data", input_data), target)


@boundary_rows
def drift(model_id: str, input_data: str, version: str | None, tenant_id: str | None) -> Iterator[dict[str, Any]]:
    """Compare the rows of a table, a view or a SELECT with those a model was trained on."""
    from motadata_ml_server.evaluation import drift as _drift

    db = database.current()
    visible = visibility.visible_version(db, _required("model_id", model_id), version, tenant_id)
    yield from _drift.rows_of(_drift.drift(db, visible, _required("input_data", input_data)))


@boundary
def to_sql(model_id: str, output: str | None, dialect: str | None, version: str | None, tenant_id: str | None) -> str:
    """Return a linear model, a tree or a small ensemble as a SQL expression over its features."""
    from motadata_ml_server import sql_export

    db = database.current()
    visible = visibility.visible_version(db, _required("model_id", model_id), version, tenant_id)
    return sql_export.expression(db, visible, output, _required("dialect", dialect))


@boundary
def create_sql_function(
    model_id: str, function_name: str, output: str | None, version: str | None, tenant_id: str | None
) -> str:
    """Install a model as a plain SQL function of its features, owned by the caller, and return its signature."""
    from motadata_ml_server import sql_export

    db = database.current()
    visible = visibility.visible_version(db, _required("model_id", model_id), version, tenant_id)
    return sql_export.create_function(db, visible, _required("function_name", function_name), output)


@boundary
def export_onnx(model_id: str, version: str | None, tenant_id: str | None) -> bytes:
    """Return a model as ONNX, from raw columns to predictions."""
    from motadata_ml_server import onnx_export

    db = database.current()
    visible = visibility.visible_version(db, _required("model_id", model_id), version, tenant_id)
    return onnx_export.model_bytes(db, visible)


@boundary_rows
def algorithms() -> Iterator[dict[str, Any]]:
    """List the algorithms that ml.train accepts."""
    yield from _catalog.algorithms()


@boundary_rows
def training_progress() -> Iterator[dict[str, Any]]:
    """List the trainings that run now."""
    from motadata_ml_server.training import progress

    yield from progress.running(database.current())


@boundary_rows
def list_models(tenant_id: str | None) -> Iterator[dict[str, Any]]:
    """List the models of a tenant."""
    db = database.current()
    yield from _catalog.list_models(db, tenancy.resolve(db, tenant_id))


@boundary
def get_model_info(model_id: str, version: str | None, tenant_id: str | None) -> str:
    """Describe a model version: features, classes, metrics, runtime, lineage."""
    db = database.current()
    tenant = tenancy.resolve(db, tenant_id)
    return _catalog.model_info(db, visibility.look_up(db, _required("model_id", model_id), version, tenant))


@boundary
def delete_model(model_id: str, version: str | None, tenant_id: str | None) -> bool:
    """Delete a model with all its versions, or one version that is not deployed."""
    db = database.current()
    tenant = tenancy.resolve(db, tenant_id)
    visible = None if version is None else visibility.look_up(db, model_id, version, tenant)
    if version is None:
        from motadata_ml_server.scheduling import schedules

        schedules.end_job(db, tenant, _required("model_id", model_id))
    return registry.delete(db, tenant, _required("model_id", model_id), visible)


@boundary
def deploy(model_id: str, version: str | None, tenant_id: str | None) -> str:
    """Make a version of a model the one that predicts, and return its number."""
    db = database.current()
    tenant = tenancy.resolve(db, tenant_id)
    visible = visibility.look_up(db, _required("model_id", model_id), _required("version", version), tenant)
    return registry.deploy(db, visible, _role(db))


@boundary
def rollback(model_id: str, tenant_id: str | None) -> str:
    """Deploy again the version that was deployed before the present one."""
    db = database.current()
    return registry.rollback(db, tenancy.resolve(db, tenant_id), _required("model_id", model_id))


def _role(db: database.PlpyDatabase) -> str:
    return str(db.query("select current_user::pg_catalog.text as name")[0]["name"])


@boundary
def grant_usage(role_name: str | None, tenant_id: str | None, admin: bool | None) -> None:
    """Let a role act for a tenant: train, predict and manage its models."""
    _access.grant_usage(
        database.current(), _required("role_name", role_name), _required("tenant_id", tenant_id), bool(admin)
    )


@boundary
def revoke_usage(role_name: str | None, tenant_id: str | None) -> None:
    """Take back what ml.grant_usage gave a role for a tenant."""
    _access.revoke_usage(database.current(), _required("role_name", role_name), _required("tenant_id", tenant_id))


@boundary
def refresh_usage() -> int:
    """Give every role that acts for a tenant the rights of the installed version, and return how many."""
    return _access.refresh_usage(database.current())


@boundary
def current_tenant(tenant_id: str | None) -> str:
    """Return the tenant that a call acts for: the one named, else the session's."""
    return tenancy.resolve(database.current(), tenant_id)


@boundary
def set_option(name: str | None, value: str | None) -> None:
    """Set a server-wide option; a NULL value restores the default. Superusers only."""
    from motadata_ml_server import administration

    administration.set_option(database.current(), _required("name", name), value)


@boundary_rows
def options() -> Iterator[dict[str, Any]]:
    """List the server-wide options."""
    from motadata_ml_server import administration

    yield from administration.list_options(database.current())


@boundary_rows
def doctor() -> Iterator[dict[str, Any]]:
    """Check the installation, each check with its remedy."""
    from motadata_ml_server import administration

    yield from administration.doctor(database.current())


@boundary_rows
def cache_status() -> Iterator[dict[str, Any]]:
    """List the models this session holds in memory, as far as the caller may use them."""
    held = cache.entries()
    rows = database.current().query(
        "select id from ml.model_version where id operator(pg_catalog.=) any ($1)",
        ["bigint[]"],
        [[entry.version.version_id for entry in held]],
    )
    allowed = {row["id"] for row in rows}
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
    from motadata_ml_server.observe import usage

    yield from usage.totals(database.current())


@boundary
def schedule_training(
    model_id: str,
    cron: str | None,
    metric: str | None,
    min_improvement: float | None,
    max_age: str | None,
    max_drift: float | None,
    tenant_id: str | None,
) -> int:
    """Have pg_cron train a model again when it has to, and deploy what is better; returns the number of the job."""
    from motadata_ml_server.scheduling import schedules

    db = database.current()
    tenant = tenancy.resolve(db, tenant_id)
    visible = visibility.look_up(db, _required("model_id", model_id), None, tenant)
    return schedules.schedule_training(
        db, visible, _required("cron", cron), metric, min_improvement, max_age, max_drift
    )


@boundary
def unschedule_training(model_id: str, tenant_id: str | None) -> bool:
    """Take back what ml.schedule_training did; false where there was nothing."""
    from motadata_ml_server.scheduling import schedules

    db = database.current()
    return schedules.unschedule_training(db, tenancy.resolve(db, tenant_id), _required("model_id", model_id))


@boundary
def run_schedule(model_id: str, tenant_id: str | None) -> str:
    """Do what is scheduled for a model now: skipped, deployed, kept or failed; the reason is in ml.schedule_history.

    The job of a model that is deleted removes itself, and says removed.
    """
    from motadata_ml_server.scheduling import runs

    db = database.current()
    return runs.run_schedule(db, tenancy.resolve(db, tenant_id), _required("model_id", model_id))


@boundary
def set_quota(
    tenant_id: str | None,
    max_models: int | None,
    max_bytes: int | None,
    max_training_seconds_per_day: float | None,
) -> None:
    """Limit what a tenant may store and train; NULL is no limit. Superusers only."""
    from motadata_ml_server.observe import quotas

    quotas.set_quota(
        database.current(), _required("tenant_id", tenant_id), max_models, max_bytes, max_training_seconds_per_day
    )


@boundary_rows
def tenant_sizes() -> Iterator[dict[str, Any]]:
    """Return what each tenant holds that the caller may act for."""
    from motadata_ml_server.observe import quotas

    yield from quotas.tenant_sizes(database.current())


@boundary
def cache_clear() -> int:
    """Forget the models this session holds in memory, and return how many there were."""
    return cache.clear()


def __getattr__(name: str) -> Any:
    """Stand in for an entry point of another version: a session keeps the modules it began with."""
    if name.startswith("__"):
        raise AttributeError(name)

    @boundary
    def missing(*_: Any, **__: Any) -> None:
        raise VersionMismatchError(
            f"the server package of this session, {__version__}, has no {name}: the extension is of another version",
            hint="Install the package of the extension's version, and reconnect.",
        )

    return missing
