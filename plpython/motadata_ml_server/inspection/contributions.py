"""What each number of an encoded row adds to a model's score, by the form that the model is stored in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.errors import ArtifactError
from motadata_ml_server.prediction.runtimes.linear_model import LinearModel

Array = NDArray[np.float64]
Breathe = Callable[[], None]

EXACT: Final = "exact"
SAMPLED: Final = "sampled"

UNITS: Final = {
    "identity": "value",
    "exp": "log of value",
    "logit": "log-odds",
    "logit_ge": "log-odds",
    "softmax": "log-odds",
    "ovr": "log-odds",
    "modified_huber": "score",
    "sign": "score",
    "argmax": "score",
    "probability1": "probability",
    "probabilities": "probability",
    "isolation": "path length",
}
"""What a raw score is, by its link; log-odds of several classes are up to a number that all of them share."""


@dataclass(frozen=True)
class Contributions:
    """What adds up to the score of one output, for some rows.

    Attributes
    ----------
    base : ndarray of float64, shape (rows,)
        The score without any feature known.
    parts : ndarray of float64, shape (rows, numbers) or (rows, columns)
        What each encoded number adds, or each column where `Explainer.by_column`.
    errors : ndarray of float64 or None
        The standard error of each part; None where they are exact.
    """

    base: Array
    parts: Array
    errors: Array | None = None


class Explainer(Protocol):
    """Takes encoded rows apart.

    Attributes
    ----------
    method : str
        'exact' or 'sampled'.
    unit : str
        What is taken apart: see `UNITS`.
    by_column : bool
        Whether parts are of whole columns.
    """

    method: str
    unit: str
    by_column: bool

    def explain(self, encoded: Array, chosen: NDArray[np.intp], breathe: Breathe) -> Contributions:
        """Take the score of one output of each row apart.

        Parameters
        ----------
        encoded : ndarray of float64, shape (rows, width)
            Some rows.
        chosen : ndarray of int, shape (rows,)
            The class to explain, by position; zeros where there are no classes.
        breathe : callable
            Called between steps, so that a cancel is answered.
        """


def signs(link_name: str, outputs: int, chosen: NDArray[np.intp], classes: int | None) -> tuple[Array, Array, Any]:
    """Return the factor of each row's score, what is added to its base, and the output that is its score.

    The one score of two classes is that of the second; the first has it with the other sign.
    """
    ones = np.ones(len(chosen))
    if classes is None or outputs > 1:
        return ones, np.zeros(len(chosen)), chosen
    first = chosen == 0
    shift = np.where(first, 1.0, 0.0) if link_name == "probability1" else np.zeros(len(chosen))
    return np.where(first, -1.0, 1.0), shift, np.zeros(len(chosen), np.intp)


class LinearExplainer:
    """Scores that are linear: a number adds its weight times its distance from the training rows' mean.

    Parameters
    ----------
    model : LinearModel
        The model.
    mean : ndarray of float64, shape (width,)
        Of the encoded training rows.
    classes : int or None
        How many there are; None for another model type.
    """

    method = EXACT
    by_column = False

    def __init__(self, model: LinearModel, mean: Array, classes: int | None) -> None:
        if len(mean) != model.weights.shape[1]:
            raise ArtifactError("background rows are damaged: another width", hint="Train the model again.")
        self.model, self.mean = model, mean
        self.unit = UNITS[model.link]
        self.base: Array = model.scores(mean[None, :])[0]
        self._classes = classes

    def explain(self, encoded: Array, chosen: NDArray[np.intp], breathe: Breathe) -> Contributions:
        """Take the score of one output of each row apart."""
        sign, shift, output = signs(self.model.link, len(self.base), chosen, self._classes)
        weights = self.model.weights[output]
        # a missing value of a feature without weight must not make the score missing
        parts = np.where(weights == 0.0, 0.0, (encoded - self.mean) * weights) * sign[:, None]
        return Contributions(self.base[output] * sign + shift, parts)

    def one(self, chosen: int) -> tuple[float, list[float], list[float]]:
        """Return the base, the weights and the means of one class as plain numbers, for single rows."""
        sign, shift, output = signs(self.model.link, len(self.base), np.array([chosen]), self._classes)
        weights = self.model.weights[output[0]] * sign[0]
        return float(self.base[output[0]] * sign[0] + shift[0]), weights.tolist(), self.mean.tolist()
