"""Models and their versions."""

from __future__ import annotations

from typing import Any

from motadata_ml._operations import evaluation, management
from motadata_ml.ml_framework._component import Component
from motadata_ml.results import ModelInfo, ModelList


class ModelRegistry(Component):
    """Versions of models and which of them is deployed."""

    def versions(self, model_id: str, tenant_id: str | None = None) -> ModelList:
        """List the versions of a model, oldest first."""
        return self.db.run(management.versions(self.settings, model_id, tenant_id))

    def get_model_info(self, model_id: str, tenant_id: str | None = None, *, version: str | None = None) -> ModelInfo:
        """Describe a version of a model, by default the deployed one."""
        return self.db.run(management.get_model_info(self.settings, model_id, tenant_id, version))

    def deploy(self, model_id: str, version: str, tenant_id: str | None = None) -> str:
        """Make a version the one that predicts, and return it."""
        return self.db.run(management.deploy(self.settings, model_id, version, tenant_id))

    def rollback(self, model_id: str, tenant_id: str | None = None) -> str:
        """Deploy the version that was deployed before, and return it."""
        return self.db.run(management.rollback(self.settings, model_id, tenant_id))


class ModelManager(ModelRegistry):
    """List, describe, deploy, score and delete models."""

    def list_models(self, tenant_id: str | None = None) -> ModelList:
        """List a tenant's models, each with its deployed version."""
        return self.db.run(management.list_models(self.settings, tenant_id))

    def delete_model(self, model_id: str, tenant_id: str | None = None, *, version: str | None = None) -> bool:
        """Delete a model with all its versions, or one version that is not deployed."""
        return self.db.run(management.delete_model(self.settings, model_id, tenant_id, version))

    def evaluate(
        self,
        model_id: str,
        data: Any,
        *,
        target: str | None = None,
        tenant_id: str | None = None,
        version: str | None = None,
    ) -> dict[str, Any]:
        """Score a model on rows it was not trained on.

        Parameters
        ----------
        model_id : str
            The model.
        data : tuple (X, y), frame or str
            Rows with their outcome; a table name or SELECT stays on the server.
        target : str, optional
            The outcome's column; by default the model's target.

        Returns
        -------
        dict
            accuracy, precision, recall, f1_score, their macro means; or r2, rmse, mae, mape; and n_test.
        """
        return self.db.run(
            evaluation.evaluate(self.settings, model_id, data, target=target, tenant_id=tenant_id, version=version)
        )
