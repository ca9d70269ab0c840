"""The parts of a system: trainer, predictor, model manager, registry, data processor."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Literal, Self, overload

import pandas as pd
from psycopg import sql

from motadata_ml._calls import Call, Steps
from motadata_ml._frames import to_columns, to_frame
from motadata_ml._operations import evaluation, management, prediction
from motadata_ml._operations.batch import Batch, predict_batch
from motadata_ml._operations.settings import Settings
from motadata_ml._operations.training import Training, train_model
from motadata_ml._operations.upload import store
from motadata_ml._progress import ProgressOption, progress_shown
from motadata_ml.errors import InvalidArgumentError
from motadata_ml.postgresql_database import DatabaseConnection
from motadata_ml.results import ModelInfo, ModelList, Prediction, TrainingResult

_log = logging.getLogger("motadata_ml")


class _Component:
    """What all parts share: the connection and the system's settings."""

    def __init__(self, db: DatabaseConnection, settings: Settings | None = None) -> None:
        self.db = db
        self.settings = settings or Settings()

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        # scikit-learn's clone() copies the parameters of an estimator: a connection is shared, not copied.
        return self


class Trainer(_Component):
    """Train models in the database."""

    def train_model(
        self,
        model_id: str,
        model_type: str,
        training_data: Any,
        validation_data: Any = None,
        hyperparameters: Mapping[str, Any] | None = None,
        tenant_id: str | None = None,
        *,
        progress: ProgressOption = None,
        **more: Any,
    ) -> TrainingResult:
        """Train a model on in-memory rows, a table or a SELECT, and store it as a new version.

        Parameters
        ----------
        model_id : str
            The model's name; training it again makes a new version.
        model_type : str
            ``classification``, ``regression``, ``clustering``, ``anomaly`` or ``decomposition``.
        training_data : tuple (X, y), frame or str
            Features and target; one frame, with `target` naming a column; or a table name or SELECT, whose
            rows never leave the server.
        validation_data : tuple (X, y), frame or str, optional
            Rows to score on instead of a held-back share.
        hyperparameters : mapping, optional
            By scikit-learn's names.
        tenant_id : str, optional
            Whose model it is; by default the system's tenant.
        progress : bool or callable, optional
            By default a bar in terminals and notebooks; a callable receives each `TrainingProgress`.
        **more
            ``target``, ``features``, ``algorithm``, ``test_size``, ``split``, ``cv``, ``search``,
            ``preprocess``, ``random_state``, ``deploy`` and ``execution``, as in ``ml.train``.

        Returns
        -------
        TrainingResult
            A dict of model_id, status, metrics, training_time (seconds) and model_version.

        Raises
        ------
        MLTrainingError
            If the data, the algorithm or its hyperparameters do not do, or the fit fails.
        """
        training = training_of(more, model_id, model_type, training_data, validation_data, hyperparameters, tenant_id)
        with progress_shown(progress, model_id) as on_notice:
            result = self.db.run(train_model(self.settings, training, on_notice))
        log_result(result)
        return result

    train = train_model


class Predictor(_Component):
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

        Returns
        -------
        list of Prediction or DataFrame
            In the order of the rows. The frame has ``prediction``, ``confidence`` and a
            ``probability_<class>`` for each class.
        """
        batch = self.batch(model_id, input_data, tenant_id, id_column=id_column, version=version)
        return batch.as_frame() if as_frame else batch.as_dicts()

    def batch(
        self,
        model_id: str,
        input_data: Any,
        tenant_id: str | None = None,
        *,
        id_column: str | None = None,
        version: str | None = None,
    ) -> Batch:
        """Predict many rows and return them column by column, as arrays."""
        call = predict_batch(
            self.settings, model_id, input_data, tenant_id=tenant_id, version=version, id_column=id_column
        )
        return self.db.run(call)


class ModelRegistry(_Component):
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


class DataProcessor(_Component):
    """Look at in-memory data the way the database will see it, and store it there."""

    def describe(self, data: Any) -> pd.DataFrame:
        """Return the SQL type and the number of missing values of each column.

        Raises
        ------
        UnsupportedColumnError
            For a column that cannot be a feature.
        """
        columns = to_columns(to_frame(data, "data"), "data")
        return pd.DataFrame(
            {
                "column": [column.name for column in columns],
                "sql_type": [column.sql_type for column in columns],
                "missing": [int(column.missing.sum()) for column in columns],
            }
        )

    def to_table(self, data: Any, table: str, *, schema: str | None = None) -> int:
        """Create a table with the rows and return their number.

        Parameters
        ----------
        data : frame, array, list of dicts
            The rows.
        table : str
            Its exact name; it must not exist.
        schema : str, optional
            Its schema; by default the first of the search path.
        """
        columns = to_columns(to_frame(data, "data"), "data")
        if not table:
            raise InvalidArgumentError("table must name the new table, got ''", hint="table='tickets'")
        name = sql.Identifier(schema, table) if schema else sql.Identifier(table)

        def steps() -> Steps[int]:
            yield from store(name, columns)
            return len(columns[0])

        return self.db.run(Call(steps))


def training_of(more: Mapping[str, Any], *documented: Any) -> Training:
    """Return the arguments of a training; refuse keywords that ml.train does not know."""
    unknown = sorted(set(more) - set(Training.__dataclass_fields__))
    if unknown:
        raise InvalidArgumentError(
            f"train_model has no argument {unknown[0]!r}",
            hint=f"its arguments are {', '.join(Training.__dataclass_fields__)} and progress",
        )
    return Training(*documented, **more)


def log_result(result: TrainingResult) -> None:
    """Log a finished training."""
    _log.info("trained %s %s in %.2f s", result["model_id"], result["model_version"], result["training_time"])
