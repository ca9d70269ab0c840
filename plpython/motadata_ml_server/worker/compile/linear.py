"""Fitted scikit-learn estimators whose scores are linear in their input, as `LinearModel`.

Estimators are recognised by class name and read through their documented attributes, so nothing
here imports scikit-learn. Whether the reading is right is not decided here: `compile` compares
the answers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from motadata_ml_server.prediction.runtimes.linear_model import LinearModel

_COEF_REGRESSORS: Final = frozenset(
    {
        "ARDRegression",
        "BayesianRidge",
        "ElasticNet",
        "ElasticNetCV",
        "HuberRegressor",
        "Lars",
        "LarsCV",
        "Lasso",
        "LassoCV",
        "LassoLars",
        "LassoLarsCV",
        "LassoLarsIC",
        "LinearRegression",
        "LinearSVR",
        "OrthogonalMatchingPursuit",
        "OrthogonalMatchingPursuitCV",
        "PassiveAggressiveRegressor",
        "QuantileRegressor",
        "Ridge",
        "RidgeCV",
        "SGDRegressor",
        "TheilSenRegressor",
    }
)
_LOG_LINK_REGRESSORS: Final = frozenset({"GammaRegressor", "PoissonRegressor"})
_PLAIN_CLASSIFIERS: Final = frozenset(
    {"LinearSVC", "PassiveAggressiveClassifier", "Perceptron", "RidgeClassifier", "RidgeClassifierCV"}
)
_COUNT_BAYES: Final = frozenset({"ComplementNB", "MultinomialNB"})
_CENTRES: Final = frozenset({"KMeans", "MiniBatchKMeans"})


def compile_linear(estimator: Any) -> LinearModel | None:
    """Return the linear form of an estimator, where it has one.

    Parameters
    ----------
    estimator : object
        A fitted scikit-learn estimator.

    Returns
    -------
    LinearModel or None
        None where the estimator is of another family or set up in a way that is not linear.
    """
    name = type(estimator).__name__
    if name in _COEF_REGRESSORS:
        return _affine(estimator, "identity")
    if name in _LOG_LINK_REGRESSORS:
        return _affine(estimator, "exp")
    if name in _PLAIN_CLASSIFIERS:
        return _affine(estimator, "sign" if np.atleast_2d(estimator.coef_).shape[0] == 1 else "argmax")
    if name in _COUNT_BAYES:
        return _count_bayes(estimator)
    if name in _CENTRES:
        return _nearest_centre(estimator.cluster_centers_)
    special = _SPECIAL.get(name)
    return None if special is None else special(estimator)


def _affine(estimator: Any, link: str) -> LinearModel | None:
    weights = np.atleast_2d(np.asarray(estimator.coef_, dtype=np.float64))
    intercepts = np.asarray(getattr(estimator, "intercept_", 0.0), dtype=np.float64).ravel()
    return LinearModel(weights, np.broadcast_to(intercepts, weights.shape[:1]).copy(), link)


def _logistic(estimator: Any) -> LinearModel | None:
    return _affine(estimator, "logit" if len(estimator.classes_) == 2 else "softmax")


def _sgd_classifier(estimator: Any) -> LinearModel | None:
    outputs = np.atleast_2d(estimator.coef_).shape[0]
    if estimator.loss == "log_loss":
        return _affine(estimator, "logit" if outputs == 1 else "ovr")
    if estimator.loss == "modified_huber":
        return _affine(estimator, "modified_huber")
    return _affine(estimator, "sign" if outputs == 1 else "argmax")


def _tweedie(estimator: Any) -> LinearModel | None:
    identity = estimator.link == "identity" or (estimator.link == "auto" and estimator.power <= 0)
    return _affine(estimator, "identity" if identity else "exp")


def _count_bayes(estimator: Any) -> LinearModel | None:
    weights = np.asarray(estimator.feature_log_prob_, dtype=np.float64)
    if type(estimator).__name__ == "MultinomialNB" or len(estimator.classes_) == 1:
        intercepts = np.asarray(estimator.class_log_prior_, dtype=np.float64)
    else:
        intercepts = np.zeros(len(weights))
    return LinearModel(weights, intercepts, "softmax")


def _nearest_centre(centres: Any) -> LinearModel:
    """Minimise |x - c|^2 as scikit-learn does: the largest 2 x.c - |c|^2 (|x|^2 is common to all)."""
    points = np.asarray(centres, dtype=np.float64)
    return LinearModel(2.0 * points, -np.einsum("ij,ij->i", points, points), "argmax")


def _nearest_centroid(estimator: Any) -> LinearModel | None:
    count = len(estimator.classes_)
    if estimator.metric != "euclidean" or not np.isclose(estimator.class_prior_, 1 / count).all():
        return None
    return _centroids(estimator)


def _centroids(estimator: Any) -> LinearModel | None:
    points = np.asarray(estimator.centroids_, dtype=np.float64)
    spread = np.asarray(estimator.within_class_std_dev_, dtype=np.float64)
    scale = np.where(spread != 0.0, spread, 1.0)
    scaled = points / scale
    prior = 2.0 * np.log(np.asarray(estimator.class_prior_, dtype=np.float64))
    intercepts = prior - np.einsum("ij,ij->i", scaled, scaled)
    return LinearModel(2.0 * scaled / scale, intercepts, "softmax")


def _projection(estimator: Any) -> LinearModel | None:
    components = np.asarray(estimator.components_, dtype=np.float64)
    mean = np.asarray(getattr(estimator, "mean_", np.zeros(components.shape[1])), dtype=np.float64)
    if getattr(estimator, "whiten", False) is True:
        floor = np.finfo(np.float64).eps
        scale = np.maximum(np.sqrt(np.asarray(estimator.explained_variance_)), floor)
        components = components / scale[:, None]
    return LinearModel(components, -(components @ mean), "identity")


def _fast_ica(estimator: Any) -> LinearModel | None:
    components = np.asarray(estimator.components_, dtype=np.float64)
    mean = getattr(estimator, "mean_", None)
    shift = np.zeros(len(components)) if mean is None else -(components @ np.asarray(mean))
    return LinearModel(components, shift, "identity")


def _factor_analysis(estimator: Any) -> LinearModel | None:
    components = np.asarray(estimator.components_, dtype=np.float64)
    weighted = components / np.asarray(estimator.noise_variance_)
    inner = np.linalg.inv(np.eye(len(components)) + weighted @ components.T)
    weights = inner @ weighted
    return LinearModel(weights, -(weights @ np.asarray(estimator.mean_)), "identity")


def _one_class_sgd(estimator: Any) -> LinearModel | None:
    weights = np.atleast_2d(np.asarray(estimator.coef_, dtype=np.float64))
    return LinearModel(weights, -np.asarray(estimator.offset_, dtype=np.float64).ravel(), "identity")


def _dummy_classifier(estimator: Any) -> LinearModel | None:
    count = len(estimator.classes_)
    width = int(estimator.n_features_in_)
    if estimator.strategy == "prior":
        chances = np.asarray(estimator.class_prior_, dtype=np.float64)
    elif estimator.strategy == "most_frequent":
        chances = np.eye(count)[int(np.argmax(estimator.class_prior_))]
    elif estimator.strategy == "constant":
        chances = (np.asarray(estimator.classes_) == np.ravel(estimator.constant)[0]).astype(np.float64)
    else:
        return None
    return LinearModel(np.zeros((count, width)), chances, "probabilities")


def _dummy_regressor(estimator: Any) -> LinearModel | None:
    value = np.asarray(estimator.constant_, dtype=np.float64).ravel()
    return LinearModel(np.zeros((1, int(estimator.n_features_in_))), value, "identity")


def _linear_svc_kernel(estimator: Any) -> LinearModel | None:
    if estimator.kernel != "linear":
        return None
    if type(estimator).__name__ == "SVC":
        if len(estimator.classes_) != 2 or getattr(estimator, "probability", False) is True:
            return None
        return _affine(estimator, "sign")
    return _affine(estimator, "identity")


_SPECIAL: Final[dict[str, Callable[[Any], LinearModel | None]]] = {
    "DummyClassifier": _dummy_classifier,
    "DummyRegressor": _dummy_regressor,
    "FactorAnalysis": _factor_analysis,
    "FastICA": _fast_ica,
    "IncrementalPCA": _projection,
    "LinearDiscriminantAnalysis": _logistic,
    "LogisticRegression": _logistic,
    "LogisticRegressionCV": _logistic,
    "NearestCentroid": _nearest_centroid,
    "OneClassSVM": _linear_svc_kernel,
    "PCA": _projection,
    "SGDClassifier": _sgd_classifier,
    "SGDOneClassSVM": _one_class_sgd,
    "SVC": _linear_svc_kernel,
    "SVR": _linear_svc_kernel,
    "TruncatedSVD": _projection,
    "TweedieRegressor": _tweedie,
}
