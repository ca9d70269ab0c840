"""A scikit-learn estimator whose training and predictions happen in the database."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d, validate_data

from motadata_ml._frames import to_frame, to_series
from motadata_ml._operations.batch import Batch
from motadata_ml._operations.records import native
from motadata_ml.errors import InsufficientDataError, InvalidArgumentError
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

    Works as the last step of a Pipeline and in cross_val_score and GridSearchCV, with ``n_jobs`` too: a pickled
    estimator carries the connection's parameters, the password included, and opens a connection of its own. Each fit
    stores a version of its own, and each fitted object predicts with the version it stored.

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
    keep_versions : int, optional
        How many versions of `model_id` to keep beside the deployed one: each fit deletes the oldest others, so that a
        search leaves these few. At least as many as fits run at once. None keeps all.

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
        keep_versions: int | None = None,
    ) -> None:
        self.system = system
        self.model_id = model_id
        self.model_type = model_type
        self.algorithm = algorithm
        self.hyperparameters = hyperparameters
        self.deploy = deploy
        self.random_state = random_state
        self.keep_versions = keep_versions

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train on all rows and store a version.

        Parameters
        ----------
        X : frame or array of shape (rows, columns)
            The features.
        y : array of shape (rows,)
            The labels or numbers.
        sample_weight : array of shape (rows,), optional
            How much each row counts in the fit.
        """
        if self.model_type not in {"classification", "regression"}:
            raise InvalidArgumentError(
                f"model_type must be 'classification' or 'regression', got {self.model_type!r}",
                hint="use MLSystem.train_model for the other types",
            )
        if y is None:
            raise InvalidArgumentError(
                "this estimator requires y to be passed, but the target y is None", hint="fit(X, y)"
            )
        keep = self.keep_versions
        if keep is not None and (isinstance(keep, bool) or not isinstance(keep, int | np.integer) or keep < 1):
            raise InvalidArgumentError(
                f"keep_versions must be a whole number from 1, or None, got {keep!r}", hint="None keeps all"
            )
        system = self._connected()
        y = _labels(y, self.model_type)
        rows, preprocess = _weighted(X, sample_weight)
        self.result_: TrainingResult = system.train_model(
            self.model_id,
            self.model_type,
            (rows, y),
            hyperparameters=self.hyperparameters,
            progress=False,
            algorithm=self.algorithm,
            random_state=self.random_state,
            test_size=0.0,
            preprocess=preprocess,
            deploy=self.deploy,
        )
        self.model_version_: str = self.result_["model_version"]
        self._prune(system)
        self._check_features(X, reset=True)
        if self.model_type == "classification":
            info = system.get_model_info(self.model_id, version=self.model_version_)
            self.classes_ = np.array([native(label, info["label_type"]) for label in info["classes"]])
        return self

    def predict(self, X: Any) -> NDArray[Any]:
        """Predict each row with the version that this object stored.

        Parameters
        ----------
        X : frame or array of shape (rows, columns)
            The features that `fit` was given.

        Returns
        -------
        ndarray of shape (rows,)
            Labels of their own type, or numbers.
        """
        return np.asarray(self._batch(X).predictions)

    @available_if(_classifies)  # type: ignore[untyped-decorator]  # scikit-learn's decorators are untyped
    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Predict the probability of each class.

        Parameters
        ----------
        X : frame or array of shape (rows, columns)
            The features that `fit` was given.

        Returns
        -------
        ndarray of float64, shape (rows, classes)
            In the order of `classes_`.
        """
        probabilities = self._batch(X).probabilities
        if probabilities is None:
            raise AttributeError(f"the algorithm of {self.model_id!r} has no probabilities")
        return probabilities

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return accuracy for classification, R² for regression.

        Parameters
        ----------
        X : frame or array of shape (rows, columns)
            Rows that were not fitted.
        y : array of shape (rows,)
            Their labels or numbers.
        sample_weight : array of shape (rows,), optional
            How much each row counts; the server's own scores, which are used otherwise, count each once.

        Returns
        -------
        float
            NaN for the R² of a target that does not vary.
        """
        if sample_weight is not None:
            scorer = accuracy_score if self.model_type == "classification" else r2_score
            return float(scorer(to_series(y).to_numpy(), self.predict(X), sample_weight=sample_weight))
        self._fitted()
        self._check_features(X, reset=False)
        scores = self._connected().evaluate(self.model_id, (X, y), version=self.model_version_)
        found = scores.get("accuracy" if self.model_type == "classification" else "r2")
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

    def _prune(self, system: MLSystem) -> None:
        """Delete the oldest versions beyond those to keep; never the deployed one or this object's own."""
        if self.keep_versions is None:
            return
        others = [
            version["version"]
            for version in system.versions(self.model_id)
            if not version["deployed"] and version["version"] != self.model_version_
        ]
        for version in others[: max(0, len(others) - (self.keep_versions - 1))]:
            with contextlib.suppress(LookupError):  # another fit of the same search has deleted it
                system.delete_model(self.model_id, version=version)

    def _batch(self, X: Any) -> Batch:
        """Return the predictions column by column."""
        self._fitted()
        self._check_features(X, reset=False)
        return self._connected().batch(self.model_id, X, version=self.model_version_)

    def _fitted(self) -> None:
        """Refuse to go on before a fit."""
        if not hasattr(self, "model_version_"):
            raise NotFittedError("this PgEstimator is not fitted yet: call fit(X, y) first")

    def _check_features(self, X: Any, *, reset: bool) -> None:
        """Remember the number of columns and their names, or compare with what is remembered."""
        frame = to_frame(X)
        known = isinstance(X, pd.DataFrame | np.ndarray)
        validate_data(self, X if known else frame.to_numpy(), reset=reset, skip_check_array=True)

    def _connected(self) -> MLSystem:
        """Return the system; refuse to go on without one."""
        if self.system is None:
            raise InvalidArgumentError(
                "system must be an MLSystem, got None", hint="PgEstimator(create_ml_system(db), 'model')"
            )
        return self.system


def _labels(y: Any, model_type: str) -> pd.Series[Any]:
    """Return the target as one column, after the looks that scikit-learn's own estimators take at it."""
    if isinstance(y, np.ndarray) and y.ndim == 2 and y.shape[1] == 1:
        y = column_or_1d(y, warn=True)
    labels = to_series(y)
    if len(labels) == 1:
        raise InsufficientDataError("n_samples = 1: one row is not enough to train on", hint="pass two rows or more")
    if model_type == "classification" and pd.api.types.is_float_dtype(labels.dtype):
        values = labels.to_numpy(dtype="float64", na_value=np.nan)
        if np.isfinite(values).all():  # the training itself says what is wrong with the others
            check_classification_targets(values)
    return labels


def _weighted(X: Any, sample_weight: Any) -> tuple[Any, dict[str, Any] | None]:
    """Return the features with the weights beside them, and what says that they are weights."""
    if sample_weight is None:
        return X, None
    frame = to_frame(X)
    weights = np.asarray(sample_weight, dtype=np.float64)
    if weights.ndim == 0:
        weights = np.full(len(frame), float(weights))
    if weights.shape != (len(frame),):
        raise InvalidArgumentError(
            f"sample_weight must have one value for each of {len(frame)} rows, got shape {weights.shape}",
            hint="make it from the same rows as X",
        )
    if not weights.any():
        raise InvalidArgumentError("every sample_weight is zero: no row counts", hint="leave sample_weight out")
    name = "sample_weight"
    while name in frame.columns:
        name += "_"
    return frame.assign(**{name: weights}), {name: {"type": "weight"}}
