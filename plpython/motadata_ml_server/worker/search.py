"""Hyperparameter searches by scikit-learn's own search estimators."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.algorithms.catalogue import AlgorithmEntry
from motadata_ml_server.algorithms.hyperparameters import check_one
from motadata_ml_server.errors import InvalidArgumentError
from motadata_ml_server.training.scoring import positive_class
from motadata_ml_server.training.specification import TrainingSpec
from motadata_ml_server.worker.cross_validation import all_classes
from motadata_ml_server.worker.folds import Folds
from motadata_ml_server.worker.inside_fit import Report, Tasks, watched
from motadata_ml_server.worker.scoring import scorer
from motadata_ml_server.worker.target import EncodedTarget

METHODS = ("grid", "random", "halving")
_KEYS = ("method", "params", "n_iter", "cv", "scoring")
MAX_TRIALS = 10_000
FOLDS = 3
"""Folds where ``cv`` of the search names no other number."""


@dataclass(frozen=True)
class Rows:
    """Rows to search on: encoded, with their target and what each counts, where there are any."""

    encoded: Any
    goal: EncodedTarget | None
    weights: NDArray[np.float64] | None


def run(
    entry: AlgorithmEntry,
    estimator: Any,
    asked: Mapping[str, Any],
    rows: Rows,
    drawn: Folds,
    spec: TrainingSpec,
    report: Report,
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Search, and return the best hyperparameters with every trial.

    Parameters
    ----------
    entry : AlgorithmEntry
        The estimator's entry.
    estimator : object
        Unfitted, with the fixed hyperparameters.
    asked : mapping
        method, params, n_iter, cv and scoring; see ``ml.train``.
    rows : Rows
        The training rows.
    drawn : Folds
        The folds that every trial is scored on.
    spec : TrainingSpec
        random_state, the seed of the draws, and the positive class.
    report : callable
        Told the share of fits done, and the seconds left.

    Returns
    -------
    best : dict
        Hyperparameters of the best trial.
    trials : list of dict
        hyperparameters, score, std, rank and seconds of each.

    Raises
    ------
    InvalidArgumentError
        ML009: an unknown key, method, scoring or form of parameters, or a scoring that the folds do not allow.
    InvalidHyperparameterError
        ML008: a value that the estimator would refuse.
    """
    check(asked)
    space = {name: _candidates(entry, name, values) for name, values in asked["params"].items()}
    classes = None if rows.goal is None else rows.goal.classes
    positive = None if classes is None else positive_class(classes, spec.label_type, spec.positive_class)
    if classes is not None and (asked.get("method") == "halving" or drawn.lack_classes(rows.goal)):
        estimator = all_classes(estimator, classes)
    scoring = scorer(asked.get("scoring"), None if classes is None else len(classes), positive)
    search = _search(estimator, asked, space, spec.random_state, {"cv": drawn.pairs, "scoring": scoring})
    given = {} if rows.weights is None else {"sample_weight": rows.weights}
    total = _fits(asked, space, len(drawn.pairs))
    with Tasks(total or 1) as tasks, watched(tasks.share if total else lambda: None, report):
        search.fit(rows.encoded, None if rows.goal is None else rows.goal.values, **given)
    return _plain(search.best_params_), _trials(search.cv_results_, asked)


def _fits(asked: Mapping[str, Any], space: Mapping[str, Any], folds: int) -> int | None:
    """Return how many fits a search takes; None for halving, whose fits differ."""
    method = asked.get("method", "grid")
    if method == "halving":
        return None
    if method == "random":
        return int(asked.get("n_iter", 10)) * folds
    return math.prod(len(values) for values in space.values()) * folds


