"""The asynchronous twin: the same calls, awaited."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, overload

import pandas as pd
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from motadata_ml._operations import evaluation, management, prediction
from motadata_ml._operations.batch import predict_batch
from motadata_ml._operations.check import Checked, check
from motadata_ml._operations.settings import Settings
from motadata_ml._operations.training import train_model
from motadata_ml._progress import ProgressOption, progress_shown
from motadata_ml.ml_framework._system import settings_of
from motadata_ml.ml_framework._trainer import log_result, training_of
from motadata_ml.postgresql_database import AsyncDatabaseConnection, DatabaseConfig
from motadata_ml.results import ModelInfo, ModelList, Prediction, TrainingResult


class AsyncModelManager:
    """List, describe, deploy, score and delete models; see `ModelManager`."""

    def __init__(self, db: AsyncDatabaseConnection, settings: Settings | None = None) -> None:
        self.db = db
        self.settings = settings or Settings()

    async def list_models(self, tenant_id: str | None = None) -> ModelList:
        """List a tenant's models, each with its deployed version."""
        return await self.db.run(management.list_models(self.settings, tenant_id))

    async def versions(self, model_id: str, tenant_id: str | None = None) -> ModelList:
        """List the versions of a model, oldest first."""
        return await self.db.run(management.versions(self.settings, model_id, tenant_id))

    async def get_model_info(
        self, model_id: str, tenant_id: str | None = None, *, version: str | None = None
    ) -> ModelInfo:
        """Describe a version of a model, by default the deployed one."""
        return await self.db.run(management.get_model_info(self.settings, model_id, tenant_id, version))

    async def deploy(self, model_id: str, version: str, tenant_id: str | None = None) -> str:
        """Make a version the one that predicts, and return it."""
        return await self.db.run(management.deploy(self.settings, model_id, version, tenant_id))

    async def rollback(self, model_id: str, tenant_id: str | None = None) -> str:
        """Deploy the version that was deployed before, and return it."""
        return await self.db.run(management.rollback(self.settings, model_id, tenant_id))

    async def delete_model(self, model_id: str, tenant_id: str | None = None, *, version: str | None = None) -> bool:
        """Delete a model with all its versions, or one version that is not deployed."""
        return await self.db.run(management.delete_model(self.settings, model_id, tenant_id, version))

    async def evaluate(
        self,
        model_id: str,
        data: Any,
        *,
        target: str | None = None,
        tenant_id: str | None = None,
        version: str | None = None,
    ) -> dict[str, Any]:
        """Score a model on rows it was not trained on."""
        return await self.db.run(
            evaluation.evaluate(self.settings, model_id, data, target=target, tenant_id=tenant_id, version=version)
        )


class AsyncMLSystem:
    """Train, predict and manage models of one tenant; made by `create_async_ml_system`."""

    def __init__(self, db: AsyncDatabaseConnection, settings: Settings, checked: Checked) -> None:
        self.db = db
        self.settings = settings
        self.extension_version = checked.extension
        self.model_manager = AsyncModelManager(db, settings)

    async def train_model(
        self,
        model_id: str,
        model_type: str,
        training_data: Any,
        validation_data: Any = None,
        hyperparameters: Mapping[str, Any] | None = None,
        tenant_id: str | None = None,
        *,
        progress: ProgressOption = None,
        **more: Any,
    ) -> TrainingResult:
        """Train a model; see `MLSystem.train_model`. Cancelling the task cancels the training."""
        training = training_of(more, model_id, model_type, training_data, validation_data, hyperparameters, tenant_id)
        with progress_shown(progress, model_id) as on_notice:
            result = await self.db.run(train_model(self.settings, training, on_notice))
        log_result(result)
        return result

    async def predict(
        self, model_id: str, input_data: Any, tenant_id: str | None = None, *, version: str | None = None
    ) -> Prediction:
        """Predict one row; see `MLSystem.predict`."""
        return await self.db.run(prediction.predict(self.settings, model_id, input_data, tenant_id, version))

    @overload
    async def predict_batch(
        self,
        model_id: str,
        input_data: Any,
        tenant_id: str | None = ...,
        *,
        as_frame: Literal[False] = ...,
        id_column: str | None = ...,
        version: str | None = ...,
    ) -> list[Prediction]: ...

    @overload
    async def predict_batch(
        self,
        model_id: str,
        input_data: Any,
        tenant_id: str | None = ...,
        *,
        as_frame: Literal[True],
        id_column: str | None = ...,
        version: str | None = ...,
    ) -> pd.DataFrame: ...

    async def predict_batch(
        self,
        model_id: str,
        input_data: Any,
        tenant_id: str | None = None,
        *,
        as_frame: bool = False,
        id_column: str | None = None,
        version: str | None = None,
    ) -> list[Prediction] | pd.DataFrame:
        """Predict many rows; see `MLSystem.predict_batch`."""
        call = predict_batch(
            self.settings, model_id, input_data, tenant_id=tenant_id, version=version, id_column=id_column
        )
        batch = await self.db.run(call)
        return batch.as_frame() if as_frame else batch.as_dicts()


async def create_async_ml_system(
    db: AsyncDatabaseConnection
    | DatabaseConfig
    | AsyncConnection[Any]
    | AsyncConnectionPool[AsyncConnection[Any]]
    | str,
    tenant_id: str | None = None,
    max_memory_mb: int | None = None,
    cache: Any = None,
    enable_gpu: bool = False,
) -> AsyncMLSystem:
    """Create an asynchronous system; see `create_ml_system`."""
    connection = db if isinstance(db, AsyncDatabaseConnection) else AsyncDatabaseConnection(db)
    Settings(tenant_id, max_memory_mb, cache)
    await connection.connect()
    checked = await connection.run(check(tenant_id, gpu=enable_gpu))
    settings = settings_of(checked, tenant_id, max_memory_mb, cache, enable_gpu, stacklevel=3)
    return AsyncMLSystem(connection, settings, checked)
