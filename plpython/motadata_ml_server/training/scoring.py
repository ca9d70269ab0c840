"""What the scores of a version need to know beside its predictions: the positive class, and the quantile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from motadata_ml_server.errors import InvalidArgumentError

_TRUE: Final = frozenset({"t", "true", "1", "yes", "on"})
_FALSE: Final = frozenset({"f", "false", "0", "no", "off"})


def check_positive_class(asked: str | None, model_type: str) -> str | None:
    """Return the argument ``positive_class``, or refuse it for what has no classes."""
    if asked is not None and model_type != "classification":
        raise InvalidArgumentError(
            f"positive_class must be NULL for model_type {model_type!r}, got {asked!r}",
            hint="Only a classifier of two classes has a positive one.",
        )
    return asked


def positive_class(classes: Sequence[str], label_type: str | None, asked: str | None) -> int | None:
    """Return the position of the class that precision, recall and the like of two classes are about.

    Parameters
    ----------
    classes : sequence of str
        The labels, in the order of their numbers.
    label_type : str or None
        What a label is in the table: text, integer, boolean or number.
    asked : str or None
        The argument ``positive_class``. None takes the last label in order, as scikit-learn does: true of false and
        true, 1 of 0 and 1, yes of no and yes.

    Returns
    -------
    int or None
        None for more than two classes, each of which has scores of its own.

    Raises
    ------
    InvalidArgumentError
        ML009: it is no class of the model, or the model has more than two.
    """
    if asked is None:
        return 1 if len(classes) == 2 else None
    found = class_position(classes, label_type, asked, "positive_class")
    if len(classes) != 2:
        raise InvalidArgumentError(
            f"positive_class {asked!r} needs a target of two classes, this one has {len(classes)}",
            hint="Leave it out: per_class in the metrics has the scores of each class.",
        )
    return found


def class_position(classes: Sequence[str], label_type: str | None, asked: str, argument: str) -> int:
    """Return the position of a class that an argument names, in any form that its type has.

    Raises
    ------
    InvalidArgumentError
        ML009: the target has no such class.
    """
    found = next((at for at, label in enumerate(classes) if _same(label, asked, label_type)), None)
    if found is None:
        shown = ", ".join(map(repr, classes[:20])) + (", ..." if len(classes) > 20 else "")
        raise InvalidArgumentError(
            f"{argument} must be a class of the target, got {asked!r}"[:300], hint=f"Its classes are {shown}."
        )
    return found


def _same(label: str, asked: str, label_type: str | None) -> bool:
    if label == asked:
        return True
    if label_type == "boolean":
        word = asked.strip().lower()
        return word in (_TRUE if label.lower() in _TRUE else _FALSE)
    if label_type in ("integer", "number"):
        try:
            return float(label) == float(asked)
        except ValueError:
            return False
    return False


def quantile_of(algorithm: str, hyperparameters: Mapping[str, Any]) -> float | None:
    """Return the quantile that an estimator predicts, None for one that predicts the mean.

    Parameters
    ----------
    algorithm : str
        The estimator's class.
    hyperparameters : mapping
        All of them, as used.
    """
    if algorithm == "QuantileRegressor":
        found = hyperparameters.get("quantile")
    elif hyperparameters.get("loss") == "quantile":
        found = hyperparameters.get("quantile", hyperparameters.get("alpha"))
    elif hyperparameters.get("objective") == "quantile":
        found = hyperparameters.get("alpha", 0.9)
    elif hyperparameters.get("objective") == "reg:quantileerror":
        found = hyperparameters.get("quantile_alpha")
    else:
        return None
    return float(found) if isinstance(found, (int, float)) and 0 < found < 1 else None
