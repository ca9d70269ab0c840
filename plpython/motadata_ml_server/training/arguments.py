"""The arguments of ``ml.train``, checked before a row is read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final

from motadata_ml_server.errors import InvalidArgumentError, UnsupportedOperationError

JSON_ARGUMENTS: Final = ("hyperparameters", "search", "preprocess", "execution", "intervals")


_TEXT: Final = {"type": "text"}
_JSON: Final = {"type": "jsonb"}
_INTEGER: Final = {"type": "integer"}


@dataclass(frozen=True)
class Arguments:
    """The arguments of ``ml.train``, in their order: the one list of them.

    Each is as PL/Python gives it; NULL is None. The metadata of a field hold the argument's type in SQL.
    """

    model_id: str = field(metadata=_TEXT)
    model_type: str = field(metadata=_TEXT)
    training_data: str = field(metadata=_TEXT)
    target: str | None = field(metadata=_TEXT)
    features: list[str] | None = field(metadata={"type": "text[]"})
    algorithm: str | None = field(metadata=_TEXT)
    hyperparameters: str | None = field(metadata=_JSON)
    validation_data: str | None = field(metadata=_TEXT)
    test_size: float | None = field(metadata={"type": "float8"})
    split: str | None = field(metadata=_TEXT)
    cv: int | None = field(metadata=_INTEGER)
    search: str | None = field(metadata=_JSON)
    preprocess: str | None = field(metadata=_JSON)
    random_state: int | None = field(metadata=_INTEGER)
    deploy: bool | None = field(metadata={"type": "boolean"})
    execution: str | None = field(metadata=_JSON)
    group_by: str | None = field(metadata=_TEXT)
    positive_class: str | None = field(metadata=_TEXT)
    intervals: str | None = field(metadata=_JSON)
    tenant_id: str | None = field(metadata=_TEXT)

    def to_json(self) -> dict[str, Any]:
        """Return what another training of the model needs, as plain data."""
        given = vars(self) | {name: json.loads(vars(self)[name] or "null") for name in JSON_ARGUMENTS}
        return {name: value for name, value in given.items() if name not in ("model_id", "deploy", "tenant_id")}

    @classmethod
    def again(cls, stored: Mapping[str, Any], **changed: Any) -> Arguments:
        """Return the arguments of another training.

        Parameters
        ----------
        stored : mapping
            What `to_json` gave; what an older version did not store is NULL.
        **changed
            Arguments that are other than then.
        """
        values: dict[str, Any] = dict.fromkeys(argument.name for argument in fields(cls)) | dict(stored)
        for name in JSON_ARGUMENTS:
            values[name] = None if values[name] is None else json.dumps(values[name])
        return cls(**(values | changed))

    def call(self) -> tuple[str, list[str], list[Any]]:
        """Return the expression that calls ``ml.train`` with these arguments, and the types and values to bind.

        NULL arguments are left to their defaults.
        """
        given = [argument for argument in fields(self) if getattr(self, argument.name) is not None]
        named = ", ".join(f"{argument.name} => ${place}" for place, argument in enumerate(given, 1))
        types = [str(argument.metadata["type"]) for argument in given]
        return f"ml.train({named})", types, [getattr(self, argument.name) for argument in given]


MODEL_TYPES = ("classification", "regression", "clustering", "anomaly", "decomposition")
SUPERVISED = ("classification", "regression")
MAX_MODEL_ID = 200


def model_id_of(value: str | None) -> str:
    """Return a model's name, or refuse it."""
    if not value or len(value) > MAX_MODEL_ID:
        raise InvalidArgumentError(
            f"model_id must have 1 to {MAX_MODEL_ID} characters, got {value!r}"[:300],
            hint="Choose a short name.",
        )
    return value


def model_type_of(value: str | None) -> str:
    """Return the model type, or refuse it."""
    if value not in MODEL_TYPES:
        raise InvalidArgumentError(
            f"model_type must be one of {', '.join(MODEL_TYPES)}, got {value!r}",
            hint="classification predicts a label, regression a number, clustering groups rows.",
        )
    return value


def target_of(value: str | None, model_type: str) -> str | None:
    """Return the target's name as the model type needs it."""
    if model_type in SUPERVISED and not value:
        raise InvalidArgumentError(
            f"target must name a column for model_type {model_type!r}, got {value!r}",
            hint="Pass the column to predict as target => '...'.",
        )
    if model_type not in SUPERVISED and value:
        raise InvalidArgumentError(
            f"target must be NULL for model_type {model_type!r}, got {value!r}",
            hint="It learns without a target; leave the column out with features => ARRAY[...] if need be.",
        )
    return value


MAX_JSON_CHARACTERS = 1_000_000
"""Of a jsonb argument: what is made of it takes many times as much memory."""


