"""The asynchronous twin: the same calls, awaited."""

from motadata_ml.ml_framework._asynchronous.administration import AsyncAdministrator
from motadata_ml.ml_framework._asynchronous.models import AsyncModelManager
from motadata_ml.ml_framework._asynchronous.system import AsyncMLSystem, create_async_ml_system
from motadata_ml.ml_framework._asynchronous.training import AsyncScheduler

__all__ = ["AsyncAdministrator", "AsyncMLSystem", "AsyncModelManager", "AsyncScheduler", "create_async_ml_system"]
