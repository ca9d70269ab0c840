"""Models and their versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from motadata_ml._operations import import_model, models
from motadata_ml.ml_framework._component import Component
from motadata_ml.ml_framework._evaluator import Evaluator
from motadata_ml.ml_framework._exporter import Exporter
from motadata_ml.ml_framework._inspector import Inspector
from motadata_ml.results import ModelInfo, ModelList, ResultTable, TrainingResult


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

    def import_model(
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
        """Store a model that was fitted elsewhere as a new version, once it answers a sample as it did there.

        Parameters
        ----------
        model_id : str
            The model's name.
        data : bytes
            What a file holds.
        format : str
            'skops' or 'onnx'.
        model_type : str
            'classification' or 'regression'.
        features, classes : sequence of str, optional
            Columns of its input, and labels in the order of an ONNX classifier's probabilities.
        sample : sequence of dict
            Rows.
        predictions : sequence
            What the model gave for each of them: a value, a label, or a list of probabilities.
        target, deploy, tenant_id : optional
            As for `upload`, which writes a model and asks it for its answers.
        """
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
        return self.db.run(import_model.import_model(self.settings, arguments, tenant_id))

    def upload(
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
        """Store a model that was fitted elsewhere as a new version, once its answers are those it gives here.

        Parameters
        ----------
        model_id : str
            The model's name.
        model : estimator or bytes
            A fitted scikit-learn estimator or Pipeline, or the bytes of an ONNX model.
        X_sample : DataFrame or array of shape (rows, columns)
            Rows to compare its answers on, at most 200 of them; its columns become the model's features.
        predictions : array, optional
            What an ONNX model answers for them: values, labels, or probabilities of shape (rows, classes).
        model_type : str, optional
            'classification' or 'regression'; None takes what the model is.
        classes : sequence, optional
            Labels of an ONNX classifier in the order of its probabilities.
        target : str, optional
            Name of the column that it predicts, for `evaluate`.
        deploy : bool, optional
            As for `train_model`.
        tenant_id : str, optional
            The tenant.

        Returns
        -------
        TrainingResult
            ``metrics['max_difference']`` is how far the answers were apart.

        Raises
        ------
        ArtifactError
            It holds something that is not taken, or answers otherwise.
        UnsupportedOperationError
            It has no compiled form.
        """
        call = import_model.upload(
            self.settings, model_id, model, X_sample, predictions, model_type, classes, target, deploy, tenant_id
        )
        return self.db.run(call)

    def grant_model(self, model_id: str, role_name: str, access: str = "predict", tenant_id: str | None = None) -> None:
        """Let a role of any tenant predict with one model; it names this tenant in its calls."""
        self.db.run(models.grant_model(self.settings, model_id, role_name, access, tenant_id))

    def revoke_model(self, model_id: str, role_name: str, tenant_id: str | None = None) -> None:
        """Take back what `grant_model` gave a role."""
        self.db.run(models.revoke_model(self.settings, model_id, role_name, tenant_id))

    def stat_models(self, tenant_id: str | None = None) -> ResultTable:
        """List how often each version predicted since the server started: calls, rows, errors, seconds."""
        return self.db.run(models.stat_models(self.settings, tenant_id))
