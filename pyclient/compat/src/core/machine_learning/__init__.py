"""``src.core.machine_learning`` as documented."""

from motadata_ml.errors import MLError, MLTrainingError, ModelNotFoundError
from motadata_ml.ml_framework import (
    MLSystem,
    create_ml_system,
    create_model_manager,
    create_predictor,
    create_trainer,
)

__all__ = [
    "MLError",
    "MLSystem",
    "MLTrainingError",
    "ModelNotFoundError",
    "create_ml_system",
    "create_model_manager",
    "create_predictor",
    "create_trainer",
]
