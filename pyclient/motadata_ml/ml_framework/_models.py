"""Models and their versions."""

from __future__ import annotations

from motadata_ml._operations import models
from motadata_ml.ml_framework._component import Component
from motadata_ml.ml_framework._evaluator import Evaluator
from motadata_ml.ml_framework._exporter import Exporter
from motadata_ml.ml_framework._inspector import Inspector
from motadata_ml.results import ModelInfo, ModelList, ResultTable


class ModelRegistry(Component):
    """Versions of models and which of them is deployed."""

    def versions(self, model_id: str, tenant_id: str | None = None) -> ModelList:
        """List the versions of a model, oldest first."""
        return self.db.run(models.versions(self.settings, model_id, tenant_id))

    def get_model_info(self, model_id: str, tenant_id: str | None = None, *, version: str | None = None) -> ModelInfo:
        """Describe a version of a model, by default the deployed one."""
        return self.db.run(models.get_model_info(self.settings, model_id, tenant_id, version))

    def deploy(self, model_id: str, version: str, tenant_id: str | None = None) -> str:
        """Make a version the one that predicts, and return it."""
        deployed: str = self.db.run(models.deploy(self.settings, model_id, version, tenant_id))
        return deployed

    def rollback(self, model_id: str, tenant_id: str | None = None) -> str:
        """Deploy the version that was deployed before, and return it."""
        deployed: str = self.db.run(models.rollback(self.settings, model_id, tenant_id))
        return deployed

    def deployments(self, model_id: str | None = None, tenant_id: str | None = None) -> ResultTable:
        """List what was deployed when and by whom, oldest first, of one model or of all."""
        return self.db.run(models.deployments(self.settings, model_id, tenant_id))

    def trials(self, model_id: str, version: str | None = None, tenant_id: str | None = None) -> ResultTable:
        """List the trials of hyperparameter searches, of one version or of all."""
        return self.db.run(models.trials(self.settings, model_id, version, tenant_id))


class ModelManager(ModelRegistry, Evaluator, Inspector, Exporter):
    """List, describe, deploy, score, export and delete models."""

    def list_models(self, tenant_id: str | None = None) -> ModelList:
        """List a tenant's models, each with its deployed version."""
        return self.db.run(models.list_models(self.settings, tenant_id))

    def delete_model(self, model_id: str, tenant_id: str | None = None, *, version: str | None = None) -> bool:
        """Delete a model with all its versions, or one version that is not deployed."""
        deleted: bool = self.db.run(models.delete_model(self.settings, model_id, tenant_id, version))
        return deleted

    def grant_model(self, model_id: str, role_name: str, access: str = "predict", tenant_id: str | None = None) -> None:
        """Let a role of any tenant predict with one model; it names this tenant in its calls."""
        self.db.run(models.grant_model(self.settings, model_id, role_name, access, tenant_id))

    def revoke_model(self, model_id: str, role_name: str, tenant_id: str | None = None) -> None:
        """Take back what `grant_model` gave a role."""
        self.db.run(models.revoke_model(self.settings, model_id, role_name, tenant_id))

    def stat_models(self, tenant_id: str | None = None) -> ResultTable:
        """List how often each version predicted since the server started: calls, rows, errors, seconds."""
        return self.db.run(models.stat_models(self.settings, tenant_id))
