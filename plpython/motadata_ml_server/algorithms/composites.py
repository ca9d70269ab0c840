"""Estimators made of other estimators: what they take, and the check of what they are made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from motadata_ml_server.algorithms import choose, hyperparameters
from motadata_ml_server.algorithms.catalogue import AlgorithmEntry
from motadata_ml_server.errors import AlgorithmNotFoundError, InvalidArgumentError, InvalidHyperparameterError

MAX_MEMBERS: Final = 10
"""Estimators that one may be made of: each is fitted, some of them once for each fold."""

MEMBERS: Final[Mapping[str, tuple[str, ...]]] = {
    "classification": ("LogisticRegression", "HistGradientBoostingClassifier", "RandomForestClassifier"),
    "regression": ("Ridge", "HistGradientBoostingRegressor", "RandomForestRegressor"),
}
"""What one is made of where nothing is named."""

FINAL: Final[Mapping[str, str]] = {"classification": "LogisticRegression", "regression": "RidgeCV"}
"""What learns from the members' answers in a stack where nothing is named, as in scikit-learn."""

CALIBRATED: Final = "HistGradientBoostingClassifier"
"""Whose probabilities are calibrated where nothing is named."""

_KEYS: Final = ("algorithm", "hyperparameters", "weight")
_HOW: Final = (
    'A member is a name, or an object as in {"algorithm": "ridge", "hyperparameters": {"alpha": 10}, "weight": 2}.'
)


