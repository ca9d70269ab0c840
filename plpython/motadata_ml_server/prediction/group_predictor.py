"""Predictions of a model per group."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from motadata_ml_server.persistence.kinds import ArtifactKind
from motadata_ml_server.prediction.predictions import BatchPrediction, Prediction
from motadata_ml_server.prediction.predictor import Predictor, Row
from motadata_ml_server.prediction.runtimes.groups import Array, NoGroupModelError

if TYPE_CHECKING:
    from motadata_ml_server.features.plan import FeaturePlan


class GroupedPredictor(Predictor):
    """A model per group, ready to predict.

    Parameters
    ----------
    plan : FeaturePlan
        How rows become numbers; its last column is the group.
    payload : bytes
        The artifact; its digest has been checked.
    classes : list of str or None
        Labels of all groups as text.
    label_type : str or None
        What labels were in the table.
    task : str
        'classification', 'regression' or 'anomaly'.
    """

    def __init__(
        self, plan: FeaturePlan, payload: bytes, classes: Sequence[str] | None, label_type: str | None, task: str
    ) -> None:
        super().__init__(plan, ArtifactKind.GROUPED, payload, classes, label_type, task)

    def value(self, row: Row) -> float | None:
        """Predict one row as a number; None where its group has no model."""
        try:
            return super().value(row)
        except NoGroupModelError:
            return None

    def label(self, row: Row) -> str | None:
        """Predict one row as text; None where its group has no model."""
        try:
            return super().label(row)
        except NoGroupModelError:
            return None

    def proba(self, row: Row) -> list[float] | None:
        """Predict the probability of each class; None where the row's group has no model."""
        try:
            return super().proba(row)
        except NoGroupModelError:
            return None

    def one(self, row: Row) -> Prediction:
        """Predict one row with all that is known about the answer; None where its group has no model."""
        try:
            return super().one(row)
        except NoGroupModelError:
            return Prediction(None)

    def _answers(self, scores: Array) -> BatchPrediction:
        known = ~np.isnan(scores[:, 0])
        if known.all():
            return super()._answers(scores)
        found = super()._answers(np.where(known[:, None], scores, 0.0))
        codes = None if found.codes is None else np.where(known, found.codes, np.int32(-1))
        values = None if found.values is None else np.where(known, found.values, np.nan)
        return BatchPrediction(codes, found.names, values, found.probabilities, found.components)
