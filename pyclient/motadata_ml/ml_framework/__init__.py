"""The factory API: create a system, train, predict, manage models."""

from motadata_ml.ml_framework._administrator import Administrator
from motadata_ml.ml_framework._async_administration import AsyncAdministrator
from motadata_ml.ml_framework._async_models import AsyncModelManager
from motadata_ml.ml_framework._async_system import AsyncMLSystem, create_async_ml_system
from motadata_ml.ml_framework._async_training import AsyncScheduler
from motadata_ml.ml_framework._data import DataProcessor
from motadata_ml.ml_framework._factories import (
    create_ml_system,
    create_model_manager,
    create_predictor,
    create_trainer,
)
from motadata_ml.ml_framework._models import ModelManager, ModelRegistry
from motadata_ml.ml_framework._predictor import Predictor
from motadata_ml.ml_framework._scheduler import Scheduler
from motadata_ml.ml_framework._system import MLSystem
from motadata_ml.ml_framework._trainer import Trainer

__all__ = [
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
