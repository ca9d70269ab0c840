"""Why a model answers as it does."""

from __future__ import annotations

from collections.abc import Sequence
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
            ``feature``, ``importance``, ``std``, ``rank``, ``metric``, ``rows`` and, of `input_data`,
            ``mean_abs_attribution``, the largest first.

        Raises
        ------
        UnsupportedOperationError
            If nothing was measured at training, or the model type has no target.
        """
        return self.db.run(inspection.importance(self.settings, model_id, input_data, target, version, tenant_id))

    def partial_dependence(
        self,
        model_id: str,
        feature: str,
        input_data: str,
        grid: Sequence[Any] | None = None,
        class_name: Any = None,
        version: str | None = None,
        tenant_id: str | None = None,
    ) -> ResultTable:
        """List the mean answer over the rows given, for values of one feature that all of them are given.

        Parameters
        ----------
        model_id : str
            A classification, a regression or an anomaly model.
        feature : str
            The one whose value is changed.
        input_data : str
            A table name or SELECT that has the model's features; its first 1,000 rows count.
        grid : sequence, optional
            Values to try; by default values that the rows have.
        class_name : object, optional
            The class whose probability is told; by default all.
        version, tenant_id : str, optional
            As for `explain`.

        Returns
        -------
        ResultTable
            ``class``, ``value``, ``average`` and ``rows``.

        Raises
        ------
        InvalidArgumentError
            If there is no such feature or class, or the grid is empty.
        """
        more = (grid, class_name, version, tenant_id)
        return self.db.run(inspection.partial_dependence(self.settings, model_id, feature, input_data, *more))

    def cluster_profile(
        self, model_id: str, input_data: str, version: str | None = None, tenant_id: str | None = None
    ) -> ResultTable:
        """List what the rows of each cluster are like: means of numbers and shares of categories, against all rows.

        Parameters
        ----------
        model_id : str
            A clustering model.
        input_data : str
            A table name or SELECT that has the model's features.
        version, tenant_id : str, optional
            As for `explain`.

        Returns
        -------
        ResultTable
            ``cluster``, its ``rows``, ``feature``, ``level`` (a category's value), ``value`` and ``overall``.

        Raises
        ------
        UnsupportedOperationError
            If the model makes no clusters.
        """
        return self.db.run(inspection.cluster_profile(self.settings, model_id, input_data, version, tenant_id))

    def counterfactual(
        self,
        model_id: str,
        input_data: Any,
        wanted: Any,
        vary: Sequence[str] | None = None,
        version: str | None = None,
        tenant_id: str | None = None,
    ) -> dict[str, Any] | None:
        """Return the smallest change of the named features by which the model answers what is wanted.

        Parameters
        ----------
        model_id : str
            A classification, a regression or an anomaly model.
        input_data : dict, array or frame of one row
            The row, as for `predict`.
        wanted : object
            A class, or a bound of the value such as ``'>= 100'``.
        vary : sequence of str, optional
            Features that may change; by default all.
        version, tenant_id : str, optional
            As for `explain`.

        Returns
        -------
        dict or None
            The changed features with their new values, empty where the row is answered so already; None where no
            change was found.

        Raises
        ------
        InvalidArgumentError
            If wanted is no answer of the model, or a feature cannot be varied.
        """
        more = (wanted, vary, version, tenant_id)
        return self.db.run(inspection.counterfactual(self.settings, model_id, input_data, *more))
