"""The target as numbers: classes in order, or values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.algorithms.choose import BEST
from motadata_ml_server.columns import Column, ColumnTable
from motadata_ml_server.errors import InsufficientDataError, InvalidTargetError
from motadata_ml_server.features.fit_plan import TargetValues
from motadata_ml_server.training.specification import TrainingSpec
from motadata_ml_server.values.numbers import SQUARABLE
from motadata_ml_server.worker.all_classes import numbered

MAX_CLASSES = 10_000

NOT_FINITE: Final = ("NaN", "Infinity", "-Infinity")
"""Texts of numbers that are no label: batches have NULL for NaN, and JSON has a word for none of them."""


@dataclass(frozen=True)
class EncodedTarget:
    """A target without NULLs.

    Attributes
    ----------
    classes : list of str or None
        Labels as text, in the order of their numbers; None for regression.
    values : ndarray, shape (rows,)
        Class numbers (intp) or values (float64).
    """

    classes: list[str] | None
    values: NDArray[np.intp] | NDArray[np.float64]

    def take(self, rows: NDArray[np.intp]) -> EncodedTarget:
        """Return the target of some rows."""
        return EncodedTarget(self.classes, self.values[rows])

    def for_encodings(self) -> TargetValues:
        """Return the target as encodings want it: one column a class, or one of values."""
        if self.classes is None:
            return TargetValues(np.asarray(self.values, np.float64)[:, None], self.values)
        codes = self.values.astype(np.intp)
        if len(self.classes) > 100:
            return TargetValues(np.zeros((len(codes), len(self.classes))), codes)
        return TargetValues(np.eye(len(self.classes))[codes], codes)


def present(spec: TrainingSpec, table: ColumnTable) -> NDArray[np.bool_]:
    """Tell which rows have a target."""
    assert spec.target is not None  # noqa: S101 - asked for supervised models only
    column = table.columns[spec.target.name]
    if column.schema.kind == "text":
        return np.asarray(column.texts.codes >= 0)
    return np.asarray(~np.isnan(column.numbers))


def encode(spec: TrainingSpec, column: Column, classes: list[str] | None = None) -> EncodedTarget:
    """Encode a target without NULLs.

    Parameters
    ----------
    spec : TrainingSpec
        model_type and label_type.
    column : Column
        The target; labels travel as text.
    classes : list of str, optional
        Labels to use instead of those found: a row with another label gets number ``len(classes)``.

    Raises
    ------
    InsufficientDataError
        ML005: one class only.
    InvalidTargetError
        ML006: infinite values, numbers beyond `SQUARABLE`, or more classes than `MAX_CLASSES`.
    """
    if spec.model_type == "regression":
        if np.isinf(column.numbers).any():
            raise InvalidTargetError(
                f"target {column.schema.name!r} holds infinite values",
                hint="Leave those rows out in a SELECT.",
            )
        # the search tells of each family why it failed
        if spec.algorithm != BEST and len(column.numbers) and np.abs(column.numbers).max() > SQUARABLE:
            raise InvalidTargetError(
                f"target {column.schema.name!r} holds numbers beyond {SQUARABLE:g}, whose squares no double can be",
                hint="Divide it in a SELECT, or predict its logarithm: ln().",
            )
        return EncodedTarget(None, column.numbers)
    texts = column.texts
    if classes is None:
        used = np.unique(texts.codes)
        classes = in_order(spec, [texts.dictionary[code] for code in used.tolist()])
    position = {label: number for number, label in enumerate(classes)}
    numbers = np.array([position.get(label, len(classes)) for label in texts.dictionary], dtype=np.intp)
    return EncodedTarget(classes, numbers[texts.codes])


def in_order(spec: TrainingSpec, labels: Sequence[str]) -> list[str]:
    """Return distinct labels in the order of their numbers.

    Raises
    ------
    InsufficientDataError
        ML005: there is one label only, or none.
    InvalidTargetError
        ML006: there are more than `MAX_CLASSES`, or one is NaN or infinite.
    """
    assert spec.target is not None  # noqa: S101 - only classifiers have labels
    classes = sorted(labels, key=_order(spec.label_type))
    _check_classes(spec.target.name, classes, spec.label_type)
    return classes


def _check_classes(name: str, classes: list[str], label_type: str | None) -> None:
    if len(classes) < 2:
        raise InsufficientDataError(
            f"target {name!r} has one class only, {classes[0]!r}" if classes else f"target {name!r} has no class",
            hint="A classifier needs rows of two classes and more.",
        )
    beyond = [label for label in classes if label_type == "number" and label in NOT_FINITE]
    if beyond:
        raise InvalidTargetError(
            f"target {name!r} holds {beyond[0]}, which is no number that a prediction can be",
            hint=f"Cast it to text in a SELECT, or turn it into NULL: nullif({name}, '{beyond[0]}').",
        )
    if len(classes) > MAX_CLASSES:
        raise InvalidTargetError(
            f"target {name!r} has {len(classes)} classes, more than {MAX_CLASSES}",
            hint="Use model_type => 'regression' for a number, or group the labels.",
        )


def _order(label_type: str | None) -> Callable[[str], Any] | None:
    """Return the key that sorts labels as PostgreSQL would sort what they stand for."""
    return _number_order if label_type in ("integer", "number") else None


def _number_order(label: str) -> tuple[bool, Decimal]:
    """Return the key of a number's text: exact, and NaN behind all others."""
    number = Decimal(label)
    return number.is_nan(), Decimal(0) if number.is_nan() else number


def renumbered(goal: EncodedTarget) -> EncodedTarget:
    """Return a sample's target without the classes that it lacks."""
    if goal.classes is None:
        return goal
    present, codes = numbered(goal.values)
    return replace(goal, classes=[goal.classes[code] for code in present.tolist()], values=codes)
