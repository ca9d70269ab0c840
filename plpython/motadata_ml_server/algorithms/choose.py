"""Which estimator a call means."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from motadata_ml_server.algorithms import catalogue
from motadata_ml_server.algorithms.catalogue import MAX_NAME_CHARACTERS, AlgorithmEntry
from motadata_ml_server.algorithms.unsupported import DENIED
from motadata_ml_server.errors import AlgorithmNotFoundError, UnsupportedOperationError

DEFAULTS: Mapping[str, str] = {
    "classification": "RandomForestClassifier",
    "regression": "RandomForestRegressor",
    "clustering": "KMeans",
    "anomaly": "IsolationForest",
    "decomposition": "PCA",
}
"""What hyperparameters, or those that a search varies, mean where they name no other family."""

STREAMING: Mapping[str, str] = {
    "classification": "SGDClassifier",
    "regression": "SGDRegressor",
    "clustering": "MiniBatchKMeans",
    "anomaly": "SGDOneClassSVM",
    "decomposition": "IncrementalPCA",
}
"""What "auto" takes where rows are learned from chunk by chunk."""

AUTO = "auto"
BEST = "best"
"""A search over families and hyperparameters for as long as is allowed."""

_BY_HYPERPARAMETERS = (
    ("learning_rate", "GradientBoosting"),
    ("max_iter_no_change", "HistGradientBoosting"),
    ("C", "LogisticRegression"),
    ("n_neighbors", "KNeighbors"),
    ("hidden_layer_sizes", "MLP"),
)
"""Which family a hyperparameter belongs to when no algorithm is named, first match first."""

_SUFFIX = {"classification": "Classifier", "regression": "Regressor"}


def by_rows(algorithm: str | None, hyperparameters: Mapping[str, Any], streams: bool, searches: bool) -> bool:
    """Say whether the rows themselves have to decide which estimator "auto", or none named, means.

    Hyperparameters decide where they are given. Those that a search varies are a forest's where no algorithm is named.
    """
    if hyperparameters or streams:
        return False
    return not searches if algorithm is None else algorithm.strip().lower() == AUTO


def is_best(algorithm: str | None) -> bool:
    """Say whether a search is to decide."""
    return algorithm is not None and algorithm.strip().lower() == BEST


def resolve(
    model_type: str, algorithm: str | None, hyperparameters: Mapping[str, Any], streams: bool = False
) -> AlgorithmEntry:
    """Return the estimator for a model type, by class name, by short name, or by default.

    Parameters
    ----------
    model_type : str
        classification, regression, clustering, anomaly or decomposition.
    algorithm : str or None
        A name, without regard to case; None or "auto" takes what has the given hyperparameters: max_depth and
        learning_rate together mean gradient boosting, the first two alone a forest.
    streams : bool
        Whether it has to learn chunk by chunk.
    hyperparameters : mapping
        As the caller gave them.

    Raises
    ------
    AlgorithmNotFoundError
        ML007: no such algorithm for this model type.
    UnsupportedOperationError
        ML020: its package is not installed.
    """
    wanted = None if algorithm is None else algorithm.strip().lower()
    if algorithm is None or (wanted == AUTO and not streams):
        return _default(model_type, hyperparameters)
    if wanted == AUTO:
        return catalogue.load()[STREAMING[model_type]]
    entries = catalogue.load()
    matching = [entry for entry in entries.values() if wanted == entry.name.lower() or wanted in entry.aliases]
    for entry in matching:
        if entry.model_type == model_type:
            return _available(entry)
    raise _not_found(model_type, algorithm, matching)


def _default(model_type: str, hyperparameters: Mapping[str, Any]) -> AlgorithmEntry:
    entries = catalogue.load()
    names = [DEFAULTS[model_type]]
    if model_type in _SUFFIX and not set(hyperparameters) <= set(entries[names[0]].parameters):
        families = [family for parameter, family in _BY_HYPERPARAMETERS if parameter in hyperparameters]
        names = [*families, *(family + _SUFFIX[model_type] for family in families), *names]
    for name in names:
        entry = entries.get(name)
        if entry and entry.model_type == model_type and set(hyperparameters) <= set(entry.parameters):
            return entry
    return entries[DEFAULTS[model_type]] if len(names) == 1 else _first(model_type, names)


def _first(model_type: str, names: list[str]) -> AlgorithmEntry:
    entries = catalogue.load()
    return next(entries[name] for name in names if name in entries and entries[name].model_type == model_type)


def _available(entry: AlgorithmEntry) -> AlgorithmEntry:
    if entry.requires is not None and importlib.util.find_spec(entry.requires) is None:
        raise UnsupportedOperationError(
            f"algorithm {entry.name} needs the package {entry.requires}, which the server does not have",
            hint=f"Ask the administrator to install the extra [{entry.requires}], or choose another algorithm.",
        )
    return entry


def _not_found(model_type: str, algorithm: str, others: list[AlgorithmEntry]) -> AlgorithmNotFoundError:
    if len(algorithm) > MAX_NAME_CHARACTERS:
        return AlgorithmNotFoundError(
            f"there is no algorithm of a name of {len(algorithm)} characters", hint="ml.algorithms lists all."
        )
    denied = {name.lower(): (name, reason) for name, reason in DENIED.items()}.get(algorithm.lower())
    if denied:
        return AlgorithmNotFoundError(
            f"algorithm {denied[0]} cannot be trained here: it {denied[1]}",
            hint="select algorithm, model_type from ml.algorithms lists those that can.",
        )
    if others:
        kinds = sorted({entry.model_type for entry in others})
        return AlgorithmNotFoundError(
            f"algorithm {algorithm!r} does {' and '.join(kinds)}, not {model_type}",
            hint=f"Set model_type to {kinds[0]!r} or choose an algorithm for {model_type}.",
        )
    names = {
        name: entry.name
        for entry in catalogue.load().values()
        if entry.model_type == model_type
        for name in (entry.name.lower(), *entry.aliases)
    }
    near = dict.fromkeys(names[name] for name in get_close_matches(algorithm.lower(), names, n=6, cutoff=0.4))
    listed = ", ".join(list(near)[:3]) or DEFAULTS[model_type]
    return AlgorithmNotFoundError(
        f"there is no algorithm {algorithm!r} for {model_type}",
        hint=f"The nearest: {listed}. ml.algorithms lists all.",
    )
