"""Train models."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from motadata_ml._operations.training import Training, train_model
from motadata_ml._progress import ProgressOption, progress_shown
from motadata_ml.errors import InvalidArgumentError
from motadata_ml.ml_framework._component import Component
from motadata_ml.results import TrainingResult

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
        **more: Any,
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
        **more
            ``target``, ``features``, ``algorithm``, ``test_size``, ``split``, ``cv``, ``search``,
            ``preprocess``, ``random_state``, ``deploy`` and ``execution``, as in ``ml.train``.

        Returns
        -------
        TrainingResult
            A dict of model_id, status, metrics, training_time (seconds) and model_version.

        Raises
        ------
        MLTrainingError
            If the data, the algorithm or its hyperparameters do not do, or the fit fails.
        """
        training = training_of(more, model_id, model_type, training_data, validation_data, hyperparameters, tenant_id)
        with progress_shown(progress, model_id) as on_notice:
            result = self.db.run(train_model(self.settings, training, on_notice))
        log_result(result)
        return result

    train = train_model


def training_of(more: Mapping[str, Any], *documented: Any) -> Training:
    """Return the arguments of a training; refuse keywords that ml.train does not know."""
    unknown = sorted(set(more) - set(Training.__dataclass_fields__))
    if unknown:
        raise InvalidArgumentError(
            f"train_model has no argument {unknown[0]!r}",
            hint=f"its arguments are {', '.join(Training.__dataclass_fields__)} and progress",
        )
    return Training(*documented, **more)


def log_result(result: TrainingResult) -> None:
    """Log a finished training."""
    _log.info("trained %s %s in %.2f s", result["model_id"], result["model_version"], result["training_time"])
