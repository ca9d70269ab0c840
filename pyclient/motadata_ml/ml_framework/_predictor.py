"""Predict one row or many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, overload

import pandas as pd

from motadata_ml._operations import intervals, prediction
from motadata_ml._operations.batch import Batch, IdType, predict_batch
from motadata_ml._operations.predict_into import predict_into
from motadata_ml.ml_framework._component import Component
from motadata_ml.results import Prediction, Record


class Predictor(Component):
    """Predict with models in the database."""

    def predict(
        self, model_id: str, input_data: Any, tenant_id: str | None = None, *, version: str | None = None
    ) -> Prediction:
        """Predict one row.

        Parameters
        ----------
        model_id : str
            The model.
        input_data : dict, Series, one-row frame, array or list
            By feature name, or numbers by position.
        tenant_id : str, optional
            Whose model it is; by default the system's tenant.
        version : str, optional
            By default the deployed one.

        Returns
        -------
        Prediction
            A dict of prediction, probabilities, confidence, model_id and model_version.

        Raises
        ------
        ModelNotFoundError
            If there is no such model.
        InvalidInputError
            If the row lacks features or has values of the wrong type.
        """
        return self.db.run(prediction.predict(self.settings, model_id, input_data, tenant_id, version))

    def predict_value(
        self, model_id: str, input_data: Any, version: str | None = None, tenant_id: str | None = None
    ) -> float | None:
        """Predict one row as a number; the arguments are those of `predict`."""
        call = prediction.predict_typed(self.settings, "predict_value", model_id, input_data, version, tenant_id)
        value: float | None = self.db.run(call)
        return value

    def predict_label(
        self, model_id: str, input_data: Any, version: str | None = None, tenant_id: str | None = None
    ) -> str | None:
        """Predict one row as the text of a class label; the arguments are those of `predict`."""
        call = prediction.predict_typed(self.settings, "predict_label", model_id, input_data, version, tenant_id)
        label: str | None = self.db.run(call)
        return label

    def predict_proba(
        self, model_id: str, input_data: Any, version: str | None = None, tenant_id: str | None = None
    ) -> list[float] | None:
        """Predict the probability of each class for one row; the arguments are those of `predict`."""
        call = prediction.predict_typed(self.settings, "predict_proba", model_id, input_data, version, tenant_id)
        shares: list[float] | None = self.db.run(call)
        return shares

    def predict_interval(
        self,
        model_id: str,
        input_data: Any,
        level: float = 0.9,
        version: str | None = None,
        tenant_id: str | None = None,
    ) -> Record | None:
        """Predict one row as a number between bounds.

        Parameters
        ----------
        model_id : str
            A regression model that was trained with ``intervals``.
        input_data : dict, Series, one-row frame, array or list
            By feature name, or numbers by position.
        level : float
            Share of rows whose true value such bounds hold, between 0 and 1.
        version, tenant_id : str, optional
            As for `predict`.

        Returns
        -------
        Record or None
            A dict of value, lower, upper and level; None where the row's group has no model.

        Raises
        ------
        UnsupportedOperationError
            If the version was trained without intervals, or predicts labels.
        InvalidArgumentError
            If the level is no share, or more than the version can say.
        """
        call = intervals.predict_interval(self.settings, model_id, input_data, level, version, tenant_id)
        return self.db.run(call)

    def predict_set(
        self,
        model_id: str,
        input_data: Any,
        level: float = 0.9,
        version: str | None = None,
        tenant_id: str | None = None,
    ) -> list[str] | None:
        """Predict one row as a set of labels that holds the true one as often as `level` says.

        The arguments and errors are those of `predict_interval`, of a classification model.

        Returns
        -------
        list of str or None
            Labels as text, the most probable first; None where the row's group has no model.
        """
        call = intervals.predict_set(self.settings, model_id, input_data, level, version, tenant_id)
        return self.db.run(call)

    @overload
    def predict_batch(
        self,
        model_id: str,
        input_data: Any,
        tenant_id: str | None = ...,
        *,
        as_frame: Literal[False] = ...,
        id_column: str | None = ...,
        version: str | None = ...,
        id_type: IdType | None = ...,
        chunk_rows: int | None = ...,
        level: float | None = ...,
    ) -> list[Prediction]: ...

    @overload
    def predict_batch(
        self,
        model_id: str,
        input_data: Any,
        tenant_id: str | None = ...,
        *,
        as_frame: Literal[True],
        id_column: str | None = ...,
        version: str | None = ...,
        id_type: IdType | None = ...,
        chunk_rows: int | None = ...,
        level: float | None = ...,
    ) -> pd.DataFrame: ...

    def predict_batch(
        self,
        model_id: str,
        input_data: Any,
        tenant_id: str | None = None,
        *,
        as_frame: bool = False,
        id_column: str | None = None,
        version: str | None = None,
        id_type: IdType | None = None,
        chunk_rows: int | None = None,
        level: float | None = None,
    ) -> list[Prediction] | pd.DataFrame:
        """Predict many rows.

        Parameters
        ----------
        model_id : str
            The model.
        input_data : frame, array, list of dicts or str
            Rows, or a table name or SELECT.
        tenant_id : str, optional
            Whose model it is; by default the system's tenant.
        as_frame : bool
            Return a DataFrame with the index of `input_data` instead of a list of dicts.
        id_column : str, optional
            With a table or SELECT: the column to know the rows by.
        version : str, optional
            By default the deployed one.
        id_type : str, optional
            With a table or SELECT: the SQL type that ids come back as, such as ``bigint``; text by default.
        chunk_rows : int, optional
            Rows that the server reads and predicts at a time, from 100 to 1,000,000.
        level : float, optional
            Say how sure each prediction is: bounds or sets of labels that hold the truth of such a share of rows. Ids
            are text then.

        Returns
        -------
        list of Prediction or DataFrame
            In the order of the rows. The frame has ``prediction``, ``confidence`` and a
            ``probability_<class>`` for each class; with a level instead of these ``lower``, ``upper`` and ``labels``.
        """
        if level is not None:
            more = intervals.BatchOptions(tenant_id, version, id_column, id_type, chunk_rows)
            call = intervals.predict_batch_at_level(self.settings, model_id, input_data, level, more)
            found, index = self.db.run(call)
            return intervals.as_frame(found, index) if as_frame else found
        batch = self.batch(
            model_id,
            input_data,
            tenant_id,
            id_column=id_column,
            version=version,
            id_type=id_type,
            chunk_rows=chunk_rows,
        )
        return batch.as_frame() if as_frame else batch.as_dicts()

    def batch(
        self,
        model_id: str,
        input_data: Any,
        tenant_id: str | None = None,
        *,
        id_column: str | None = None,
        version: str | None = None,
        id_type: IdType | None = None,
        chunk_rows: int | None = None,
    ) -> Batch:
        """Predict many rows and return them column by column, as arrays."""
        call = predict_batch(
            self.settings,
            model_id,
            input_data,
            tenant_id=tenant_id,
            version=version,
            id_column=id_column,
            id_type=id_type,
            chunk_rows=chunk_rows,
        )
        return self.db.run(call)

    def predict_into(
        self,
        model_id: str,
        input_data: Any,
        target_table: str,
        id_column: str | None = None,
        version: str | None = None,
        keep: Sequence[str] | None = None,
        mode: Literal["append", "create", "replace"] = "append",
        level: float | None = None,
        tenant_id: str | None = None,
    ) -> int:
        """Write the predictions of many rows to a table of the database, and return how many.

        Parameters
        ----------
        model_id : str
            The model.
        input_data : frame, array, list of dicts or str
            Rows, or a table name or SELECT.
        target_table : str
            A new or an existing table.
        id_column : str, optional
            The column of `input_data` to know the rows by; by default their number.
        version : str, optional
            By default the deployed one.
        keep : sequence of str, optional
            Columns of `input_data` that are written too, in their types; ``["*"]`` for all.
        mode : {"append", "create", "replace"}
            Add rows, to a new table where there is none; refuse a table that exists; or put the rows in place of those
            that it has, in one transaction.
        level : float, optional
            Write ``lower``, ``upper`` and ``labels`` too, as `predict_batch` returns them.
        tenant_id : str, optional
            Whose model it is; by default the system's tenant.
        """
        return self.db.run(
            predict_into(
                self.settings, model_id, input_data, target_table, id_column, version, keep, mode, level, tenant_id
            )
        )
