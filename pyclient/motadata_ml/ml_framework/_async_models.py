"""Models and their versions, scores and exports, awaited; what the methods do is told at `ModelManager`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from motadata_ml._operations import export, import_model, inspection, models
from motadata_ml.ml_framework._async_evaluator import AsyncEvaluator
from motadata_ml.ml_framework._component import AsyncComponent
from motadata_ml.results import ModelInfo, ModelList, ResultTable, TrainingResult


class AsyncInspector(AsyncComponent):
    """Explain answers; the server takes them apart, by the definitions of the SQL reference."""

    async def explain(
        self,
        model_id: str,
        input_data: Any,
        top_k: int | None = None,
        class_name: Any = None,
        version: str | None = None,
        detail: bool = False,
        tenant_id: str | None = None,
    ) -> ResultTable:
        """Tell what each feature adds to the score of one row."""
        return await self.db.run(
            inspection.explain(self.settings, model_id, input_data, top_k, class_name, version, detail, tenant_id)
        )

    async def explain_batch(
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
        """Tell what each feature adds to the score of each of many rows."""
        more = (top_k, class_name, version, detail, chunk_rows, tenant_id)
        return await self.db.run(inspection.explain_batch(self.settings, model_id, input_data, id_column, *more))

    async def coefficients(
        self, model_id: str, version: str | None = None, tenant_id: str | None = None
    ) -> ResultTable:
        """List the coefficients of a linear model in the units of the table, with their standard errors."""
        return await self.db.run(inspection.coefficients(self.settings, model_id, version, tenant_id))

    async def importance(
        self,
        model_id: str,
        input_data: str | None = None,
        target: str | None = None,
        version: str | None = None,
        tenant_id: str | None = None,
    ) -> ResultTable:
        """List how much worse a model scores without each feature: as at training, or on the rows given."""
        return await self.db.run(inspection.importance(self.settings, model_id, input_data, target, version, tenant_id))

    async def partial_dependence(
        self,
        model_id: str,
        feature: str,
        input_data: str,
        grid: Sequence[Any] | None = None,
        class_name: Any = None,
        version: str | None = None,
        tenant_id: str | None = None,
    ) -> ResultTable:
        """List the mean answer over the rows given, for values of one feature that all of them are given."""
        more = (grid, class_name, version, tenant_id)
        return await self.db.run(inspection.partial_dependence(self.settings, model_id, feature, input_data, *more))

    async def cluster_profile(
        self, model_id: str, input_data: str, version: str | None = None, tenant_id: str | None = None
    ) -> ResultTable:
        """List what the rows of each cluster are like: means of numbers and shares of categories, against all rows."""
        return await self.db.run(inspection.cluster_profile(self.settings, model_id, input_data, version, tenant_id))

    async def counterfactual(
        self,
        model_id: str,
        input_data: Any,
        wanted: Any,
        vary: Sequence[str] | None = None,
        version: str | None = None,
        tenant_id: str | None = None,
    ) -> dict[str, Any] | None:
        """Return the smallest change of the named features by which the model answers what is wanted."""
        more = (wanted, vary, version, tenant_id)
        return await self.db.run(inspection.counterfactual(self.settings, model_id, input_data, *more))


class AsyncExporter(AsyncComponent):
    """Write models as SQL and as ONNX."""

    async def to_sql(
        self,
        model_id: str,
        output: str | None = None,
        dialect: str = "postgres",
        version: str | None = None,
        tenant_id: str | None = None,
    ) -> str:
        """Write a linear model, a tree or a small ensemble as a SQL expression over its features."""
        text: str = await self.db.run(export.to_sql(self.settings, model_id, output, dialect, version, tenant_id))
        return text

    async def create_sql_function(
        self,
        model_id: str,
        function_name: str,
        output: str | None = None,
        version: str | None = None,
        tenant_id: str | None = None,
    ) -> str:
        """Install a model as a plain SQL function of its features, and return its signature."""
        signature: str = await self.db.run(
            export.create_sql_function(self.settings, model_id, function_name, output, version, tenant_id)
        )
        return signature

    async def export_onnx(self, model_id: str, version: str | None = None, tenant_id: str | None = None) -> bytes:
        """Return a model as ONNX, from raw columns to predictions."""
        return bytes(await self.db.run(export.export_onnx(self.settings, model_id, version, tenant_id)))


class AsyncModelRegistry(AsyncComponent):
    """Versions of models and which of them is deployed."""

    async def versions(self, model_id: str, tenant_id: str | None = None) -> ModelList:
        """List the versions of a model, oldest first."""
        return await self.db.run(models.versions(self.settings, model_id, tenant_id))

    async def get_model_info(
        self, model_id: str, tenant_id: str | None = None, *, version: str | None = None
    ) -> ModelInfo:
        """Describe a version of a model, by default the deployed one."""
        return await self.db.run(models.get_model_info(self.settings, model_id, tenant_id, version))

    async def deploy(self, model_id: str, version: str, tenant_id: str | None = None) -> str:
        """Make a version the one that predicts, and return it."""
        deployed: str = await self.db.run(models.deploy(self.settings, model_id, version, tenant_id))
        return deployed

    async def rollback(self, model_id: str, tenant_id: str | None = None) -> str:
        """Deploy the version that was deployed before, and return it."""
        deployed: str = await self.db.run(models.rollback(self.settings, model_id, tenant_id))
        return deployed

    async def deployments(self, model_id: str | None = None, tenant_id: str | None = None) -> ResultTable:
        """List what was deployed when and by whom, oldest first, of one model or of all."""
        return await self.db.run(models.deployments(self.settings, model_id, tenant_id))

    async def trials(self, model_id: str, version: str | None = None, tenant_id: str | None = None) -> ResultTable:
        """List the trials of hyperparameter searches, of one version or of all."""
        return await self.db.run(models.trials(self.settings, model_id, version, tenant_id))


class AsyncModelManager(AsyncModelRegistry, AsyncEvaluator, AsyncInspector, AsyncExporter):
    """List, describe, deploy, score, export and delete models."""

    async def list_models(self, tenant_id: str | None = None) -> ModelList:
        """List a tenant's models, each with its deployed version."""
        return await self.db.run(models.list_models(self.settings, tenant_id))

    async def delete_model(self, model_id: str, tenant_id: str | None = None, *, version: str | None = None) -> bool:
        """Delete a model with all its versions, or one version that is not deployed."""
        deleted: bool = await self.db.run(models.delete_model(self.settings, model_id, tenant_id, version))
        return deleted

    async def import_model(
        self,
        model_id: str,
        data: bytes,
        format: str,
        model_type: str,
        features: Sequence[str] | None = None,
        classes: Sequence[str] | None = None,
        sample: Sequence[Mapping[str, Any]] | None = None,
        predictions: Sequence[Any] | None = None,
        target: str | None = None,
        deploy: bool | None = None,
        tenant_id: str | None = None,
    ) -> TrainingResult:
        """Store a model that was fitted elsewhere as a new version, once it answers a sample as it did there."""
        arguments = {
            "model_id": model_id,
            "data": data,
            "format": format,
            "model_type": model_type,
            "features": features,
            "classes": classes,
            "sample": sample,
            "predictions": predictions,
            "target": target,
            "deploy": deploy,
        }
        return await self.db.run(import_model.import_model(self.settings, arguments, tenant_id))

    async def upload(
        self,
        model_id: str,
        model: Any,
        X_sample: Any,
        predictions: Any = None,
        *,
        model_type: str | None = None,
        classes: Sequence[Any] | None = None,
        target: str | None = None,
        deploy: bool | None = None,
        tenant_id: str | None = None,
    ) -> TrainingResult:
        """Store a model that was fitted elsewhere as a new version, once its answers are those it gives here."""
        call = import_model.upload(
            self.settings, model_id, model, X_sample, predictions, model_type, classes, target, deploy, tenant_id
        )
        return await self.db.run(call)

    async def grant_model(
        self, model_id: str, role_name: str, access: str = "predict", tenant_id: str | None = None
    ) -> None:
        """Let a role of any tenant predict with one model; it names this tenant in its calls."""
        await self.db.run(models.grant_model(self.settings, model_id, role_name, access, tenant_id))

    async def revoke_model(self, model_id: str, role_name: str, tenant_id: str | None = None) -> None:
        """Take back what `grant_model` gave a role."""
        await self.db.run(models.revoke_model(self.settings, model_id, role_name, tenant_id))

    async def stat_models(self, tenant_id: str | None = None) -> ResultTable:
        """List how often each version predicted since the server started: calls, rows, errors, seconds."""
        return await self.db.run(models.stat_models(self.settings, tenant_id))
