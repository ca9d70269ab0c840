"""The public names, pinned: a change here is a change for users."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import motadata_ml
from motadata_ml import estimator, ml_framework, mlops, model_serving, postgresql_database
from motadata_ml_server import __version__ as server_version


def test_package_exports_exactly_these_names() -> None:
    assert motadata_ml.__all__ == [
        "AsyncDatabaseConnection",
        "AsyncMLSystem",
        "DatabaseConfig",
        "DatabaseConnection",
        "MLError",
        "MLSystem",
        "MLTrainingError",
        "ModelInfo",
        "ModelList",
        "ModelNotFoundError",
        "Prediction",
        "ResultTable",
        "TrainingProgress",
        "TrainingResult",
        "__version__",
        "create_async_ml_system",
        "create_ml_system",
        "create_model_manager",
        "create_predictor",
        "create_trainer",
    ]
    assert all(hasattr(motadata_ml, name) for name in motadata_ml.__all__)


def test_framework_exports_exactly_these_names() -> None:
    assert ml_framework.__all__ == [
        "Administrator",
        "AsyncAdministrator",
        "AsyncMLSystem",
        "AsyncModelManager",
        "AsyncScheduler",
        "DataProcessor",
        "MLSystem",
        "ModelManager",
        "ModelRegistry",
        "Predictor",
        "Scheduler",
        "Trainer",
        "create_async_ml_system",
        "create_ml_system",
        "create_model_manager",
        "create_predictor",
        "create_trainer",
    ]


def test_database_module_exports_exactly_these_names() -> None:
    assert postgresql_database.__all__ == [
        "AsyncDatabaseConnection",
        "DatabaseConfig",
        "DatabaseConnection",
        "last_connection",
    ]


def test_serving_and_mlops_export_exactly_these_names() -> None:
    assert model_serving.__all__ == [
        "ModelServer",
        "ServingOptions",
        "create_api_key",
        "create_model_server",
        "list_api_keys",
        "revoke_api_key",
    ]
    assert mlops.__all__ == ["ExperimentTracker", "Run", "create_experiment_tracker"]
    assert estimator.__all__ == ["PgEstimator"]


def test_package_is_typed() -> None:
    assert (Path(motadata_ml.__file__).parent / "py.typed").exists()


@pytest.mark.parametrize("optional", ["fastapi", "uvicorn", "sklearn", "pyarrow", "polars"])
def test_client_needs_no_optional_package(optional: str) -> None:
    program = f"import sys; sys.modules[{optional!r}] = None; import motadata_ml, motadata_ml.mlops"
    subprocess.run([sys.executable, "-c", program], check=True, env={"PYTHONPATH": ":".join(sys.path)})


def test_documented_signatures_are_kept() -> None:
    assert list(inspect.signature(ml_framework.create_ml_system).parameters) == [
        "db",
        "tenant_id",
        "max_memory_mb",
        "cache",
        "enable_gpu",
    ]
    assert list(inspect.signature(ml_framework.MLSystem.train_model).parameters)[1:7] == [
        "model_id",
        "model_type",
        "training_data",
        "validation_data",
        "hyperparameters",
        "tenant_id",
    ]
    assert list(inspect.signature(ml_framework.MLSystem.predict).parameters)[1:4] == [
        "model_id",
        "input_data",
        "tenant_id",
    ]


PARTS = (
    (ml_framework.MLSystem, ml_framework.AsyncMLSystem),
    (ml_framework.ModelManager, ml_framework.AsyncModelManager),
)


@pytest.mark.parametrize(("blocking", "awaited"), PARTS)
def test_asynchronous_twin_takes_the_same_arguments(blocking: type, awaited: type) -> None:
    for name, method in inspect.getmembers(blocking, inspect.isfunction):
        if not name.startswith("_"):
            twin = inspect.signature(getattr(awaited, name))
            assert list(inspect.signature(method).parameters.items()) == list(twin.parameters.items())
            assert inspect.signature(method).return_annotation == twin.return_annotation


def test_client_and_server_package_have_one_version() -> None:
    assert motadata_ml.__version__ == server_version
