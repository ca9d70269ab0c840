"""The estimators that can be trained, read from the committed catalogue without importing any of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

MAX_NAME_CHARACTERS: Final = 200
"""Of a name that somebody asks for: similar ones are looked for in a time that grows with its length."""


@dataclass(frozen=True)
class AlgorithmEntry:
    """An estimator of the catalogue.

    Attributes
    ----------
    name, module : str
        Its class and where it is defined.
    model_type : str
        classification, regression, clustering, anomaly or decomposition.
    aliases : tuple of str
        Other names for it, in lower case.
    nan_ok : bool
        Whether it takes NaN.
    scaling : str
        What its features need: standard, minmax or none.
    streams : bool
        Whether it learns chunk by chunk.
    weights : bool
        Whether its fit takes sample weights.
    requires : str or None
        A package that must be installed for it.
    parameters : mapping
        For each hyperparameter its default and what is allowed.
    """

    name: str
    module: str
    model_type: str
    aliases: tuple[str, ...]
    nan_ok: bool
    scaling: str
    streams: bool
    weights: bool
    requires: str | None
    parameters: Mapping[str, Mapping[str, Any]]

    @property
    def composed(self) -> bool:
        """Whether it is made of other estimators, which its hyperparameters name."""
        kinds = {rule["type"] for parameter in self.parameters.values() for rule in parameter["allowed"]}
        return not kinds.isdisjoint(("estimator", "estimators"))

    def parameters_json(self) -> dict[str, Any]:
        """Return the hyperparameters with their default and their rule in words."""
        return {
            name: {"default": parameter["default"], "type": describe(parameter["allowed"])}
            for name, parameter in self.parameters.items()
        }


@cache
def load() -> Mapping[str, AlgorithmEntry]:
    """Return the catalogue by class name."""
    data = json.loads(files(__package__).joinpath("catalogue.json").read_text("utf-8"))
    return {
        name: AlgorithmEntry(
            name,
            entry["module"],
            entry["model_type"],
            tuple(entry["aliases"]),
            entry["nan_ok"],
            entry["scaling"],
            entry["streams"],
            entry["weights"],
            entry["requires"],
            entry["parameters"],
        )
        for name, entry in data.items()
    }


def describe(allowed: list[dict[str, Any]]) -> str:
    """Return a rule in words, as scikit-learn's messages put it."""
    words = [_describe_one(rule) for rule in allowed]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _describe_one(rule: dict[str, Any]) -> str:
    kind = rule["type"]
    if kind in ("integer", "number"):
        word = "an int" if kind == "integer" else "a float"
        if rule["low"] is None and rule["high"] is None:
            return word
        left = "[" if rule["closed"] in ("left", "both") and rule["low"] is not None else "("
        right = "]" if rule["closed"] in ("right", "both") and rule["high"] is not None else ")"
        low = "-inf" if rule["low"] is None else rule["low"]
        high = "inf" if rule["high"] is None else rule["high"]
        return f"{word} in the range {left}{low}, {high}{right}"
    if kind in ("string", "option"):
        return "one of {" + ", ".join(repr(option) for option in rule["options"]) + "}"
    return _WORDS[kind]


_WORDS: Final[Mapping[str, str]] = {
    "null": "null",
    "boolean": "a boolean",
    "array": "an array",
    "object": "an object",
    "estimator": "the name of an algorithm, or an object with algorithm and hyperparameters",
    "estimators": "an array of algorithms: names, or objects with algorithm, hyperparameters and weight",
}
