"""What an answer is wanted to be: a class, a bound of the value, an anomaly or none."""

from __future__ import annotations

import re
from collections.abc import Callable
from math import isfinite
from typing import Final

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.errors import InvalidArgumentError, UnsupportedOperationError
from motadata_ml_server.inspection.classes import position_of
from motadata_ml_server.prediction.predictor import Predictor
from motadata_ml_server.prediction.runtimes import link
from motadata_ml_server.prediction.runtimes.blocks import scores_of

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
    if predictor.task == "classification":
        place = position_of(predictor.classes or [], wanted, "wanted")

        def of_class(rows: Array) -> tuple[NDArray[np.bool_], Array]:
            scores = scores_of(runtime, rows, breathe)
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
        over = sign * (link.batch_value(runtime.link, runtime.parameters, scores_of(runtime, rows, breathe)) - bound)
        return (over > 0.0 if strict else over >= 0.0), over

    return of_value


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
