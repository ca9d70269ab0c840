"""Write the catalogue from what scikit-learn says of itself: ``python -m motadata_ml_server.algorithms.generate``."""

from __future__ import annotations

import inspect
import json
import math
import numbers
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from motadata_ml_server.algorithms.boosters import BOOSTERS
from motadata_ml_server.algorithms.composites import COMPOSITES
from motadata_ml_server.algorithms.unsupported import DENIED

CATALOGUE = Path(__file__).with_name("catalogue.json")

OURS = frozenset(
    {
        "n_jobs",
        "random_state",
        "verbose",
        "verbosity",
        "memory",
        "warm_start",
        "copy",
        "copy_X",
        "copy_x",
        "copy_X_train",
    }
)
"""Parameters that arguments and options decide, or that change nothing but cost."""

MARKERS = ("deprecated", "warn")
"""Defaults by which scikit-learn tells that a parameter was left out; the catalogue says null."""

_DECOMPOSITION = {
    "PCA",
    "IncrementalPCA",
    "KernelPCA",
    "SparsePCA",
    "MiniBatchSparsePCA",
    "TruncatedSVD",
    "FastICA",
    "FactorAnalysis",
    "NMF",
    "MiniBatchNMF",
}
_ANOMALY = {"IsolationForest", "OneClassSVM", "SGDOneClassSVM", "EllipticEnvelope"}
_MIXTURES = {"GaussianMixture", "BayesianGaussianMixture"}

_ALIASES = {
    "RandomForestClassifier": ["forest"],
    "RandomForestRegressor": ["forest"],
    "LogisticRegression": ["logistic", "logreg"],
    "LinearRegression": ["linear", "ols"],
    "SVC": ["svm"],
    "SVR": ["svm"],
    "KNeighborsClassifier": ["knn"],
    "KNeighborsRegressor": ["knn"],
    "KMeans": ["kmeans"],
    "MiniBatchKMeans": ["mini_batch_kmeans"],
    "BisectingKMeans": ["bisecting_kmeans"],
    "GaussianNB": ["naive_bayes"],
    "HistGradientBoostingClassifier": ["hist_gradient_boosting", "hgb"],
    "HistGradientBoostingRegressor": ["hist_gradient_boosting", "hgb"],
    "GradientBoostingClassifier": ["gbm"],
    "GradientBoostingRegressor": ["gbm"],
    "DecisionTreeClassifier": ["tree"],
    "DecisionTreeRegressor": ["tree"],
    "MLPClassifier": ["neural_network"],
    "MLPRegressor": ["neural_network"],
    "LinearDiscriminantAnalysis": ["lda"],
    "QuadraticDiscriminantAnalysis": ["qda"],
    "EllipticEnvelope": ["robust_covariance"],
    "GaussianMixture": ["gmm"],
}

_NONNEGATIVE = {"MultinomialNB", "ComplementNB", "NMF", "MiniBatchNMF"}
_TREES = re.compile(r"Tree|Forest|Boost|Dummy")


def generate() -> dict[str, Any]:
    """Return the catalogue as plain data."""
    from sklearn.utils import all_estimators

    entries: dict[str, Any] = {}
    warnings.simplefilter("ignore", FutureWarning)
    for name, cls in all_estimators():
        model_type = _model_type(name, cls)
        if model_type is not None and name not in DENIED and name not in COMPOSITES:
            entries[name] = _entry(name, cls, model_type)
    entries.update(BOOSTERS)
    entries.update(COMPOSITES)
    return dict(sorted(entries.items()))


def _model_type(name: str, cls: type) -> str | None:
    from sklearn.base import ClassifierMixin, ClusterMixin, RegressorMixin

    if name in _DECOMPOSITION:
        return "decomposition"
    if name in _ANOMALY:
        return "anomaly"
    if issubclass(cls, ClassifierMixin):
        return "classification"
    if issubclass(cls, RegressorMixin):
        return "regression"
    if issubclass(cls, ClusterMixin) or name in _MIXTURES:
        return "clustering"
    return None