def check(entry: AlgorithmEntry, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the hyperparameters of an estimator that is made of others, ready to be made.

    Parameters
    ----------
    entry : AlgorithmEntry
        The estimator.
    given : mapping
        Parsed JSON.

    Returns
    -------
    dict
        Each member as ``{"algorithm": class, "hyperparameters": {...}, "weight": number}``; those that were left out
        are there.

    Raises
    ------
    InvalidHyperparameterError
        ML008: a name, type or value that does not suit, of the estimator or of a member.
    """
    checked: dict[str, Any] = {}
    for name, parameter in entry.parameters.items():
        kinds = {rule["type"] for rule in parameter["allowed"]}
        value = given.get(name)
        if "estimators" in kinds:
            checked[name] = _members(entry, MEMBERS[entry.model_type] if value is None else value)
        elif "estimator" in kinds:
            usual = FINAL[entry.model_type] if name == "final_estimator" else CALIBRATED
            checked[name] = _member(entry, usual if value is None else value, name)
    plain = {name: value for name, value in given.items() if name not in checked}
    return hyperparameters.check(entry, plain) | checked


def check_alone(entry: AlgorithmEntry, arguments: Mapping[str, Any]) -> None:
    """Refuse arguments of ``ml.train`` that do not go with an estimator that is made of others.

    Raises
    ------
    InvalidArgumentError
        ML009: one of them is given.
    """
    for name, value in arguments.items():
        if value is not None:
            raise InvalidArgumentError(
                f"{name} does not go with {entry.name}, which is made of other estimators",
                hint="Name one of them as the algorithm, or let algorithm => 'best' search.",
            )


def _members(entry: AlgorithmEntry, given: Any) -> list[dict[str, Any]]:
    if not isinstance(given, (list, tuple)) or not 1 <= len(given) <= MAX_MEMBERS:
        raise InvalidHyperparameterError(
            f"The 'estimators' parameter of {entry.name} must be an array of 1 to {MAX_MEMBERS} estimators. "
            f"Got {hyperparameters.short(given)} instead.",
            hint=_HOW,
        )
    members = [_member(entry, one, "estimators") for one in given]
    if not any(member["weight"] for member in members):
        raise InvalidHyperparameterError(
            f"The weights of the members of {entry.name} must not all be 0.", hint="Leave them out for equal ones."
        )
    return members


def _member(entry: AlgorithmEntry, given: Any, name: str) -> dict[str, Any]:
    member = {"algorithm": given} if isinstance(given, str) else given
    if not isinstance(member, dict) or not isinstance(member.get("algorithm"), str) or set(member) - set(_KEYS):
        raise _refused(entry, name, f"an object with {', '.join(_KEYS)}", given)
    own = member.get("hyperparameters", {})
    weight = member.get("weight", 1.0)
    if not isinstance(own, dict):
        raise _refused(entry, name, "one whose hyperparameters are an object", own)
    if isinstance(weight, bool) or not isinstance(weight, (int, float)) or not 0 <= weight <= hyperparameters.LARGEST:
        raise _refused(entry, name, "one whose weight is a number from 0", weight)
    found = _resolved(entry, name, member["algorithm"])
    return {
        "algorithm": found.name,
        "hyperparameters": hyperparameters.check(found, own),
        "weight": float(weight),
    }


def _resolved(entry: AlgorithmEntry, name: str, algorithm: str) -> AlgorithmEntry:
    if algorithm.strip().lower() in (choose.AUTO, choose.BEST):
        raise _refused(entry, name, "named", algorithm)
    try:
        found = choose.resolve(entry.model_type, algorithm, {})
    except AlgorithmNotFoundError as error:
        raise InvalidHyperparameterError(f"{name} of {entry.name}: {error.message}", hint=error.hint) from error
    if found.composed:
        raise _refused(entry, name, "no estimator that is itself made of others", algorithm)
    if found.requires is not None:
        raise _refused(entry, name, "scikit-learn's own, which alone can be stored within another", algorithm)
    return found


def _refused(entry: AlgorithmEntry, name: str, rule: str, value: Any) -> InvalidHyperparameterError:
    got = hyperparameters.short(value)
    return InvalidHyperparameterError(
        f"What the {name!r} parameter of {entry.name} names must be {rule}. Got {got} instead.", hint=_HOW
    )


def _of_members() -> dict[str, Any]:
    return {"estimators": {"default": None, "allowed": [{"type": "estimators"}, {"type": "null"}]}}


def _of_one(name: str) -> dict[str, Any]:
    return {name: {"default": None, "allowed": [{"type": "estimator"}, {"type": "null"}]}}


def _folds(default: int) -> dict[str, Any]:
    return {"cv": {"default": default, "allowed": [{"type": "integer", "low": 2, "high": 20, "closed": "both"}]}}


def _entry(module: str, model_type: str, aliases: list[str], parameters: dict[str, Any]) -> dict[str, Any]:
    return {
        "module": module,
        "model_type": model_type,
        "aliases": aliases,
        "nan_ok": True,
        "scaling": "none",
        "streams": False,
        "weights": False,
        "requires": None,
        "parameters": parameters,
    }


_VOTING = "sklearn.ensemble._voting"
_STACKING = "sklearn.ensemble._stacking"

COMPOSITES: Final[dict[str, Any]] = {
    "CalibratedClassifierCV": _entry(
        "sklearn.calibration",
        "classification",
        ["calibrated", "calibrated_classifier", "calibrated_classifier_cv"],
        {
            **_of_one("estimator"),
            "method": {"default": "sigmoid", "allowed": [{"type": "string", "options": ["isotonic", "sigmoid"]}]},
            **_folds(5),
        },
    ),
    "StackingClassifier": _entry(
        _STACKING,
        "classification",
        ["stacking", "stacking_classifier"],
        {**_of_members(), **_of_one("final_estimator"), **_folds(5)},
    ),
    "StackingRegressor": _entry(
        _STACKING,
        "regression",
        ["stacking", "stacking_regressor"],
        {**_of_members(), **_of_one("final_estimator"), **_folds(5)},
    ),
    "VotingClassifier": _entry(_VOTING, "classification", ["voting", "voting_classifier"], _of_members()),
    "VotingRegressor": _entry(_VOTING, "regression", ["voting", "voting_regressor"], _of_members()),
}
"""What the catalogue holds of them: no row weights, since not every member takes them."""
