"""``src.core.machine_learning.ml_framework`` as documented."""

from motadata_ml.errors import MLError, MLTrainingError, ModelNotFoundError
from motadata_ml.ml_framework import (
    DataProcessor,
    MLSystem,
    ModelManager,
    ModelRegistry,
    Predictor,
    Trainer,
    create_ml_system,
    create_model_manager,
    create_predictor,
    create_trainer,
)

__all__ = [
    "DataProcessor",
    "MLError",
    "MLSystem",
    "MLTrainingError",
    "ModelManager",
    "ModelNotFoundError",
    "ModelRegistry",
    "Predictor",
    "Trainer",
    "create_ml_system",
    "create_model_manager",
    "create_predictor",
    "create_trainer",
]
