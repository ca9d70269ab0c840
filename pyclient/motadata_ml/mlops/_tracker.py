"""Experiments, their runs, and the trainings that track themselves."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import pandas as pd

from motadata_ml._calls import Row
from motadata_ml.errors import InvalidArgumentError
from motadata_ml.ml_framework import MLSystem
from motadata_ml.mlops import _calls
from motadata_ml.mlops._mlflow import export
from motadata_ml.postgresql_database import DatabaseConfig, DatabaseConnection, last_connection

COLUMNS = (
    "run_id", "kind", "experiment", "name", "status", "started_at", "ended_at", "created_by", "model_id",
    "model_version",
)  # fmt: skip


class Run:
    """One run of an experiment; a context manager that ends it.

    Attributes
    ----------
    run_id : int
        Its number.
    name : str or None
        Its name.
    """

    def __init__(self, tracker: ExperimentTracker, row: Row, name: str | None) -> None:
        self._tracker = tracker
        self.run_id: int = row["id"]
        self.tenant_id: str = row["tenant_id"]
        self.name = name

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end("finished" if kind is None else "failed")

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Store parameters: whatever JSON can carry; the last value of a name counts."""
        self._tracker.db.run(_calls.log_params(self.run_id, params))

    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Store one value for each metric.

        Parameters
        ----------
        metrics : mapping of str to float
            The values.
        step : int, optional
            Such as the epoch.
        """
        self._tracker.db.run(_calls.log_metrics(self.run_id, metrics, step or 0))

    def end(self, status: _calls.Status = "finished") -> None:
        """End the run."""
        self._tracker.db.run(_calls.end(self.run_id, status))
        self._tracker.forget(self)

    def history(self) -> pd.DataFrame:
        """Return every logged value: name, step, value, logged_at."""
        rows = self._tracker.db.run(_calls.history(self.run_id))
        return pd.DataFrame(rows, columns=["name", "step", "value", "logged_at"])


class ExperimentTracker:
    """Track runs of an experiment; made by `create_experiment_tracker`.

    Trainings need no tracking: each is a row of `runs` by itself.
    """

    def __init__(self, db: DatabaseConnection, tenant_id: str | None, experiment: str) -> None:
        if not experiment:
            raise InvalidArgumentError("experiment must have a name, got ''", hint="experiment='churn'")
        self.db = db
        self.tenant_id = tenant_id
        self.experiment = experiment
        self._active = threading.local()

    def start_run(self, name: str | None = None, tags: Mapping[str, Any] | None = None) -> Run:
        """Start a run, which `log_params` and `log_metrics` of this thread then mean.

        Parameters
        ----------
        name : str, optional
            Its name.
        tags : mapping, optional
            Whatever JSON can carry.

        Returns
        -------
        Run
            To be used in a with block, or ended by `end_run`.
        """
        row = self.db.run(_calls.start(self.tenant_id, self.experiment, name, tags or {}))
        run = Run(self, row, name)
        self._active.run = run
        return run

    def end_run(self, status: _calls.Status = "finished") -> None:
        """End this thread's run, if there is one."""
        run: Run | None = getattr(self._active, "run", None)
        if run is not None:
            run.end(status)

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Store parameters of this thread's run; one is started if there is none."""
        self._run().log_params(params)

    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Store metrics of this thread's run; one is started if there is none."""
        self._run().log_metrics(metrics, step)

    def runs(self, *, trainings: bool = True) -> pd.DataFrame:
        """Return the experiment's runs and the tenant's trainings, oldest first.

        Parameters
        ----------
        trainings : bool
            Whether each stored model version is a row too.

        Returns
        -------
        DataFrame
            A row each, with ``params.<name>``, ``metrics.<name>`` and ``tags.<name>`` columns.
        """
        rows = self.db.run(_calls.runs(self.tenant_id, self.experiment, trainings=trainings))
        flat = [
            {name: row[name] for name in COLUMNS}
            | {f"{part}.{key}": value for part in ("params", "metrics", "tags") for key, value in row[part].items()}
            for row in rows
        ]
        return pd.DataFrame(flat) if flat else pd.DataFrame(columns=list(COLUMNS))

    def to_mlflow(self, tracking_uri: str, experiment_name: str | None = None) -> int:
        """Export ended runs and trainings to an MLflow server; what is there already is left alone.

        Parameters
        ----------
        tracking_uri : str
            Such as ``http://127.0.0.1:5000``.
        experiment_name : str, optional
            By default the experiment's name.

        Returns
        -------
        int
            How many runs were new.
        """
        rows = self.db.run(_calls.runs(self.tenant_id, self.experiment, trainings=True))
        ended = [row for row in rows if row["status"] != "running"]
        logged = {
            row["run_id"]: self.db.run(_calls.history(int(row["run_id"]))) for row in ended if row["kind"] == "run"
        }
        return export(tracking_uri, experiment_name or self.experiment, ended, logged)

    def forget(self, run: Run) -> None:
        """Stop meaning a run that has ended."""
        if getattr(self._active, "run", None) is run:
            self._active.run = None

    def _run(self) -> Run:
        """Return this thread's run."""
        run: Run | None = getattr(self._active, "run", None)
        return self.start_run() if run is None else run


def create_experiment_tracker(
    tenant_id: str | None = None,
    db: DatabaseConnection | DatabaseConfig | MLSystem | str | None = None,
    experiment: str = "default",
) -> ExperimentTracker:
    """Create a tracker of an experiment.

    Parameters
    ----------
    tenant_id : str, optional
        Whose runs they are; by default the server takes the role's only tenant.
    db : DatabaseConnection, optional
        By default the connection last made in this process, else the ``PG*`` environment.
    experiment : str
        The experiment's name.
    """
    if isinstance(db, MLSystem):
        return ExperimentTracker(db.db, db.settings.tenant(tenant_id), experiment)
    if db is None:
        return ExperimentTracker(last_connection(), tenant_id, experiment)
    connection = db if isinstance(db, DatabaseConnection) else DatabaseConnection(db)
    return ExperimentTracker(connection.connect(), tenant_id, experiment)
