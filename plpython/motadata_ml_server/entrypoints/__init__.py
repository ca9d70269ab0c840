"""One function per SQL function: decode the arguments, call, encode the result.

The functions stand in one module for each chapter of the SQL reference. Released SQL bodies import them from here, so
every name that was ever here stays.
"""

from __future__ import annotations

from typing import Any

from motadata_ml_server import __version__
from motadata_ml_server.entrypoints.administration import (
    current_tenant,
    doctor,
    grant_usage,
    options,
    refresh_usage,
    revoke_usage,
    set_option,
    set_quota,
    tenant_sizes,
)
from motadata_ml_server.entrypoints.evaluation import confusion_matrix, drift, evaluate
from motadata_ml_server.entrypoints.export import create_sql_function, export_onnx, to_sql
from motadata_ml_server.entrypoints.models import (
    algorithms,
    delete_model,
    deploy,
    get_model_info,
    list_models,
    rollback,
)
from motadata_ml_server.entrypoints.prediction import (
    cache_clear,
    cache_status,
    predict,
    predict_chunks,
    predict_into,
    predict_label,
    predict_proba,
    predict_value,
    stat_models,
)
from motadata_ml_server.entrypoints.scheduling import run_schedule, schedule_training, unschedule_training
from motadata_ml_server.entrypoints.serving import (
    api_keys,
    create_api_key,
    revoke_api_key,
    serve_requests,
    serve_rows,
    warm_models,
)
from motadata_ml_server.entrypoints.training import train, training_progress
from motadata_ml_server.errors import VersionMismatchError
from motadata_ml_server.postgres.boundary import boundary

__all__ = [
    "algorithms",
    "api_keys",
    "cache_clear",
    "cache_status",
    "confusion_matrix",
    "create_api_key",
    "create_sql_function",
    "current_tenant",
    "delete_model",
    "deploy",
    "doctor",
    "drift",
    "evaluate",
    "export_onnx",
    "get_model_info",
    "grant_usage",
    "list_models",
    "options",
    "predict",
    "predict_chunks",
    "predict_into",
    "predict_label",
    "predict_proba",
    "predict_value",
    "refresh_usage",
    "revoke_api_key",
    "revoke_usage",
    "rollback",
    "run_schedule",
    "schedule_training",
    "serve_requests",
    "serve_rows",
    "set_option",
    "set_quota",
    "stat_models",
    "tenant_sizes",
    "to_sql",
    "train",
    "training_progress",
    "unschedule_training",
    "warm_models",
]


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
