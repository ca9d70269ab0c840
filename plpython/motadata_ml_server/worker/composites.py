"""Estimators made of other estimators, each given the features as it needs them. Runs in the worker only.

All of them get one table of numbers, with NaN where a value is missing and without a scale: boosting learns from that
as it is. What takes no NaN, or needs a scale, is put behind scikit-learn's own imputer and scaler in a pipeline.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from motadata_ml_server.algorithms import catalogue
from motadata_ml_server.algorithms.catalogue import AlgorithmEntry
from motadata_ml_server.errors import InvalidHyperparameterError

Make = Callable[[AlgorithmEntry, Mapping[str, Any]], Any]
"""Makes an unfitted estimator of its catalogue entry and its hyperparameters."""


def make(made: Callable[..., Any], entry: AlgorithmEntry, hyperparameters: Mapping[str, Any], make_one: Make) -> Any:
    """Make an unfitted estimator that is made of others.

    Parameters
    ----------
    made : type
        Its class.
    entry : AlgorithmEntry
        Which one.
    hyperparameters : mapping
        As `algorithms.composites.check` returns them.
    make_one : callable
        Makes a member.

    Raises
    ------
    InvalidHyperparameterError
        ML008: a member has no probabilities to average.
    """
    arguments = dict(hyperparameters)
    if "estimators" in arguments:
        members = arguments.pop("estimators")
        arguments["estimators"] = [
            (f"{at}_{one['algorithm'].lower()}", _member(entry, one, make_one)) for at, one in enumerate(members, 1)
        ]
        if entry.name.startswith("Voting"):
            arguments["weights"] = [one["weight"] for one in members]
            if entry.model_type == "classification":
                arguments["voting"] = "soft"
    if "estimator" in arguments:
        arguments["estimator"] = _member(entry, arguments["estimator"], make_one)
    if "final_estimator" in arguments:  # what it learns from are the members' answers: no NaN among them
        final = arguments["final_estimator"]
        arguments["final_estimator"] = make_one(catalogue.load()[final["algorithm"]], final["hyperparameters"])
    return made(**arguments)


def _member(entry: AlgorithmEntry, member: Mapping[str, Any], make_one: Make) -> Any:
    own = catalogue.load()[member["algorithm"]]
    estimator = make_one(own, member["hyperparameters"])
    averaged = entry.model_type == "classification" and entry.name != "CalibratedClassifierCV"
    if averaged and not hasattr(estimator, "predict_proba"):
        raise InvalidHyperparameterError(
            f"{own.name} with these hyperparameters has no probabilities, which {entry.name} is made of",
            hint="Choose a member with probabilities, or calibrated, which gives them to any classifier.",
        )
    return prepared(own, estimator)


def prepared(entry: AlgorithmEntry, estimator: Any) -> Any:
    """Return an estimator that takes unscaled numbers with NaN among them."""
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MinMaxScaler, StandardScaler

    steps: list[Any] = []
    if not entry.nan_ok:
        steps.append(SimpleImputer(strategy="median", keep_empty_features=True))
    if entry.scaling == "standard":
        steps.append(StandardScaler())
    elif entry.scaling == "minmax":
        steps.append(MinMaxScaler(clip=True))
    return make_pipeline(*steps, estimator) if steps else estimator


def suit_sparse(estimator: Any) -> None:
    """Have the scalers within an unfitted estimator leave zeros as they are, where rows are nearly all zeros."""
    centred = [name for name, value in estimator.get_params(deep=True).items() if name.endswith("with_mean") and value]
    estimator.set_params(**dict.fromkeys(centred, False))