def _trials(results: Mapping[str, Any], asked: Mapping[str, Any]) -> list[dict[str, Any]]:
    if np.isnan(results["mean_test_score"]).all():
        raise InvalidArgumentError(
            f"search scoring {asked.get('scoring')!r} cannot be had: not every fold has rows of every class it needs",
            hint="Choose another scoring, such as accuracy or f1_macro, or fewer folds with search.cv.",
        )
    return [
        {
            "hyperparameters": _plain(parameters),
            "score": float(results["mean_test_score"][at]),
            "std": float(results["std_test_score"][at]),
            "rank": int(results["rank_test_score"][at]),
            "seconds": float(results["mean_fit_time"][at]),
        }
        for at, parameters in enumerate(results["params"])
    ]


def check(asked: Mapping[str, Any]) -> None:
    """Refuse an argument ``search`` that is wrong; see `run`."""
    unknown = sorted(set(asked) - set(_KEYS))
    if unknown:
        raise InvalidArgumentError(f"search has no key {unknown[0]!r}", hint=f"Its keys are {', '.join(_KEYS)}.")
    if asked.get("method", "grid") not in METHODS:
        raise InvalidArgumentError(
            f"search method must be one of {', '.join(METHODS)}, got {asked['method']!r}",
            hint="grid tries all.",
        )
    if not isinstance(asked.get("params"), dict) or not asked["params"]:
        raise InvalidArgumentError(
            f"search params must be a JSON object with values to try, got {asked.get('params')!r}",
            hint='Write "params": {"max_depth": [3, 10]} or {"alpha": {"low": 0.001, "high": 1, "log": true}}.',
        )
    for name, low, high in (("n_iter", 1, MAX_TRIALS), ("cv", 2, 100)):
        value = asked.get(name, low)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise InvalidArgumentError(
                f"search {name} must be a whole number from {low} to {high}, got {value!r}",
                hint="Leave it out.",
            )


def _candidates(entry: AlgorithmEntry, name: str, values: Any) -> Any:
    if isinstance(values, list):
        if not values:
            raise InvalidArgumentError(f"search params {name!r} lists no value", hint="List values to try.")
        return [check_one(entry, name, value) for value in values]
    if isinstance(values, dict) and {"low", "high"} <= set(values) <= {"low", "high", "log"}:
        low, high = check_one(entry, name, values["low"]), check_one(entry, name, values["high"])
        return _distribution(low, high, bool(values.get("log", False)))
    raise InvalidArgumentError(
        f"search params {name!r} must be a list or a range, got {values!r}",
        hint='Write [1, 2, 3] or {"low": 1, "high": 100, "log": true}.',
    )


def _distribution(low: Any, high: Any, log: bool) -> Any:
    from scipy.stats import loguniform, randint, uniform

    if not low < high:
        raise InvalidArgumentError(f"a range needs low < high, got {low} and {high}", hint="Swap them.")
    if log:
        return loguniform(low, high)
    if isinstance(low, int) and isinstance(high, int):
        return randint(low, high + 1)
    return uniform(low, high - low)


def _search(
    estimator: Any,
    asked: Mapping[str, Any],
    space: Mapping[str, Any],
    random_state: int | None,
    scored: Mapping[str, Any],
) -> Any:
    from sklearn.model_selection import GridSearchCV, RandomizedSearchCV

    method = asked.get("method", "grid")
    common = {**scored, "refit": False, "error_score": "raise"}
    if method == "grid":
        ranges = sorted(name for name, values in space.items() if not isinstance(values, list))
        if ranges:
            raise InvalidArgumentError(
                f"search params {ranges[0]!r} is a range, which a grid cannot try",
                hint="List values, or use method random or halving.",
            )
        return GridSearchCV(estimator, dict(space), **common)
    if method == "random":
        return RandomizedSearchCV(
            estimator, dict(space), n_iter=asked.get("n_iter", 10), random_state=random_state, **common
        )
    from sklearn.experimental import enable_halving_search_cv  # noqa: F401 - makes the next import work
    from sklearn.model_selection import HalvingRandomSearchCV

    return HalvingRandomSearchCV(
        estimator,
        dict(space),
        n_candidates=asked.get("n_iter", "exhaust"),
        random_state=random_state,
        **common,
    )


def _plain(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value.item() if hasattr(value, "item") else value for name, value in parameters.items()}
