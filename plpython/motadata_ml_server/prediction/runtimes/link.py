"""From a model's raw scores to its answer, for one row and for many.

A compiled model ends in a few raw scores. Its link says how scikit-learn turns such scores into
class probabilities, a class, a cluster or a value; ties fall as they do there.

==============  ==========================================================================
link            meaning
==============  ==========================================================================
identity        the scores are the answer
exp             exp(score): log-link regressors
logit           one score; p1 = expit(score); class 1 if score > 0
logit_ge        the same, class 1 if score >= 0 (GradientBoostingClassifier)
sign            one score, no probabilities; class 1 if score > 0
argmax          the largest score, no probabilities (also: nearest centre)
softmax         softmax of the scores
ovr             expit of each score, divided by their sum
modified_huber  (clip(score, -1, 1) + 1) / 2, divided by their sum where there are several
probability1    one score, the probability of class 1; class 1 if it is above 0.5
probabilities   the scores are the probabilities
isolation       -2 ** -score - parameter: IsolationForest's decision function
label_first     the first score is the class, the others (if any) the probabilities
==============  ==========================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import exp
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Scores: TypeAlias = Sequence[float]
Array: TypeAlias = NDArray[np.float64]

_NO_PROBABILITIES: Final = frozenset({"sign", "argmax"})


def has_probabilities(link: str, outputs: int) -> bool:
    """Say whether a link gives class probabilities.

    Parameters
    ----------
    link : str
        Name of the link.
    outputs : int
        How many scores the model has.

    Returns
    -------
    bool
        False where only a class is known.
    """
    return link not in _NO_PROBABILITIES and not (link == "label_first" and outputs == 1)


def expit(score: float) -> float:
    """Return the logistic function, without overflow.

    Parameters
    ----------
    score : float
        Any finite number.

    Returns
    -------
    float
        1 / (1 + exp(-score)).
    """
    if score >= 0.0:
        return 1.0 / (1.0 + exp(-score)) if score < 745.0 else 1.0
    if score < -745.0:
        return 0.0
    small = exp(score)
    return small / (1.0 + small)


def _index_of_max(scores: Scores) -> int:
    best = 0
    top = scores[0]
    for position, score in enumerate(scores):
        if score > top:
            best, top = position, score
    return best


def _softmax(scores: Scores) -> list[float]:
    top = max(scores)
    powers = [exp(score - top) for score in scores]
    total = sum(powers)
    return [power / total for power in powers]


def _normalised(values: list[float]) -> list[float]:
    total = sum(values)
    if total == 0.0:
        return [1.0 / len(values)] * len(values)
    return [value / total for value in values]


def _logit(scores: Scores) -> list[float]:
    p = expit(scores[0])
    return [1.0 - p, p]


def _modified_huber(scores: Scores) -> list[float]:
    parts = [(min(1.0, max(-1.0, score)) + 1.0) / 2.0 for score in scores]
    return [1.0 - parts[0], parts[0]] if len(parts) == 1 else _normalised(parts)


ROW_PROBABILITIES: Final[dict[str, Callable[[Scores], list[float]]]] = {
    "logit": _logit,
    "logit_ge": _logit,
    "softmax": _softmax,
    "ovr": lambda scores: _normalised([expit(score) for score in scores]),
    "modified_huber": _modified_huber,
    "probability1": lambda scores: [1.0 - scores[0], scores[0]],
    "probabilities": list,
    "label_first": lambda scores: list(scores[1:]),
}
"""Class probabilities of one row, by link."""


def row_class(link: str, outputs: int) -> Callable[[Scores], int]:
    """Return the function from one row's scores to the position of its class.

    Parameters
    ----------
    link : str
        Name of the link.
    outputs : int
        How many scores the model has.

    Returns
    -------
    callable
        Taking a sequence of scores.
    """
    if link == "logit_ge":
        return lambda scores: 1 if scores[0] >= 0.0 else 0
    if link == "label_first":
        return lambda scores: int(scores[0])
    if link == "probability1":
        return lambda scores: 1 if scores[0] > 0.5 else 0
    if outputs == 1:
        return lambda scores: 1 if scores[0] > 0.0 else 0
    return _index_of_max


def batch_probabilities(link: str, scores: Array) -> Array | None:
    """Return class probabilities of many rows.

    Parameters
    ----------
    link : str
        Name of the link.
    scores : ndarray of shape (rows, outputs)
        Raw scores.

    Returns
    -------
    ndarray of shape (rows, classes) or None
        None where the model has none.
    """
    if not has_probabilities(link, scores.shape[1]):
        return None
    if link == "label_first":
        return scores[:, 1:]
    if link == "probabilities":
        return scores
    if link == "softmax":
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True))
    if link == "probability1":
        parts = scores
    elif link == "modified_huber":
        parts = (np.clip(scores, -1.0, 1.0) + 1.0) / 2.0
    else:
        parts = batch_expit(scores)
    if parts.shape[1] == 1:
        return np.hstack([1.0 - parts, parts])
    total = parts.sum(axis=1, keepdims=True)
    empty = total[:, 0] == 0.0
    if empty.any():
        parts[empty] = 1.0
        total[empty] = parts.shape[1]
    return np.asarray(parts / total)


def batch_expit(scores: Array) -> Array:
    """Return the logistic function of each score, without overflow.

    Parameters
    ----------
    scores : ndarray
        Raw scores.

    Returns
    -------
    ndarray
        Of the same shape.
    """
    small = np.exp(-np.abs(scores))
    return np.where(scores >= 0.0, 1.0, small) / (1.0 + small)


def batch_class(link: str, scores: Array) -> NDArray[np.intp]:
    """Return the position of the class of many rows.

    Parameters
    ----------
    link : str
        Name of the link.
    scores : ndarray of shape (rows, outputs)
        Raw scores.

    Returns
    -------
    ndarray of int, shape (rows,)
        Positions in the model's classes (or clusters).
    """
    if link == "logit_ge":
        return (scores[:, 0] >= 0.0).astype(np.intp)
    if link == "label_first":
        return scores[:, 0].astype(np.intp)
    if link == "probability1":
        return (scores[:, 0] > 0.5).astype(np.intp)
    if scores.shape[1] == 1:
        return (scores[:, 0] > 0.0).astype(np.intp)
    return np.asarray(np.argmax(scores, axis=1), dtype=np.intp)


def row_value(link: str, parameters: dict[str, Any]) -> Callable[[Scores], float]:
    """Return the function from one row's scores to a number (regression, anomaly).

    Parameters
    ----------
    link : str
        Name of the link.
    parameters : dict
        The link's own parameters.

    Returns
    -------
    callable
        Taking a sequence of scores.
    """
    if link == "exp":
        return lambda scores: exp(scores[0]) if scores[0] < 709.0 else float(np.exp(scores[0]))
    if link == "isolation":
        offset = float(parameters["offset"])
        return lambda scores: -(2.0 ** -scores[0]) - offset
    return lambda scores: scores[0]


def batch_value(link: str, parameters: dict[str, Any], scores: Array) -> Array:
    """Return the number that each of many rows gets (regression, anomaly).

    Parameters
    ----------
    link : str
        Name of the link.
    parameters : dict
        The link's own parameters.
    scores : ndarray of shape (rows, outputs)
        Raw scores.

    Returns
    -------
    ndarray of shape (rows,)
        The values.
    """
    first = scores[:, 0]
    if link == "exp":
        return np.asarray(np.exp(first))
    if link == "isolation":
        return np.asarray(-np.exp2(-first) - float(parameters["offset"]))
    return first