def json_object(value: str | None, argument: str) -> dict[str, Any]:
    """Return a jsonb argument that has to be an object; NULL is an empty one."""
    if value is not None and len(value) > MAX_JSON_CHARACTERS:
        raise InvalidArgumentError(
            f"{argument} has {len(value)} characters, at most {MAX_JSON_CHARACTERS} are read",
            hint="Name what differs from the defaults alone.",
        )
    try:
        parsed = json.loads(value) if value is not None else {}
    except (ValueError, RecursionError):
        raise InvalidArgumentError(
            f"{argument} is nested too deeply or holds a number of too many digits",
            hint="Values are a few levels deep and numbers have at most 4300 digits.",
        ) from None
    if not isinstance(parsed, dict):
        raise InvalidArgumentError(
            f"{argument} must be a JSON object, got {value}"[:300],
            hint=f"Write {argument} => '{{\"name\": value}}'.",
        )
    return parsed


def test_size_of(value: float | None) -> float:
    """Return the held-out share, or refuse it."""
    if value is None or not 0 <= value < 1:
        raise InvalidArgumentError(
            f"test_size must be a share from 0 up to but not including 1, got {value!r}",
            hint="0.2 holds back a fifth of the rows to score on; 0 scores on the training rows.",
        )
    return value


def cv_of(value: int | None) -> int | None:
    """Return the number of folds, or refuse it."""
    if value is not None and not 2 <= value <= 100:
        raise InvalidArgumentError(f"cv must be a number of folds from 2 to 100, got {value}", hint="5 is usual.")
    return value


def check_group_by(model_type: str, mode: str, cv: int | None, search: Mapping[str, Any] | None) -> None:
    """Refuse what a model per group cannot be combined with."""
    if model_type not in ("classification", "regression", "anomaly"):
        raise UnsupportedOperationError(
            f"group_by does not go with model_type {model_type!r}",
            hint="What it finds in one group means nothing in another; train each group under a model_id of its own.",
        )
    for argument, given in (("execution.mode 'stream'", mode == "stream"), ("cv", cv), ("search", search)):
        if given:
            raise UnsupportedOperationError(
                f"group_by does not go with {argument}",
                hint="Leave one of them out; a search over all rows finds hyperparameters that suit most groups.",
            )


INTERVAL_LEVELS: Final = (0.8, 0.9, 0.95)
"""Levels that are verified where none are named."""

INTERVAL_METHODS: Final[Mapping[str, tuple[str, ...]]] = {
    "classification": ("auto", "lac", "aps"),
    "regression": ("auto", "absolute", "normalised"),
}
"""What ``intervals.method`` may be, by model type; the first if it is left out."""

MOST_LEVELS: Final = 20


def intervals_of(value: str | None, model_type: str, mode: str) -> dict[str, Any] | None:
    """Return which intervals are asked for, with all keys; None for none.

    Raises
    ------
    InvalidArgumentError
        ML009: an unknown key or method, a level that is no share.
    UnsupportedOperationError
        ML020: the model type has no target, or the training streams.
    """
    if value is None:
        return None
    given = json_object(value, "intervals")
    methods = INTERVAL_METHODS.get(model_type)
    if methods is None:
        raise UnsupportedOperationError(
            f"intervals do not go with model_type {model_type!r}",
            hint="They say how far a prediction is from a target; leave them out.",
        )
    if mode == "stream":
        raise UnsupportedOperationError(
            "intervals do not go with execution.mode 'stream'",
            hint="Train in memory, on a part of the rows if need be.",
        )
    unknown = sorted(set(given) - {"levels", "method"})
    if unknown:
        raise InvalidArgumentError(f"intervals has no key {unknown[0]!r}"[:300], hint="Its keys are levels and method.")
    method = given.get("method", methods[0])
    if method not in methods:
        raise InvalidArgumentError(
            f"intervals.method must be one of {', '.join(methods)} for model_type {model_type!r}, got {method!r}"[:300],
            hint="auto suits most tables.",
        )
    levels = given.get("levels", list(INTERVAL_LEVELS))
    if not isinstance(levels, list) or not 1 <= len(levels) <= MOST_LEVELS or not all(map(is_level, levels)):
        raise InvalidArgumentError(
            f"intervals.levels must be a list of 1 to {MOST_LEVELS} numbers between 0 and 1, got {levels!r}"[:300],
            hint="0.9 asks for intervals that hold nine of ten rows.",
        )
    return {"levels": sorted({float(level) for level in levels}), "method": method}


def is_level(value: Any) -> bool:
    """Tell whether a value is the share of rows that an interval may be asked to hold."""
    return isinstance(value, float) and 0.0 < value < 1.0


def random_state_of(value: int | None) -> int | None:
    """Return the seed, or refuse it."""
    if value is not None and value < 0:
        raise InvalidArgumentError(
            f"random_state must not be negative, got {value}", hint="Pass NULL for a random seed."
        )
    return value
