"""Train models."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Unpack

from motadata_ml._operations.training import (
    Training,
    TrainingOptions,
    algorithms,
    train_model,
    training_progress,
)
from motadata_ml._printable import printable
from motadata_ml._progress import ProgressOption, progress_shown
from motadata_ml.ml_framework._component import Component
from motadata_ml.results import ResultTable, TrainingResult

_log = logging.getLogger("motadata_ml")


class Trainer(Component):
    """Train models in the database."""

    def train_model(
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
        """Train a model on in-memory rows, a table or a SELECT, and store it as a new version.

        Parameters
        ----------
        model_id : str
            The model's name; training it again makes a new version.
        model_type : str
            ``classification``, ``regression``, ``clustering``, ``anomaly`` or ``decomposition``.
        training_data : tuple (X, y), frame or str
            Features and target; one frame, with `target` naming a column; or a table name or SELECT, whose
            rows never leave the server.
        validation_data : tuple (X, y), frame or str, optional
            Rows to score on instead of a held-back share.
        hyperparameters : mapping, optional
            By scikit-learn's names.
        tenant_id : str, optional
            Whose model it is; by default the system's tenant.
        progress : bool or callable, optional
            By default a bar in terminals and notebooks; a callable receives each `TrainingProgress`.
        **options
            The further arguments of ``ml.train``: ``target`` (str), ``features`` (list of str), ``algorithm`` (str),
            ``test_size`` (float), ``split`` (str), ``cv`` (int), ``search`` and ``preprocess`` (mappings),
            ``random_state`` (int), ``deploy`` (bool), ``execution`` (mapping), ``group_by`` (str),
            ``positive_class`` (str) and ``intervals`` (mapping).

        Returns
        -------
        TrainingResult
            A dict of model_id, status, metrics, training_time (seconds) and model_version.

        Raises
        ------
        MLTrainingError
            If the data, the algorithm or its hyperparameters do not do, or the fit fails.
        """
        training = Training(model_id, model_type, training_data, validation_data, hyperparameters, tenant_id, options)
        with progress_shown(progress, model_id) as on_notice:
            result = self.db.run(train_model(self.settings, training, on_notice))
        log_result(result)
        return result

    train = train_model

    def training_progress(self, tenant_id: str | None = None) -> ResultTable:
        """List the trainings that run now: step, share done, rows, seconds and an estimate of the seconds left."""
        return self.db.run(training_progress(self.settings, tenant_id))

    def algorithms(self, model_type: str | None = None) -> ResultTable:
        """List the algorithms that can be trained, with their hyperparameters, defaults and types."""
        return self.db.run(algorithms(model_type))


def log_result(result: TrainingResult) -> None:
    """Log a finished training."""
    shown = printable(result["model_id"])
    _log.info("trained %s %s in %.2f s", shown, result["model_version"], result["training_time"])
