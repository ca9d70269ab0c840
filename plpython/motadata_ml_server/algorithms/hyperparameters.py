"""Hyperparameters checked by name, type and range before a row is read, without importing an estimator."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Final

from motadata_ml_server.algorithms.catalogue import MAX_NAME_CHARACTERS, AlgorithmEntry, describe
from motadata_ml_server.errors import InvalidHyperparameterError

_OURS = {
    "n_jobs": "Threads are bounded by execution => '{\"threads\": n}'.",
    "random_state": "Pass it as the argument random_state of ml.train.",
    "verbose": "Progress is reported by itself.",
    "verbosity": "Progress is reported by itself.",
    "memory": "Nothing is cached on disk.",
    "warm_start": "Each training starts afresh.",
}

LARGEST = 1e300
"""Numbers beyond it are no hyperparameters; NaN is neither."""

MAX_ITEMS = 1_000
"""The most entries a list or an object may have."""


def check(entry: AlgorithmEntry, hyperparameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return hyperparameters ready for the estimator.

    Parameters
    ----------
    entry : AlgorithmEntry
        The estimator.
    hyperparameters : mapping
        Parsed JSON.

    Raises
    ------
    InvalidHyperparameterError
        ML008: an unknown name, a wrong type or a value out of range.
    """
    return {name: check_one(entry, name, value) for name, value in hyperparameters.items()}


def check_one(entry: AlgorithmEntry, name: str, value: Any) -> Any:
    """Return one hyperparameter's value ready for the estimator."""
    parameter = entry.parameters.get(name)
    if parameter is None:
        raise _unknown(entry, name)
    for rule in parameter["allowed"]:
        accepted, converted = _accept(rule, value)
        if accepted:
            return converted
    raise InvalidHyperparameterError(
        f"The {name!r} parameter of {entry.name} must be {describe(parameter['allowed'])}. Got {short(value)} instead.",
        hint=f"Its default is {short(parameter['default'])}.",
    )


def _unknown(entry: AlgorithmEntry, name: str) -> InvalidHyperparameterError:
    if name in _OURS:
        return InvalidHyperparameterError(
            f"{name!r} is not a hyperparameter that ml.train takes for {entry.name}", hint=_OURS[name]
        )
    near = get_close_matches(name[:MAX_NAME_CHARACTERS], entry.parameters, n=3, cutoff=0.4) or sorted(entry.parameters)
    return InvalidHyperparameterError(
        f"{entry.name} has no hyperparameter {name!r}",
        hint=f"The nearest it has: {', '.join(near)}. ml.algorithms lists all.",
    )


def short(value: Any) -> str:
    """Return a value as a message shows it."""
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _accept(rule: Mapping[str, Any], value: Any) -> tuple[bool, Any]:
    """Tell whether a rule allows a value, and return the value as the estimator takes it."""
    check = _CHECKS.get(rule["type"])
    if check is not None:
        return check(rule, value), value
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not -LARGEST <= value <= LARGEST:
        return False, None
    if rule["type"] == "integer":
        if value != int(value):
            return False, None
        value = int(value)
    return _within(rule, value), value


MAX_DEPTH = 4
"""How deep lists may lie within lists."""


def _flat(values: Sequence[Any], depth: int = 1) -> bool:
    return all(
        isinstance(value, (int, float, str, bool))
        or (isinstance(value, list) and depth < MAX_DEPTH and _flat(value, depth + 1))
        for value in values
    )


def _within(rule: Mapping[str, Any], value: float) -> bool:
    low, high, closed = rule["low"], rule["high"], rule["closed"]
    if low is not None and (value < low or (value == low and closed not in ("left", "both"))):
        return False
    return high is None or value < high or (value == high and closed in ("right", "both"))


_CHECKS: Final[Mapping[str, Callable[[Mapping[str, Any], Any], bool]]] = {
    "null": lambda rule, value: value is None,
    "boolean": lambda rule, value: isinstance(value, bool),
    "string": lambda rule, value: isinstance(value, str) and value in rule["options"],
    "option": lambda rule, value: any(type(value) is type(option) and value == option for option in rule["options"]),
    "array": lambda rule, value: isinstance(value, list) and len(value) <= MAX_ITEMS and _flat(value),
    "object": lambda rule, value: isinstance(value, dict) and len(value) <= MAX_ITEMS and _flat(list(value.values())),
}
"""By a rule's type, whether it allows a value; integers and numbers have bounds and are checked by `_accept`."""
