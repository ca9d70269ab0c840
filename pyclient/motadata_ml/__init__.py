"""Python client of motadata_ml: machine learning inside PostgreSQL."""

from motadata_ml._progress import TrainingProgress
from motadata_ml._version import __version__
from motadata_ml.errors import MLError, MLTrainingError, ModelNotFoundError
from motadata_ml.ml_framework import (
    AsyncMLSystem,
    MLSystem,
    create_async_ml_system,
    create_ml_system,
    create_model_manager,
    create_predictor,
    create_trainer,
)
from motadata_ml.postgresql_database import AsyncDatabaseConnection, DatabaseConfig, DatabaseConnection
from motadata_ml.results import ModelInfo, ModelList, Prediction, ResultTable, TrainingResult

__all__ = [
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
