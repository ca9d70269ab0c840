"""The asynchronous system: one object with everything on it."""

from __future__ import annotations

from functools import cached_property
from types import TracebackType
from typing import Any, Self

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from motadata_ml._operations.check import Checked, check
from motadata_ml._operations.settings import Settings
from motadata_ml.ml_framework._async_administration import AsyncAdministrator
from motadata_ml.ml_framework._async_models import AsyncModelManager
from motadata_ml.ml_framework._async_prediction import AsyncPredictor
from motadata_ml.ml_framework._async_training import AsyncScheduler, AsyncTrainer
from motadata_ml.ml_framework._forecaster import AsyncForecaster
from motadata_ml.ml_framework._system import settings_of
from motadata_ml.postgresql_database import AsyncDatabaseConnection, DatabaseConfig


class AsyncMLSystem(
    AsyncTrainer, AsyncPredictor, AsyncForecaster, AsyncModelManager, AsyncScheduler, AsyncAdministrator
):
    """Train, predict and manage models of one tenant; made by `create_async_ml_system`.

    Every function of schema ``ml`` is a method of the same name. Cancelling a task cancels what it waits for.
    """

    def __init__(self, db: AsyncDatabaseConnection, settings: Settings, checked: Checked) -> None:
        super().__init__(db, settings)
        self.extension_version = checked.extension

    async def __aenter__(self) -> Self:
        """Return itself; the connection is open."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connection."""
        await self.db.close()

    @property
    def tenant_id(self) -> str | None:
        """The tenant of calls that name none."""
        return self.settings.tenant_id

    @cached_property
    def model_manager(self) -> AsyncModelManager:
        """Lists, describes, deploys, scores, exports and deletes models."""
        return AsyncModelManager(self.db, self.settings)


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
