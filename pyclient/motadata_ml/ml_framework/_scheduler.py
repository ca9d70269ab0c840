"""Trainings that repeat themselves."""

from __future__ import annotations

import datetime

from motadata_ml._operations import scheduling
from motadata_ml.ml_framework._component import Component
from motadata_ml.results import ResultTable


class Scheduler(Component):
    """Have pg_cron train models again, and see what came of it."""

    def schedule_training(
        self,
        model_id: str,
        cron: str,
        metric: str | None = None,
        min_improvement: float = 0.0,
        max_age: datetime.timedelta | str | None = None,
        max_drift: float | None = None,
        tenant_id: str | None = None,
    ) -> int:
        """Have pg_cron train a model again when it has to, and deploy what is better.

        Parameters
        ----------
        model_id : str
            The model; it is trained as it was the last time.
        cron : str
            When to look, as pg_cron takes it: ``"0 3 * * *"``.
        metric : str, optional
            What to compare versions by; by default the model type's.
        min_improvement : float
            How much better, in the metric's unit, a new version has to be.
        max_age : timedelta or str, optional
            Train only once the deployed version is older than this; a text is PostgreSQL's, such as ``"7 days"``.
        max_drift : float, optional
            Or once a feature's population stability index passes this.
        tenant_id : str, optional
            Whose model it is; by default the system's tenant.

        Returns
        -------
        int
            The number of the job in ``cron.job``.

        Raises
        ------
        UnsupportedOperationError
            If pg_cron is not installed.
        """
        job: int = self.db.run(
            scheduling.schedule_training(
                self.settings, model_id, cron, metric, min_improvement, max_age, max_drift, tenant_id
            )
        )
        return job

    def unschedule_training(self, model_id: str, tenant_id: str | None = None) -> bool:
        """End what `schedule_training` began; False where there was nothing."""
        ended: bool = self.db.run(scheduling.unschedule_training(self.settings, model_id, tenant_id))
        return ended

    def run_schedule(self, model_id: str, tenant_id: str | None = None) -> str:
        """Do now what is scheduled, and return ``skipped``, ``deployed``, ``kept`` or ``failed``."""
        outcome: str = self.db.run(scheduling.run_schedule(self.settings, model_id, tenant_id))
        return outcome

    def schedules(self, tenant_id: str | None = None) -> ResultTable:
        """List the scheduled trainings, each with its last outcome."""
        return self.db.run(scheduling.schedules(self.settings, tenant_id))

    def schedule_history(self, model_id: str | None = None, tenant_id: str | None = None) -> ResultTable:
        """List the runs of scheduled trainings, oldest first, each with its outcome and the reason."""
        return self.db.run(scheduling.schedule_history(self.settings, model_id, tenant_id))
