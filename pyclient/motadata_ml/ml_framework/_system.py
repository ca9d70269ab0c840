"""The system: one object with everything on it."""

from __future__ import annotations

import logging
import warnings
from functools import cached_property
from types import TracebackType
from typing import Any, Self

from motadata_ml._operations.check import Checked, check
from motadata_ml._operations.settings import Settings
from motadata_ml._printable import printable
from motadata_ml.ml_framework._administrator import Administrator
from motadata_ml.ml_framework._data import DataProcessor
from motadata_ml.ml_framework._forecaster import Forecaster
from motadata_ml.ml_framework._models import ModelManager, ModelRegistry
from motadata_ml.ml_framework._predictor import Predictor
from motadata_ml.ml_framework._scheduler import Scheduler
from motadata_ml.ml_framework._trainer import Trainer
from motadata_ml.postgresql_database import DatabaseConnection

_log = logging.getLogger("motadata_ml")


class MLSystem(Trainer, Predictor, Forecaster, ModelManager, Scheduler, Administrator):
    """Train, predict and manage models of one tenant; made by `create_ml_system`.

    Every function of schema ``ml`` is a method of the same name.

    Attributes
    ----------
    trainer, predictor, forecaster, model_manager, model_registry, data_processor, scheduler, administrator
        The parts, each usable by itself.
    extension_version : str
        Version of the extension in the database.
    """

    def __init__(self, db: DatabaseConnection, settings: Settings, checked: Checked) -> None:
        super().__init__(db, settings)
        self.extension_version = checked.extension

    def __repr__(self) -> str:
        return f"<MLSystem of tenant {self.tenant_id!r} on {self.db!r}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.db.close()

    @property
    def tenant_id(self) -> str | None:
        """The tenant of calls that name none."""
        return self.settings.tenant_id

    @cached_property
    def trainer(self) -> Trainer:
        """Trains models."""
        return Trainer(self.db, self.settings)

    @cached_property
    def predictor(self) -> Predictor:
        """Predicts."""
        return Predictor(self.db, self.settings)

    @cached_property
    def forecaster(self) -> Forecaster:
        """Forecasts series."""
        return Forecaster(self.db, self.settings)

    @cached_property
    def model_manager(self) -> ModelManager:
        """Lists, describes, deploys, scores, exports and deletes models."""
        return ModelManager(self.db, self.settings)

    @cached_property
    def model_registry(self) -> ModelRegistry:
        """Knows versions and which one is deployed."""
        return ModelRegistry(self.db, self.settings)

    @cached_property
    def data_processor(self) -> DataProcessor:
        """Looks at in-memory data as the database will see it."""
        return DataProcessor(self.db, self.settings)

    @cached_property
    def scheduler(self) -> Scheduler:
        """Schedules trainings."""
        return Scheduler(self.db, self.settings)

    @cached_property
    def administrator(self) -> Administrator:
        """Grants rights, limits tenants, sets options."""
        return Administrator(self.db, self.settings)


def settings_of(
    checked: Checked,
    tenant_id: str | None,
    max_memory_mb: int | None,
    cache: Any,
    enable_gpu: bool,
    stacklevel: int,
) -> Settings:
    """Return the settings of a system; warn where the GPU asked for is not there."""
    if enable_gpu and not checked.gpu:
        warnings.warn(
            f"enable_gpu: no GPU is used, {checked.gpu_detail}; training runs on the CPU",
            RuntimeWarning,
            stacklevel=stacklevel,
        )
    return Settings(tenant_id, max_memory_mb, cache, gpu=enable_gpu and checked.gpu)


def open_system(
    db: DatabaseConnection,
    tenant_id: str | None,
    max_memory_mb: int | None,
    cache: Any,
    enable_gpu: bool,
    stacklevel: int,
) -> MLSystem:
    """Return a system after a look at its arguments, the server and the right to the tenant."""
    Settings(tenant_id, max_memory_mb, cache)
    checked = db.run(check(tenant_id, gpu=enable_gpu))
    settings = settings_of(checked, tenant_id, max_memory_mb, cache, enable_gpu, stacklevel + 1)
    _log.debug("extension %s, tenant %s", checked.extension, printable(str(tenant_id)))
    return MLSystem(db, settings, checked)
