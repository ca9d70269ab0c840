"""Why a model answers as it does."""

from __future__ import annotations

from typing import Any

from motadata_ml._operations import inspection
from motadata_ml.ml_framework._component import Component
from motadata_ml.results import ResultTable


class Inspector(Component):
    """Explain answers; the server takes them apart, by the definitions of the SQL reference."""

    def explain(
        self,
        model_id: str,
        input_data: Any,
        top_k: int | None = None,
        class_name: Any = None,
        version: str | None = None,
        detail: bool = False,
        tenant_id: str | None = None,
    ) -> ResultTable:
        """Tell what each feature adds to the score of one row.

        Parameters
        ----------
        model_id : str
            A classification, a regression or an anomaly model.
        input_data : dict, array or frame of one row
            The row, as for `predict`.
        top_k : int, optional
            The most features to return, those that add or take away most.
        class_name : object, optional
            The class whose score is explained; by default the predicted one.
        version : str, optional
            By default the deployed one.
        detail : bool
            Whether the words of a text, the parts of a time and the numbers of a category or a vector come apart.
        tenant_id : str, optional
            Whose model it is; by default the system's tenant.

        Returns
        -------
        ResultTable
            ``class``, ``feature``, ``value``, ``attribution``, ``rank``, ``std_error``, ``method`` and ``unit``. The
            row of rank 0, without a feature, is the base; all attributions add up to the model's score.

        Raises
        ------
        UnsupportedOperationError
            If the version was trained by 0.2, or the model type has no single score.
        InvalidArgumentError
            If there is no such class.
        """
        return self.db.run(
            inspection.explain(self.settings, model_id, input_data, top_k, class_name, version, detail, tenant_id)
        )

    def explain_batch(
        self,
        model_id: str,
        input_data: Any,
        id_column: str | None = None,
        top_k: int | None = None,
        class_name: Any = None,
        version: str | None = None,
        detail: bool = False,
        chunk_rows: int | None = None,
        tenant_id: str | None = None,
    ) -> ResultTable:
        """Tell what each feature adds to the score of each of many rows.

        Parameters
        ----------
        model_id : str
            As for `explain`.
        input_data : frame, array, list of dicts or str
            Rows, or a table name or SELECT.
        id_column : str, optional
            A column that names each row; by default rows are numbered from 1.
        top_k, class_name, version, detail, tenant_id
            As for `explain`.
        chunk_rows : int, optional
            Rows that the server reads at a time; by default the option of that name.

        Returns
        -------
        ResultTable
            As `explain` returns, with ``id``, and ``base`` in each row in place of a row of its own.
        """
        more = (top_k, class_name, version, detail, chunk_rows, tenant_id)
        return self.db.run(inspection.explain_batch(self.settings, model_id, input_data, id_column, *more))

    def coefficients(self, model_id: str, version: str | None = None, tenant_id: str | None = None) -> ResultTable:
        """List the coefficients of a linear model in the units of the table, with their standard errors.

        Parameters
        ----------
        model_id : str
            A linear classifier or regressor.
        version, tenant_id : str, optional
            As for `explain`.

        Returns
        -------
        ResultTable
            ``class``, ``term``, ``level``, ``coefficient``, ``std_error``, ``statistic``, ``p_value``, ``lower``,
            ``upper`` (of 95 %) and, where there is no standard error, the ``reason``.

        Raises
        ------
        UnsupportedOperationError
            If the model is not linear.
        """
        return self.db.run(inspection.coefficients(self.settings, model_id, version, tenant_id))

    def importance(
        self,
        model_id: str,
        input_data: str | None = None,
        target: str | None = None,
        version: str | None = None,
        tenant_id: str | None = None,
    ) -> ResultTable:
        """List how much worse a model scores without each feature: as at training, or on the rows given.

        Parameters
        ----------
        model_id : str
            A classification or a regression model.
        input_data : str, optional
            A table name or SELECT with features and target; by default what was measured at training counts.
        target : str, optional
            The outcome's column; by default the model's target.
        version, tenant_id : str, optional
            As for `explain`.

        Returns
        -------
        ResultTable
            ``feature``, ``importance``, ``std``, ``rank``, ``metric`` and ``rows``, the largest first.

        Raises
        ------
        UnsupportedOperationError
            If nothing was measured at training, or the model type has no target.
        """
        return self.db.run(inspection.importance(self.settings, model_id, input_data, target, version, tenant_id))
