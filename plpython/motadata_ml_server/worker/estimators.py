"""Estimators made from their catalogue entry, and asked in one way whatever they are."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.algorithms.catalogue import AlgorithmEntry
from motadata_ml_server.algorithms.composites import COMPOSITES
from motadata_ml_server.errors import InvalidHyperparameterError

ROUNDING = 1e-3
"""Probabilities whose sum is nearer to 1 than this are made to sum to it."""


def estimator_class(entry: AlgorithmEntry) -> Any:
    """Import an estimator's class by its entry in the catalogue."""
    return getattr(importlib.import_module(entry.module), entry.name)


def make(
    entry: AlgorithmEntry,
    hyperparameters: Mapping[str, Any],
    threads: int,
    random_state: int | None,
    classes: Sequence[str] | None,
) -> Any:
    """Make an unfitted estimator.

    Parameters
    ----------
    entry : AlgorithmEntry
        Which one.
    hyperparameters : mapping
        Checked ones.
    threads : int
        Given as n_jobs where it takes that.
    random_state : int or None
        Given where it takes that.
    classes : sequence of str or None
        Labels in the order of their numbers: class weights name labels.
    """
    if entry.composed:
        from motadata_ml_server.worker import composites

        return composites.make(
            estimator_class(entry),
            entry,
            hyperparameters,
            lambda one, own: make(one, own, threads, random_state, classes),
        )
    cls = estimator_class(entry)
    accepted = inspect.signature(cls).parameters
    takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in accepted.values())
    arguments = dict(hyperparameters)
    if isinstance(arguments.get("class_weight"), dict):
        arguments["class_weight"] = _class_weight(arguments["class_weight"], classes or ())
    if isinstance(arguments.get("hidden_layer_sizes"), list):
        arguments["hidden_layer_sizes"] = tuple(arguments["hidden_layer_sizes"])
    if isinstance(arguments.get("quantile_range"), list):
        arguments["quantile_range"] = tuple(arguments["quantile_range"])
    if "random_state" in accepted or takes_any:
        arguments["random_state"] = random_state
    if ("n_jobs" in accepted or takes_any) and not _n_jobs_is_spent(cls):
        arguments["n_jobs"] = threads
    if entry.requires == "lightgbm":
        arguments["verbosity"] = -1
    return cls(**arguments)


def fit(estimator: Any, encoded: Any, goal: NDArray[Any] | None, weights: NDArray[np.float64] | None) -> Any:
    """Fit an estimator, with a target and sample weights where there are any; return it."""
    given = {} if weights is None else {"sample_weight": weights}
    if hasattr(encoded, "toarray") and type(estimator).__name__ in COMPOSITES:
        from motadata_ml_server.worker import composites

        composites.suit_sparse(estimator)
    return estimator.fit(encoded, **given) if goal is None else estimator.fit(encoded, goal, **given)


def _n_jobs_is_spent(cls: Any) -> bool:
    """Tell estimators whose n_jobs has no effect any more and warns."""
    return bool(cls.__name__ == "LogisticRegression")


def _class_weight(weights: Mapping[str, Any], classes: Sequence[str]) -> dict[int, float]:
    numbers = {label: number for number, label in enumerate(classes)}
    unknown = sorted(set(weights) - set(numbers))
    if unknown:
        raise InvalidHyperparameterError(
            f"class_weight names {unknown[0]!r}, which is not a class of the target",
            hint=f"Its classes are: {', '.join(classes[:20])}.",
        )
    return {numbers[label]: float(weight) for label, weight in weights.items()}


def probabilities(estimator: Any, encoded: Any) -> NDArray[np.float64] | None:
    """Return class probabilities, None where the estimator has none."""
    if not hasattr(estimator, "predict_proba"):
        return None
    found = np.asarray(estimator.predict_proba(encoded), dtype=np.float64)
    if len(found):
        sums = found.sum(axis=1, keepdims=True)
        # Those of XGBoost are float32, whose sum is 1 but for rounding, and scikit-learn's metrics warn of that.
        found = np.divide(found, sums, out=found.copy(), where=(sums > 0) & (np.abs(sums - 1.0) < ROUNDING))
    return found


def decision(estimator: Any, encoded: Any) -> NDArray[np.float64] | None:
    """Return decision scores, None where the estimator has none."""
    if not hasattr(estimator, "decision_function"):
        return None
    return np.asarray(estimator.decision_function(encoded), dtype=np.float64)


def full_hyperparameters(entry: AlgorithmEntry, estimator: Any) -> dict[str, Any]:
    """Return all hyperparameters as they were used, those that JSON can hold."""
    used = estimator.get_params(deep=False)
    return {
        name: used[name]
        for name in entry.parameters
        if name in used and is_plain(used[name]) and used[name] not in ("deprecated", "warn")
    }


def is_plain(value: Any) -> bool:
    """Tell what JSON can hold."""
    if isinstance(value, dict):
        return all(is_plain(item) for item in value.values())
    if isinstance(value, (list, tuple)):
        return all(is_plain(item) for item in value)
    return value is None or isinstance(value, (bool, int, float, str))
