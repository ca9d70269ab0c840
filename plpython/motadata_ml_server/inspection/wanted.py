"""What an answer is wanted to be: a class, a bound of the value, an anomaly or none."""

from __future__ import annotations

import re
from collections.abc import Callable
from math import isfinite
from typing import Final

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.errors import InvalidArgumentError, UnsupportedOperationError
from motadata_ml_server.inspection.partial_dependence import BLOCK_ROWS
from motadata_ml_server.prediction.predictor import Predictor
from motadata_ml_server.prediction.runtimes import link

Array = NDArray[np.float64]
Outcome = Callable[[Array], tuple[NDArray[np.bool_], Array]]
"""Of encoded rows: whether each answers what is wanted, and how near it comes, the larger the nearer."""

_BOUND: Final = re.compile(r"\s*(>=|<=|>|<)\s*([-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)\s*")


def outcome_of(predictor: Predictor, wanted: str, breathe: Callable[[], None]) -> Outcome:
    """Return what tells of encoded rows whether the model answers what is wanted.

    Parameters
    ----------
    predictor : Predictor
        The model.
    wanted : str
        A class, or a bound such as ``>= 100`` of a value; true or false of an anomaly model.
    breathe : callable
        Called after some rows each, so that a cancel is answered.

    Raises
    ------
    UnsupportedOperationError
        ML020: the model type has no answer that could be wanted.
    InvalidArgumentError
        ML009: wanted is no answer of the model.
    """
    runtime = predictor.runtime

    def raw(rows: Array) -> Array:
        found = []
        for at in range(0, len(rows), BLOCK_ROWS):
            found.append(runtime.encoded(rows[at : at + BLOCK_ROWS]))
            breathe()
        return np.vstack(found)

    if predictor.task == "classification":
        place = _class(predictor, wanted)

        def of_class(rows: Array) -> tuple[NDArray[np.bool_], Array]:
            scores = raw(rows)
            yes = link.batch_class(runtime.link, scores) == place
            chances = link.batch_probabilities(runtime.link, scores)
            return yes, yes.astype(np.float64) if chances is None else chances[:, place]

        return of_class
    if predictor.task == "anomaly":
        sign, bound, strict = _anomaly(wanted)
    elif predictor.task == "regression":
        sign, bound, strict = _bound(wanted)
    else:
        raise UnsupportedOperationError(
            f"a {predictor.task} model has no answer that could be wanted",
            hint="Ask of a classification, a regression or an anomaly model.",
        )

    def of_value(rows: Array) -> tuple[NDArray[np.bool_], Array]:
        over = sign * (link.batch_value(runtime.link, runtime.parameters, raw(rows)) - bound)
        return (over > 0.0 if strict else over >= 0.0), over

    return of_value


def _class(predictor: Predictor, wanted: str) -> int:
    classes = predictor.classes or []
    if wanted not in classes:
        shown = ", ".join(repr(name[:50]) for name in classes[:20])
        raise InvalidArgumentError(
            f"wanted must be one of the model's classes, got {wanted[:100]!r}", hint=f"They are {shown}."
        )
    return classes.index(wanted)


def _anomaly(wanted: str) -> tuple[float, float, bool]:
    """Return the sign and the bound of the score, and whether it must be passed: an anomaly's is below 0."""
    if wanted not in ("true", "false"):
        raise InvalidArgumentError(
            f"wanted must be 'true' or 'false' for an anomaly model, got {wanted[:100]!r}",
            hint="'true' means an anomaly.",
        )
    return (-1.0, 0.0, True) if wanted == "true" else (1.0, 0.0, False)


def _bound(wanted: str) -> tuple[float, float, bool]:
    match = _BOUND.fullmatch(wanted[:100])
    bound = float(match.group(2)) if match else float("inf")
    if match is None or not isfinite(bound):
        raise InvalidArgumentError(
            f"wanted must be a bound of the value, got {wanted[:100]!r}", hint="Write '>= 100' or '< 20.5'."
        )
    return (1.0 if match.group(1)[0] == ">" else -1.0), bound, len(match.group(1)) == 1
