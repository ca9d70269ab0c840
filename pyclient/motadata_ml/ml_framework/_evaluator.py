"""How good a model is on rows with a known outcome, and whether rows still look like those it learned."""

from __future__ import annotations

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
