"""Predict one row or many, awaited; what the methods do is told at `Predictor`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, overload

import pandas as pd

from motadata_ml._operations import intervals, prediction
from motadata_ml._operations.batch import Batch, IdType, predict_batch
from motadata_ml._operations.predict_into import predict_into
from motadata_ml.ml_framework._component import AsyncComponent
from motadata_ml.results import Prediction, Record


class AsyncPredictor(AsyncComponent):
    """Predict with models in the database."""

    async def predict(
        self, model_id: str, input_data: Any, tenant_id: str | None = None, *, version: str | None = None
    ) -> Prediction:
        """Predict one row."""
        return await self.db.run(prediction.predict(self.settings, model_id, input_data, tenant_id, version))

    async def predict_value(
        self, model_id: str, input_data: Any, version: str | None = None, tenant_id: str | None = None
    ) -> float | None:
        """Predict one row as a number; the arguments are those of `predict`."""
        call = prediction.predict_typed(self.settings, "predict_value", model_id, input_data, version, tenant_id)
        value: float | None = await self.db.run(call)
        return value

    async def predict_label(
        self, model_id: str, input_data: Any, version: str | None = None, tenant_id: str | None = None
    ) -> str | None:
        """Predict one row as the text of a class label; the arguments are those of `predict`."""
        call = prediction.predict_typed(self.settings, "predict_label", model_id, input_data, version, tenant_id)
        label: str | None = await self.db.run(call)
        return label

    async def predict_proba(
        self, model_id: str, input_data: Any, version: str | None = None, tenant_id: str | None = None
    ) -> list[float] | None:
        """Predict the probability of each class for one row; the arguments are those of `predict`."""
        call = prediction.predict_typed(self.settings, "predict_proba", model_id, input_data, version, tenant_id)
        shares: list[float] | None = await self.db.run(call)
        return shares

    async def predict_interval(
        self,
        model_id: str,
        input_data: Any,
        level: float = 0.9,
        version: str | None = None,
        tenant_id: str | None = None,
    ) -> Record | None:
        """Predict one row as a number between bounds."""
        call = intervals.predict_interval(self.settings, model_id, input_data, level, version, tenant_id)
        return await self.db.run(call)

    async def predict_set(
        self,
        model_id: str,
        input_data: Any,
        level: float = 0.9,
        version: str | None = None,
        tenant_id: str | None = None,
    ) -> list[str] | None:
        """Predict one row as a set of labels that holds the true one as often as `level` says."""
        call = intervals.predict_set(self.settings, model_id, input_data, level, version, tenant_id)
        return await self.db.run(call)

    @overload
    async def predict_batch(
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
    async def predict_batch(
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

    async def predict_batch(
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
        """Predict many rows."""
        if level is not None:
            more = intervals.BatchOptions(tenant_id, version, id_column, id_type, chunk_rows)
            call = intervals.predict_batch_at_level(self.settings, model_id, input_data, level, more)
            found, index = await self.db.run(call)
            return intervals.as_frame(found, index) if as_frame else found
        batch = await self.batch(
            model_id,
            input_data,
            tenant_id,
            id_column=id_column,
            version=version,
            id_type=id_type,
            chunk_rows=chunk_rows,
        )
        return batch.as_frame() if as_frame else batch.as_dicts()

    async def batch(
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
        return await self.db.run(call)

    async def predict_into(
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
        """Write the predictions of many rows to a table of the database, and return how many."""
        return await self.db.run(
            predict_into(
                self.settings, model_id, input_data, target_table, id_column, version, keep, mode, level, tenant_id
            )
        )
