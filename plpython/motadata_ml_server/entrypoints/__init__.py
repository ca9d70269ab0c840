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
    tenant_role_rows,
    tenant_sizes,
)
from motadata_ml_server.entrypoints.evaluation import (
    calibration_curve,
    compare,
    confusion_matrix,
    drift,
    evaluate,
    lift_curve,
    precision_recall_curve,
    roc_curve,
    thresholds,
)
from motadata_ml_server.entrypoints.experiments import (
    delete_run,
    end_run,
    experiment_metrics,
    experiment_runs,
    log_metrics,
    log_params,
    start_run,
)
from motadata_ml_server.entrypoints.export import create_sql_function, export_onnx, to_sql
from motadata_ml_server.entrypoints.forecasting import (
    backtest_chunks,
    decompose_chunks,
    forecast_chunks,
    series_anomaly_chunks,
)
from motadata_ml_server.entrypoints.inspection import (
    cluster_profile,
    coefficients,
    counterfactual,
    explain_chunks,
    explain_row,
    importance,
    partial_dependence,
)
from motadata_ml_server.entrypoints.models import (
    algorithms,
    delete_model,
    deploy,
    deployment_rows,
    get_model_info,
    grant_model,
    list_models,
    model_rows,
    model_version_rows,
    revoke_model,
    rollback,
    trial_rows,
)
from motadata_ml_server.entrypoints.prediction import (
    cache_clear,
    cache_status,
    predict,
    predict_chunks,
    predict_interval,
    predict_into,
    predict_label,
    predict_proba,
    predict_set,
    predict_value,
    stat_models,
)
from motadata_ml_server.entrypoints.scheduling import (
    run_schedule,
    schedule_rows,
    schedule_run_rows,
    schedule_training,
    unschedule_training,
)
from motadata_ml_server.entrypoints.serving import (
    api_keys,
    create_api_key,
    revoke_api_key,
    serve_requests,
    serve_rows,
    warm_models,
)
from motadata_ml_server.entrypoints.training import import_model, train, training_progress
from motadata_ml_server.errors import VersionMismatchError
from motadata_ml_server.postgres.boundary import boundary, raise_failure

__all__ = [
    "algorithms",
    "api_keys",
    "backtest_chunks",
    "cache_clear",
    "cache_status",
    "calibration_curve",
    "cluster_profile",
    "coefficients",
    "compare",
    "confusion_matrix",
    "counterfactual",
    "create_api_key",
    "create_sql_function",
    "current_tenant",
    "decompose_chunks",
    "delete_model",
    "delete_run",
    "deploy",
    "deployment_rows",
    "doctor",
    "drift",
    "end_run",
    "evaluate",
    "experiment_metrics",
    "experiment_runs",
    "explain_chunks",
    "explain_row",
    "export_onnx",
    "forecast_chunks",
    "get_model_info",
    "grant_model",
    "grant_usage",
    "import_model",
    "importance",
    "lift_curve",
    "list_models",
    "log_metrics",
    "log_params",
    "model_rows",
    "model_version_rows",
    "options",
    "partial_dependence",
    "precision_recall_curve",
    "predict",
    "predict_chunks",
    "predict_interval",
    "predict_into",
    "predict_label",
    "predict_proba",
    "predict_set",
    "predict_value",
    "raise_failure",
    "refresh_usage",
    "revoke_api_key",
    "revoke_model",
    "revoke_usage",
    "roc_curve",
    "rollback",
    "run_schedule",
    "schedule_rows",
    "schedule_run_rows",
    "schedule_training",
    "series_anomaly_chunks",
    "serve_requests",
    "serve_rows",
    "set_option",
    "set_quota",
    "start_run",
    "stat_models",
    "tenant_role_rows",
    "tenant_sizes",
    "thresholds",
    "to_sql",
    "train",
    "training_progress",
    "trial_rows",
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
