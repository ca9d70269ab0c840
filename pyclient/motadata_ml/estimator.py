"""A scikit-learn estimator whose training and predictions happen in the database."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.utils.metaestimators import available_if

from motadata_ml._frames import to_frame, to_series
from motadata_ml._operations.batch import Batch
from motadata_ml._operations.metrics import classification, regression
from motadata_ml._operations.records import native
from motadata_ml.errors import InvalidArgumentError
from motadata_ml.ml_framework import MLSystem
from motadata_ml.results import TrainingResult

__all__ = ["PgEstimator"]


def _classifies(estimator: PgEstimator) -> bool:
    """Whether the estimator has classes."""
    if estimator.model_type != "classification":
        raise AttributeError(f"a {estimator.model_type} model has no probabilities")
    return True


class PgEstimator(BaseEstimator):  # type: ignore[misc]  # scikit-learn's classes are untyped
    """Train in the database behind scikit-learn's interface.

    Works as the last step of a Pipeline and in cross_val_score and GridSearchCV. Each fit stores a version of
    its own, and each fitted object predicts with the version it stored.

    Parameters
    ----------
    system : MLSystem
        Where to train; shared by clones.
    model_id : str
        The model's name.
    model_type : str
        ``classification`` or ``regression``.
    algorithm : str, optional
        As in ``ml.train``.
    hyperparameters : mapping, optional
        By scikit-learn's names.
    deploy : bool
        Whether a fit becomes the version that predicts in SQL. Leave it off in cross validation.
    random_state : int, optional
        Seed of the fit.

    Attributes
    ----------
    model_version_ : str
        The version the fit stored.
    result_ : TrainingResult
        What the training returned.
    classes_ : ndarray of shape (classes,)
        Labels in the order of `predict_proba`'s columns.
    n_features_in_ : int
        Number of columns.
    """

    def __init__(
        self,
        system: MLSystem | None = None,
        model_id: str = "pg_estimator",
        model_type: str = "classification",
        algorithm: str | None = None,
        hyperparameters: Mapping[str, Any] | None = None,
        deploy: bool = False,
        random_state: int | None = None,
    ) -> None:
        self.system = system
        self.model_id = model_id
        self.model_type = model_type
        self.algorithm = algorithm
        self.hyperparameters = hyperparameters
        self.deploy = deploy
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> Self:
        """Train on all rows and store a version.

        Parameters
        ----------
        X : frame or array of shape (rows, columns)
            The features.
        y : array of shape (rows,)
            The labels or numbers.
        """
        if self.model_type not in {"classification", "regression"}:
            raise InvalidArgumentError(
                f"model_type must be 'classification' or 'regression', got {self.model_type!r}",
                hint="use MLSystem.train_model for the other types",
            )
        self.result_: TrainingResult = self._connected().train_model(
            self.model_id,
            self.model_type,
            (X, y),
            hyperparameters=self.hyperparameters,
            progress=False,
            algorithm=self.algorithm,
            random_state=self.random_state,
            test_size=0.0,
            deploy=self.deploy,
        )
        self.model_version_: str = self.result_["model_version"]
        frame = to_frame(X)
        self.n_features_in_ = len(frame.columns)
        if isinstance(X, pd.DataFrame):
            self.feature_names_in_ = np.asarray(frame.columns, dtype=object)
        if self.model_type == "classification":
            info = self._connected().model_manager.get_model_info(self.model_id, version=self.model_version_)
            self.classes_ = np.array([native(label, info["label_type"]) for label in info["classes"]])
        return self

    def predict(self, X: Any) -> NDArray[Any]:
        """Predict each row with the version that this object stored."""
        return np.asarray(self._batch(X).predictions)

    @available_if(_classifies)  # type: ignore[untyped-decorator]  # scikit-learn's decorators are untyped
    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Predict the probability of each class, in the order of `classes_`."""
        probabilities = self._batch(X).probabilities
        if probabilities is None:
            raise AttributeError(f"the algorithm of {self.model_id!r} has no probabilities")
        return probabilities

    def score(self, X: Any, y: Any) -> float:
        """Return accuracy for classification, R² for regression."""
        predicted, actual = self.predict(X), to_series(y)
        if self.model_type == "classification":
            return float(classification(actual.tolist(), predicted.tolist())["accuracy"])
        found = regression(actual.to_numpy(dtype=np.float64), predicted.astype(np.float64))["r2"]
        return float("nan") if found is None else float(found)

    def __sklearn_tags__(self) -> Any:
        """Tell scikit-learn what this is."""
        from sklearn.utils import ClassifierTags, RegressorTags

        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.input_tags.allow_nan = tags.input_tags.string = tags.input_tags.categorical = True
        if self.model_type == "classification":
            tags.estimator_type, tags.classifier_tags = "classifier", ClassifierTags()
        else:
            tags.estimator_type, tags.regressor_tags = "regressor", RegressorTags()
        return tags

    def _batch(self, X: Any) -> Batch:
        """Return the predictions column by column."""
        if not hasattr(self, "model_version_"):
            raise NotFittedError("this PgEstimator is not fitted yet: call fit(X, y) first")
        return self._connected().predictor.batch(self.model_id, X, version=self.model_version_)

    def _connected(self) -> MLSystem:
        """Return the system; refuse to go on without one."""
        if self.system is None:
            raise InvalidArgumentError(
                "system must be an MLSystem, got None", hint="PgEstimator(create_ml_system(db), 'model')"
            )
        return self.system
