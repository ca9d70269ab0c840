"""One model of all rows: fitted, scored and compiled."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.algorithms.catalogue import AlgorithmEntry
from motadata_ml_server.columns import ColumnTable
from motadata_ml_server.features.fit_plan import PlanFit
from motadata_ml_server.features.plan import FeaturePlan
from motadata_ml_server.persistence.kinds import ArtifactKind
from motadata_ml_server.prediction.runtimes.linear_model import LinearModel
from motadata_ml_server.training.specification import Progress, TrainingSpec
from motadata_ml_server.worker import estimators
from motadata_ml_server.worker.artifacts import check_rows, compile_and_dump
from motadata_ml_server.worker.background import stored_background
from motadata_ml_server.worker.coefficients import linear_errors
from motadata_ml_server.worker.describe import described
from motadata_ml_server.worker.inside_fit import watched_fit
from motadata_ml_server.worker.target import EncodedTarget


@dataclass(frozen=True)
class Rows:
    """Rows in both forms.

    Attributes
    ----------
    encoded : ndarray or csr_matrix, shape (rows, width)
        As an estimator takes them.
    table : ColumnTable
        As they were read.
    """

    encoded: Any
    table: ColumnTable


class OneModel:
    """The usual case: one estimator learns from all rows. `groups.ModelPerGroup` has the same methods.

    Parameters
    ----------
    spec : TrainingSpec
        What to train.
    entry : AlgorithmEntry
        The estimator.

    Attributes
    ----------
    estimator : estimator
        Once `fit` was called.
    """

    def __init__(self, spec: TrainingSpec, entry: AlgorithmEntry) -> None:
        self._spec = spec
        self._entry = entry
        self.estimator: Any = None
        self._given: dict[str, Any] = {}
        self._goal: NDArray[Any] | None = None
        self._weights: NDArray[np.float64] | None = None

    def complete(self, plan: FeaturePlan, learn: ColumnTable) -> FeaturePlan:
        """Return the plan with what this way of fitting needs beside the features: nothing."""
        return plan

    def fit(
        self,
        encoded: Any,
        goal: EncodedTarget | None,
        weights: NDArray[np.float64] | None,
        hyperparameters: dict[str, Any],
        plan: FeaturePlan,
        progress: Progress,
    ) -> None:
        """Fit the estimator on encoded rows."""
        spec = self._spec
        self._given = hyperparameters
        classes, values = (None, None) if goal is None else (goal.classes, goal.values)
        self.estimator = estimators.make(self._entry, hyperparameters, spec.threads, spec.random_state, classes)

        def report(done: float, left: float) -> None:
            progress("fit", 0.3 + 0.4 * done, {"rows": encoded.shape[0], "seconds_left": left})

        self._goal, self._weights = values, weights
        with watched_fit(self.estimator, report):
            estimators.fit(self.estimator, encoded, values, weights)

    def scorable(self, encoded: Any, goal: EncodedTarget | None) -> tuple[Any, EncodedTarget | None]:
        """Return the rows that can be scored: all of them."""
        return encoded, goal

    def compile(self, fitted: PlanFit, learned: Rows, held: Rows) -> tuple[dict[str, bytes], dict[str, Any]]:
        """Return the artifacts, and what is to be known of the runtime; compared on the rows held out."""
        check = check_rows(self._entry, fitted.plan, held.encoded, held.table)
        artifacts, runtime = compile_and_dump(self._spec, self._entry, self.estimator, fitted, check)
        spec = self._spec
        background = stored_background(spec.model_type, artifacts, learned.encoded, spec.random_state)
        if background is not None:
            artifacts[ArtifactKind.BACKGROUND] = background
        if ArtifactKind.LINEAR in artifacts and spec.model_type in ("classification", "regression"):
            model = LinearModel.from_bytes(artifacts[ArtifactKind.LINEAR])
            errors = linear_errors(self.estimator, model, fitted.plan, learned.encoded, self._goal, self._weights)
            artifacts[ArtifactKind.COEFFICIENTS] = json.dumps(errors.to_json()).encode()
        return artifacts, runtime | described(self._spec.model_type, self.estimator, fitted.plan, learned.encoded)

    def hyperparameters(self) -> dict[str, Any]:
        """Return all hyperparameters, as used."""
        if self._entry.composed:
            return self._given
        return estimators.full_hyperparameters(self._entry, self.estimator)

    def metrics(self) -> dict[str, float]:
        """Return metrics beside the scores: none."""
        return {}

    def warnings(self) -> list[str]:
        """Return what the user should know of the fit: nothing."""
        return []
