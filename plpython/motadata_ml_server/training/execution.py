"""How a training runs: the keys of ``execution``, checked before a row is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from motadata_ml_server.administration import options
from motadata_ml_server.errors import InvalidArgumentError, UnsupportedOperationError
from motadata_ml_server.postgres.database import Database
from motadata_ml_server.training.arguments import SUPERVISED, Arguments, json_object

_EXECUTION: Final = ("mode", "chunk_rows", "max_memory_mb", "threads", "gpu", "importance", "seconds", "trials")
MAX_SECONDS: Final = 86_400
MAX_TRIALS: Final = 10_000


@dataclass(frozen=True)
class Execution:
    """How a training runs.

    Attributes
    ----------
    mode : str
        memory, or stream: chunk by chunk through ``partial_fit``.
    max_memory_mb : int
        The worker's cap, in MB.
    threads : int
        Threads of its numeric libraries.
    chunk_rows : int
        The most rows read at a time.
    seconds : float or None
        How long ``algorithm => 'best'`` may search; None where not said.
    trials : int or None
        How many candidates it may try; None where not said.
    importance : bool
        Whether to measure what each feature adds to the scores.
    """

    mode: str
    max_memory_mb: int
    threads: int
    chunk_rows: int
    seconds: float | None = None
    trials: int | None = None
    importance: bool = True


def execution_of(db: Database, value: str | None) -> Execution:
    """Return how a training is to run; what is not named falls back to the options.

    Raises
    ------
    InvalidArgumentError
        ML009: an unknown key, or a value out of bounds or above the option.
    """
    given = json_object(value, "execution")
    unknown = sorted(set(given) - set(_EXECUTION))
    if unknown:
        raise InvalidArgumentError(
            f"execution has no key {unknown[0]!r}",
            hint=f"Its keys are {', '.join(_EXECUTION[:-1])} and {_EXECUTION[-1]}.",
        )
    _check_mode(given)
    return Execution(
        mode=given.get("mode", "memory"),
        max_memory_mb=_bounded(db, given, "max_memory_mb"),
        threads=_bounded(db, given, "threads"),
        chunk_rows=_bounded(db, given, "chunk_rows"),
        seconds=_budget(given, "seconds", MAX_SECONDS),
        trials=_budget(given, "trials", MAX_TRIALS),
        importance=_switch(given, "importance"),
    )


def _budget(given: Mapping[str, Any], name: str, most: int) -> Any:
    """Return what a search may spend, None where it is not said."""
    value = given.get(name)
    if value is None:
        return None
    wanted = (int,) if name == "trials" else (int, float)
    if isinstance(value, bool) or not isinstance(value, wanted) or not 1 <= value <= most:
        kind = "a whole number" if name == "trials" else "a number"
        raise InvalidArgumentError(
            f"execution.{name} must be {kind} from 1 to {most}, got {value!r}"[:300],
            hint="It bounds the search of algorithm => 'best': 60 seconds are usual.",
        )
    return value


def check_best(arguments: Arguments, execution: Execution, best: bool) -> None:
    """Refuse what ``algorithm => 'best'`` cannot be combined with, and its bounds without it.

    Raises
    ------
    InvalidArgumentError
        ML009: an argument that does not go with it.
    UnsupportedOperationError
        ML020: a way of training that it does not search.
    """
    named = next((name for name in ("seconds", "trials") if getattr(execution, name) is not None), None)
    if not best:
        if named is not None:
            raise InvalidArgumentError(
                f"execution.{named} bounds the search of algorithm 'best', got algorithm {arguments.algorithm!r}"[:300],
                hint=f"Pass algorithm => 'best', or leave {named} out.",
            )
        return
    if arguments.model_type not in SUPERVISED:
        raise UnsupportedOperationError(
            f"algorithm 'best' does not go with model_type {arguments.model_type!r}",
            hint="Without a target nothing says which model is better. Leave algorithm out, or name one.",
        )
    given = {
        "hyperparameters": bool(json_object(arguments.hyperparameters, "hyperparameters")),
        "search": arguments.search is not None,
        "group_by": arguments.group_by is not None,
        "execution.mode 'stream'": execution.mode == "stream",
    }
    wrong = next((name for name, there in given.items() if there), None)
    if wrong is not None:
        raise InvalidArgumentError(
            f"algorithm 'best' does not go with {wrong}: it varies all hyperparameters, over all rows at once",
            hint="Leave one of them out.",
        )


def _check_mode(given: Mapping[str, Any]) -> None:
    mode = given.get("mode", "memory")
    if mode not in ("memory", "stream"):
        raise InvalidArgumentError(
            f"execution.mode must be 'memory' or 'stream', got {mode!r}",
            hint="Leave it out for rows that fit into memory; stream is for those that do not.",
        )
    if given.get("gpu"):
        raise UnsupportedOperationError(
            "execution.gpu: no GPU library is installed on this server",
            hint="Leave it out to train on the CPU.",
        )


def _switch(given: Mapping[str, Any], name: str) -> bool:
    value = given.get(name, True)
    if not isinstance(value, bool):
        raise InvalidArgumentError(
            f"execution.{name} must be true or false, got {value!r}", hint="Leave it out for true."
        )
    return value


def _bounded(db: Database, given: Mapping[str, Any], name: str) -> int:
    limit = options.integer(db, name)
    if name not in given:
        return limit
    value = options.check(name, given[name])
    if name != "chunk_rows" and value > limit:
        raise InvalidArgumentError(
            f"execution.{name} must not pass the option of that name, {limit}, got {value}",
            hint=f"A superuser raises it: select ml.set_option('{name}', '{value}').",
        )
    return value