def _entry(name: str, cls: Any, model_type: str) -> dict[str, Any]:
    from sklearn.utils.validation import has_fit_parameter

    try:
        nan_ok = bool(cls().__sklearn_tags__().input_tags.allow_nan)
    except TypeError:
        nan_ok = False
    return {
        "module": cls.__module__,
        "model_type": model_type,
        "aliases": sorted(set(_names(name) + _ALIASES.get(name, []))),
        "nan_ok": nan_ok,
        "scaling": _scaling(name),
        "streams": hasattr(cls, "partial_fit"),
        "weights": has_fit_parameter(cls, "sample_weight"),
        "requires": None,
        "parameters": dict(_parameters(cls)),
    }


def _scaling(name: str) -> str:
    if _TREES.search(name):
        return "none"
    return "minmax" if name in _NONNEGATIVE else "standard"


def _names(name: str) -> list[str]:
    """Return the class name in lower case and in snake case, with and without its suffix."""
    short = re.sub(r"(Classifier|Regressor)$", "", name)
    snakes = [re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", text).lower() for text in (name, short)]
    return [*snakes, short.lower()]


def _parameters(cls: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    constraints = cls._parameter_constraints
    for name, parameter in inspect.signature(cls).parameters.items():
        if name in OURS or parameter.kind is parameter.VAR_KEYWORD:
            continue
        default = None if parameter.default in MARKERS else parameter.default
        allowed = list(_allowed(constraints.get(name, [])))
        if isinstance(default, str) and not any(default in rule.get("options", ()) for rule in allowed):
            allowed.append({"type": "string", "options": [default]})
        if allowed and _plain(default):
            yield name, {"default": default, "allowed": allowed}


def _plain(value: Any) -> bool:
    if isinstance(value, float) and not math.isfinite(value):
        return False
    if isinstance(value, (list, tuple)):
        return all(_plain(item) for item in value)
    return value is None or isinstance(value, (bool, int, float, str))


def _allowed(constraints: Any) -> Iterator[dict[str, Any]]:
    """Turn scikit-learn's constraints into JSON; what JSON cannot say (callables, objects) is left out."""
    from sklearn.utils._param_validation import (
        HasMethods,
        Hidden,
        Interval,
        MissingValues,
        Options,
        StrOptions,
    )

    if constraints == "no_validation":
        return
    for constraint in constraints:
        if isinstance(constraint, (Hidden, HasMethods, MissingValues)):
            continue
        if isinstance(constraint, Interval):
            yield _interval(constraint)
        elif isinstance(constraint, StrOptions):
            yield {"type": "string", "options": sorted(constraint.options - constraint.deprecated)}
        elif isinstance(constraint, Options):
            options = [option for option in constraint.options if _plain(option)]
            yield {"type": "option", "options": sorted(options, key=str)}
        else:
            yield from _of_type(constraint)


def _of_type(constraint: Any) -> Iterator[dict[str, Any]]:
    """Turn a constraint that is a type, None or the name of a kind of value into JSON."""
    unbounded = {"low": None, "high": None, "closed": "neither"}
    if constraint is None:
        yield {"type": "null"}
    elif constraint == "boolean" or constraint is bool:
        yield {"type": "boolean"}
    elif constraint == "array-like" or constraint in (list, tuple):
        yield {"type": "array"}
    elif constraint is dict:
        yield {"type": "object"}
    elif constraint in (int, numbers.Integral):
        yield {"type": "integer", **unbounded}
    elif constraint in (float, numbers.Real):
        yield {"type": "number", **unbounded}


def _interval(interval: Any) -> dict[str, Any]:
    def bound(value: Any) -> Any:
        if value is None or (isinstance(value, float) and math.isinf(value)):
            return None
        return float(value) if not isinstance(value, int) else value

    integral = interval.type is numbers.Integral
    return {
        "type": "integer" if integral else "number",
        "low": bound(interval.left),
        "high": bound(interval.right),
        "closed": interval.closed,
    }


def render() -> str:
    """Return the catalogue as the text of its file."""
    return json.dumps(generate(), indent=1, sort_keys=False) + "\n"


if __name__ == "__main__":
    CATALOGUE.write_text(render())
