"""What models are judged by, awaited."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from motadata_ml._operations import evaluation
from motadata_ml.ml_framework._component import AsyncComponent
from motadata_ml.results import ResultTable


class AsyncEvaluator(AsyncComponent):
    """Score models; the server computes every score, by the definitions of the SQL reference."""

    async def evaluate(
        self,
        model_id: str,
        data: Any,
        target: str | None = None,
        version: str | None = None,
        positive_class: str | None = None,
        tenant_id: str | None = None,
    ) -> dict[str, Any]:
        """Score a model on rows it was not trained on."""
        call = evaluation.evaluate(self.settings, model_id, data, target, version, positive_class, tenant_id)
        return await self.db.run(call)

    async def confusion_matrix(
        self,
        model_id: str,
        input_data: Any,
        target: str | None = None,
        version: str | None = None,
        tenant_id: str | None = None,
    ) -> ResultTable:
        """Count the rows of each pair of actual and predicted label that occurs."""
        return await self.db.run(
            evaluation.confusion_matrix(self.settings, model_id, input_data, target, version, tenant_id)
        )

    async def roc_curve(
        self,
        model_id: str,
        input_data: Any,
        class_name: Any = None,
        version: str | None = None,
        target: str | None = None,
        tenant_id: str | None = None,
    ) -> ResultTable:
        """Return the false and the true positive rate of each threshold on the probability of a class."""
        more = evaluation.CurveArguments(class_name, version, target, tenant_id)
        return await self.db.run(evaluation.curve(self.settings, "roc_curve", model_id, input_data, more))

    async def precision_recall_curve(
        self,
        model_id: str,
        input_data: Any,
        class_name: Any = None,
        version: str | None = None,
        target: str | None = None,
        tenant_id: str | None = None,
    ) -> ResultTable:
        """Return precision and recall of each threshold on the probability of a class."""
        more = evaluation.CurveArguments(class_name, version, target, tenant_id)
        return await self.db.run(evaluation.curve(self.settings, "precision_recall_curve", model_id, input_data, more))

    async def calibration_curve(
        self,
        model_id: str,
        input_data: Any,
        class_name: Any = None,
        version: str | None = None,
        target: str | None = None,
        n_bins: int | None = None,
        tenant_id: str | None = None,
    ) -> ResultTable:
        """Compare the probabilities of a class with the share of rows that are of it, by bins of equal width."""
        more = evaluation.CurveArguments(class_name, version, target, tenant_id, {"n_bins": n_bins})
        return await self.db.run(evaluation.curve(self.settings, "calibration_curve", model_id, input_data, more))

    async def lift_curve(
        self,
        model_id: str,
        input_data: Any,
        class_name: Any = None,
        version: str | None = None,
        target: str | None = None,
        tenant_id: str | None = None,
    ) -> ResultTable:
        """Return how much of a class is found among the rows of its highest probabilities."""
        more = evaluation.CurveArguments(class_name, version, target, tenant_id)
        return await self.db.run(evaluation.curve(self.settings, "lift_curve", model_id, input_data, more))

    async def thresholds(
        self,
        model_id: str,
        input_data: Any,
        costs: Mapping[str, float] | None = None,
        class_name: Any = None,
        version: str | None = None,
        target: str | None = None,
        tenant_id: str | None = None,
    ) -> ResultTable:
        """Return what each threshold on the probability of a class costs on rows, with the best one marked."""
        more = evaluation.CurveArguments(class_name, version, target, tenant_id, {"costs": costs})
        return await self.db.run(evaluation.curve(self.settings, "thresholds", model_id, input_data, more))

    async def compare(
        self,
        model_id: str,
        versions: Sequence[str],
        input_data: Any,
        metric: str | None = None,
        target: str | None = None,
        confidence: float = 0.95,
        tenant_id: str | None = None,
    ) -> ResultTable:
        """Score versions of a model on the same rows, and tell their differences to the first from chance."""
        call = evaluation.compare(
            self.settings,
            model_id,
            versions,
            input_data,
            metric=metric,
            target=target,
            confidence=confidence,
            tenant_id=tenant_id,
        )
        return await self.db.run(call)

    async def drift(
        self, model_id: str, input_data: Any, version: str | None = None, tenant_id: str | None = None
    ) -> ResultTable:
        """Compare rows with those a model was trained on."""
        return await self.db.run(evaluation.drift(self.settings, model_id, input_data, version, tenant_id))
