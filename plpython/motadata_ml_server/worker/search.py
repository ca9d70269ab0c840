"""Hyperparameter searches by scikit-learn's own search estimators."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from motadata_ml_server.algorithms.catalogue import AlgorithmEntry
from motadata_ml_server.algorithms.hyperparameters import check_one
from motadata_ml_server.errors import InvalidArgumentError

METHODS = ("grid", "random", "halving")
_KEYS = ("method", "params", "n_iter", "cv", "scoring")
MAX_TRIALS = 10_000


def run(
    entry: AlgorithmEntry,
    estimator: Any,
    asked: Mapping[str, Any],
    encoded: Any,
    target: Any,
    weights: Any,
    random_state: int | None,
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
    encoded, target : array-like
        The training rows.
    weights : array-like or None
        Sample weights of the fits.
    random_state : int or None
        Seed of the draws.

    Returns
    -------
    best : dict
        Hyperparameters of the best trial.
    trials : list of dict
        hyperparameters, score, std, rank and seconds of each.

    Raises
    ------
    InvalidArgumentError
        ML009: an unknown key, method, scoring or form of parameters.
    InvalidHyperparameterError
        ML008: a value that the estimator would refuse.
    """
    _check(asked)
    space = {name: _candidates(entry, name, values) for name, values in asked["params"].items()}
    search = _search(estimator, asked, space, random_state)
    search.fit(encoded, target, **({} if weights is None else {"sample_weight": weights}))
    results = search.cv_results_
    trials = [
        {
            "hyperparameters": _plain(parameters),
            "score": float(results["mean_test_score"][at]),
            "std": float(results["std_test_score"][at]),
            "rank": int(results["rank_test_score"][at]),
            "seconds": float(results["mean_fit_time"][at]),
        }
        for at, parameters in enumerate(results["params"])
    ]
    return _plain(search.best_params_), trials


def _check(asked: Mapping[str, Any]) -> None:
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
    _check_scoring(asked.get("scoring"))


def _check_scoring(scoring: Any) -> None:
    from sklearn.metrics import get_scorer_names

    if scoring is not None and scoring not in get_scorer_names():
        raise InvalidArgumentError(
            f"search scoring must be one of scikit-learn's scorers, got {scoring!r}",
            hint=f"Such as accuracy, f1_macro, roc_auc, r2. All: {', '.join(get_scorer_names())}.",
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


def _search(estimator: Any, asked: Mapping[str, Any], space: Mapping[str, Any], random_state: int | None) -> Any:
    from sklearn.model_selection import GridSearchCV, RandomizedSearchCV

    method = asked.get("method", "grid")
    common = {
        "cv": asked.get("cv", 3),
        "scoring": asked.get("scoring"),
        "refit": True,
        "error_score": "raise",
    }
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
