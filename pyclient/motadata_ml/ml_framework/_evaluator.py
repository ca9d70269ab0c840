"""How good a model is on rows with a known outcome, and whether rows still look like those it learned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from motadata_ml._operations import evaluation
from motadata_ml.ml_framework._component import Component
from motadata_ml.results import ResultTable


class Evaluator(Component):
    """Score models; the server computes every score, by the definitions of the SQL reference."""

    def evaluate(
        self,
        model_id: str,
        data: Any,
        target: str | None = None,
        version: str | None = None,
        positive_class: str | None = None,
        tenant_id: str | None = None,
    ) -> dict[str, Any]:
        """Score a model on rows it was not trained on.

        Parameters
        ----------
        model_id : str
            The model.
        data : tuple (X, y), frame or str
            Rows with their outcome, as a table name or SELECT where they are in the database. A clustering or an
            anomaly model needs no outcome.
        target : str, optional
            The outcome's column; by default the model's target.
        version : str, optional
            By default the deployed one.
        positive_class : str, optional
            The label, of two, that precision_positive and the like are about; by default that of the training.
        tenant_id : str, optional
            Whose model it is; by default the system's tenant.

        Returns
        -------
        dict
            The scores of ``ml.evaluate``, as the SQL reference defines them: of a classifier accuracy, f1_score and
            many more, with ``per_class`` (a list of class, precision, recall, f1_score and support) and, for two
            classes, ``positive_class``; of a regressor r2, rmse, mae and more; and n_test.

        Raises
        ------
        InvalidArgumentError
            If `target` names no column of the rows.
        InsufficientDataError
            If no row has an outcome.
        """
        call = evaluation.evaluate(self.settings, model_id, data, target, version, positive_class, tenant_id)
        return self.db.run(call)

    def confusion_matrix(
        self,
        model_id: str,
        input_data: Any,
        target: str | None = None,
        version: str | None = None,
        tenant_id: str | None = None,
    ) -> ResultTable:
        """Count the rows of each pair of actual and predicted label that occurs.

        Parameters
        ----------
        model_id : str
            A classification model.
        input_data : tuple (X, y), frame or str
            Rows with their outcome, as for `evaluate`.
        target, version, tenant_id : str, optional
            As for `evaluate`.

        Returns
        -------
        ResultTable
            With ``actual`` and ``predicted``, of the label's own type, and ``count``.
        """
        return self.db.run(evaluation.confusion_matrix(self.settings, model_id, input_data, target, version, tenant_id))

    def roc_curve(
        self,
        model_id: str,
        input_data: Any,
        class_name: Any = None,
        version: str | None = None,
        target: str | None = None,
        tenant_id: str | None = None,
    ) -> ResultTable:
        """Return the false and the true positive rate of each threshold on the probability of a class.

        Parameters
        ----------
        model_id : str
            A classification model with probabilities.
        input_data : tuple (X, y), frame or str
            Rows with their outcome, as for `evaluate`.
        class_name : object, optional
            The class that is told from all others; by default the positive one of two.
        version, target, tenant_id : str, optional
            As for `evaluate`.

        Returns
        -------
        ResultTable
            threshold, fpr and tpr, the highest threshold first; at most 1,000 points.

        Raises
        ------
        InvalidArgumentError
            If there is no such class.
        UnsupportedOperationError
            If the model gives no probabilities.
        """
        more = evaluation.CurveArguments(class_name, version, target, tenant_id)
        return self.db.run(evaluation.curve(self.settings, "roc_curve", model_id, input_data, more))

    def precision_recall_curve(
        self,
        model_id: str,
        input_data: Any,
        class_name: Any = None,
        version: str | None = None,
        target: str | None = None,
        tenant_id: str | None = None,
    ) -> ResultTable:
        """Return precision and recall of each threshold on the probability of a class.

        Parameters
        ----------
        model_id : str
            A classification model with probabilities.
        input_data : tuple (X, y), frame or str
            Rows with their outcome, as for `evaluate`.
        class_name : object, optional
            The class that is told from all others; by default the positive one of two.
        version, target, tenant_id : str, optional
            As for `evaluate`.

        Returns
        -------
        ResultTable
            threshold, precision and recall, the lowest threshold first; at most 1,001 points.

        Raises
        ------
        InvalidArgumentError
            If there is no such class.
        UnsupportedOperationError
            If the model gives no probabilities.
        """
        more = evaluation.CurveArguments(class_name, version, target, tenant_id)
        return self.db.run(evaluation.curve(self.settings, "precision_recall_curve", model_id, input_data, more))

    def calibration_curve(
        self,
        model_id: str,
        input_data: Any,
        class_name: Any = None,
        version: str | None = None,
        target: str | None = None,
        n_bins: int | None = None,
        tenant_id: str | None = None,
    ) -> ResultTable:
        """Compare the probabilities of a class with the share of rows that are of it, by bins of equal width.

        Parameters
        ----------
        model_id : str
            A classification model with probabilities.
        input_data : tuple (X, y), frame or str
            Rows with their outcome, as for `evaluate`.
        class_name : object, optional
            The class that is told from all others; by default the positive one of two.
        version, target, tenant_id : str, optional
            As for `evaluate`.
        n_bins : int, optional
            How many bins, 10 by default.

        Returns
        -------
        ResultTable
            lower, upper, predicted, observed and rows of each bin that has rows.

        Raises
        ------
        InvalidArgumentError
            If there is no such class.
        UnsupportedOperationError
            If the model gives no probabilities.
        """
        more = evaluation.CurveArguments(class_name, version, target, tenant_id, {"n_bins": n_bins})
        return self.db.run(evaluation.curve(self.settings, "calibration_curve", model_id, input_data, more))

    def lift_curve(
        self,
        model_id: str,
        input_data: Any,
        class_name: Any = None,
        version: str | None = None,
        target: str | None = None,
        tenant_id: str | None = None,
    ) -> ResultTable:
        """Return how much of a class is found among the rows of its highest probabilities.

        Parameters
        ----------
        model_id : str
            A classification model with probabilities.
        input_data : tuple (X, y), frame or str
            Rows with their outcome, as for `evaluate`.
        class_name : object, optional
            The class that is told from all others; by default the positive one of two.
        version, target, tenant_id : str, optional
            As for `evaluate`.

        Returns
        -------
        ResultTable
            threshold, share of the rows, gain (share of the class) and lift, their ratio; at most 1,000 points.

        Raises
        ------
        InvalidArgumentError
            If there is no such class.
        UnsupportedOperationError
            If the model gives no probabilities.
        """
        more = evaluation.CurveArguments(class_name, version, target, tenant_id)
        return self.db.run(evaluation.curve(self.settings, "lift_curve", model_id, input_data, more))

    def thresholds(
        self,
        model_id: str,
        input_data: Any,
        costs: Mapping[str, float] | None = None,
        class_name: Any = None,
        version: str | None = None,
        target: str | None = None,
        tenant_id: str | None = None,
    ) -> ResultTable:
        """Return what each threshold on the probability of a class costs on rows, with the best one marked.

        Parameters
        ----------
        model_id : str
            A classification model with probabilities.
        input_data : tuple (X, y), frame or str
            Rows with their outcome, as for `evaluate`.
        costs : mapping, optional
            What a row costs that is rightly or wrongly taken for the class or left: tp, fp, fn, tn; fp and fn cost 1
            where they are not named, tp and tn nothing.
        class_name : object, optional
            The class that is told from all others; by default the positive one of two.
        version, target, tenant_id : str, optional
            As for `evaluate`.

        Returns
        -------
        ResultTable
            threshold, cost, tp, fp, fn, tn and best, the highest threshold first; at most 1,001 rows.

        Raises
        ------
        InvalidArgumentError
            If there is no such class.
        UnsupportedOperationError
            If the model gives no probabilities.
        """
        more = evaluation.CurveArguments(class_name, version, target, tenant_id, {"costs": costs})
        return self.db.run(evaluation.curve(self.settings, "thresholds", model_id, input_data, more))

    def compare(
        self,
        model_id: str,
        versions: Sequence[str],
        input_data: Any,
        metric: str | None = None,
        target: str | None = None,
        confidence: float = 0.95,
        tenant_id: str | None = None,
    ) -> ResultTable:
        """Score versions of a model on the same rows, and tell their differences to the first from chance.

        Parameters
        ----------
        model_id : str
            A model with a target.
        versions : sequence of str
            Numbers of 2 to 10 versions; the first is what the others are compared with.
        input_data : tuple (X, y), frame or str
            Rows with their outcome, as for `evaluate`, and all features that any of the versions takes.
        metric : str, optional
            What they are compared by; by default the one that decides for their model type.
        target : str, optional
            As for `evaluate`.
        confidence : float
            Level of the bounds, 0.5 to 1.
        tenant_id : str, optional
            Whose model it is; by default the system's tenant.

        Returns
        -------
        ResultTable
            Of each version: version, metric_name, value and rows; of all but the first difference, lower, upper and p.

        Raises
        ------
        InvalidArgumentError
            If the versions or the metric do not do.
        """
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
        return self.db.run(call)

    def drift(
        self, model_id: str, input_data: Any, version: str | None = None, tenant_id: str | None = None
    ) -> ResultTable:
        """Compare rows with those a model was trained on.

        Parameters
        ----------
        model_id : str
            The model.
        input_data : frame, array, list of dicts or str
            Rows, or a table name or SELECT.
        version, tenant_id : str, optional
            As for `evaluate`.

        Returns
        -------
        ResultTable
            One row a feature: feature, kind, statistic, value, threshold, drifted, the shares of NULL, and rows.
        """
        return self.db.run(evaluation.drift(self.settings, model_id, input_data, version, tenant_id))
