"""Train models and schedule trainings, awaited; what the methods do is told at `Trainer` and `Scheduler`."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, Unpack

from motadata_ml._operations import scheduling
from motadata_ml._operations.training import (
    Training,
    TrainingOptions,
    algorithms,
    train_model,
    training_progress,
)
from motadata_ml._progress import ProgressOption, progress_shown
from motadata_ml.ml_framework._component import AsyncComponent
from motadata_ml.ml_framework._trainer import log_result
from motadata_ml.results import ResultTable, TrainingResult


class AsyncTrainer(AsyncComponent):
    """Train models in the database."""

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
        **options: Unpack[TrainingOptions],
    ) -> TrainingResult:
        """Train a model on in-memory rows, a table or a SELECT, and store it as a new version."""
        training = Training(model_id, model_type, training_data, validation_data, hyperparameters, tenant_id, options)
        with progress_shown(progress, model_id) as on_notice:
            result = await self.db.run(train_model(self.settings, training, on_notice))
        log_result(result)
        return result

    train = train_model

    async def training_progress(self, tenant_id: str | None = None) -> ResultTable:
        """List the trainings that run now: step, share done, rows, seconds and an estimate of the seconds left."""
        return await self.db.run(training_progress(self.settings, tenant_id))

    async def algorithms(self, model_type: str | None = None) -> ResultTable:
        """List the algorithms that can be trained, with their hyperparameters, defaults and types."""
        return await self.db.run(algorithms(model_type))


class AsyncScheduler(AsyncComponent):
    """Have pg_cron train models again, and see what came of it."""

    async def schedule_training(
        self,
        model_id: str,
        cron: str,
        metric: str | None = None,
        min_improvement: float = 0.0,
        max_age: datetime.timedelta | str | None = None,
        max_drift: float | None = None,
        tenant_id: str | None = None,
    ) -> int:
        """Have pg_cron train a model again when it has to, and deploy what is better."""
        job: int = await self.db.run(
            scheduling.schedule_training(
                self.settings, model_id, cron, metric, min_improvement, max_age, max_drift, tenant_id
            )
        )
        return job

    async def unschedule_training(self, model_id: str, tenant_id: str | None = None) -> bool:
        """End what `schedule_training` began; False where there was nothing."""
        ended: bool = await self.db.run(scheduling.unschedule_training(self.settings, model_id, tenant_id))
        return ended

    async def run_schedule(self, model_id: str, tenant_id: str | None = None) -> str:
        """Do now what is scheduled, and return ``skipped``, ``deployed``, ``kept`` or ``failed``."""
        outcome: str = await self.db.run(scheduling.run_schedule(self.settings, model_id, tenant_id))
        return outcome

    async def schedules(self, tenant_id: str | None = None) -> ResultTable:
        """List the scheduled trainings, each with its last outcome."""
        return await self.db.run(scheduling.schedules(self.settings, tenant_id))

    async def schedule_history(self, model_id: str | None = None, tenant_id: str | None = None) -> ResultTable:
        """List the runs of scheduled trainings, oldest first, each with its outcome and the reason."""
        return await self.db.run(scheduling.schedule_history(self.settings, model_id, tenant_id))
