"""A model ready to predict: one row at a time, or a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from math import isfinite
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.columns import ColumnTable
from motadata_ml_server.errors import InvalidInputError, UnsupportedOperationError
from motadata_ml_server.features.check import check_table
from motadata_ml_server.features.json_values import UnsuitableValueError
from motadata_ml_server.prediction.predictions import BatchPrediction, Prediction
from motadata_ml_server.prediction.runtimes import link
from motadata_ml_server.prediction.runtimes.base import Runtime
from motadata_ml_server.prediction.runtimes.open import open_runtime
from motadata_ml_server.values.numbers import ExactFloat, all_digits

if TYPE_CHECKING:
    from motadata_ml_server.features.plan import FeaturePlan

Row: TypeAlias = Mapping[str, Any] | Sequence[Any]
Scores: TypeAlias = Sequence[float]
_INSTEAD: Final = {
    "classification": "Use ml.predict_label, or train an algorithm with probabilities.",
    "regression": "Use ml.predict_value.",
    "clustering": "Use ml.predict_value, which gives the cluster.",
    "anomaly": "Use ml.predict_value, which gives the score: below 0 is an outlier.",
    "decomposition": "Use ml.predict, whose prediction is the list of components.",
}
"""What to call where there are no probabilities."""

_TRUE_LABELS: Final = frozenset({"true", "t"})


class Predictor:
    """A stored model, ready to predict.

    Parameters
    ----------
    plan : FeaturePlan
        How rows become numbers.
    kind : str
        Which artifact `payload` is: 'linear', 'onnx', 'skops' or 'grouped'.
    payload : bytes
        The artifact; its digest has been checked.
    classes : list of str or None
        Labels as text, in the order of the estimator's classes.
    label_type : str or None
        What labels were in the table: 'text', 'integer', 'boolean' or 'number'.
    task : str
        'classification', 'regression', 'clustering', 'anomaly' or 'decomposition'.

    Attributes
    ----------
    plan, kind, classes, label_type, task
        As given.

    Raises
    ------
    ArtifactError
        If the artifact is not acceptable.
    """

    def __init__(
        self,
        plan: FeaturePlan,
        kind: str,
        payload: bytes,
        classes: Sequence[str] | None,
        label_type: str | None,
        task: str,
    ) -> None:
        self.plan = plan
        self.kind = kind
        self.task = task
        self.label_type = label_type
        self.classes = None if classes is None else list(classes)
        runtime: Runtime = open_runtime(kind, plan, payload, task)
        self._runtime = runtime
        self._scores = runtime.scores
        self._classes = list(classes or ())
        self._natives: list[Any] = [_native(label, label_type) for label in self._classes]
        self._numbers = _label_numbers(self._natives, label_type)
        self._link = runtime.link
        self._class_of = link.row_class(runtime.link, runtime.outputs)
        self._chances = (
            link.ROW_PROBABILITIES[runtime.link]
            if task == "classification" and link.has_probabilities(runtime.link, runtime.outputs)
            else None
        )
        self._to_value = self._value_finisher()
        self._to_label = self._label_finisher()

    @cached_property
    def exact_numbers(self) -> bool:
        """Whether the digits of a JSON number matter beyond those of a float: a feature is a category of numerics."""
        return any(column.exact for column in self.plan.columns)

    @property
    def runtime(self) -> Runtime:
        """What evaluates the model."""
        return self._runtime

    @property
    def nbytes(self) -> int:
        """Estimate of the memory it holds."""
        return self._runtime.nbytes + 4096

    @property
    def outputs(self) -> int:
        """Numbers of an answer: one for each class, or one."""
        return max(1, len(self._classes), self._runtime.outputs)

    def value(self, row: Row) -> float | None:
        """Predict one row as a number.

        Parameters
        ----------
        row : dict or list
            Parsed JSON values by feature name, or the numbers of an all-numeric model in order.

        Returns
        -------
        float or None
            The value, the cluster, the anomaly score (lower is more anomalous), or the label
            where labels are numbers or booleans.

        Raises
        ------
        InvalidInputError
            If the row does not fit the model.
        UnsupportedOperationError
            If the model's answer is no number.
        """
        try:
            return self._to_value(self._scores(row))
        except UnsuitableValueError as error:
            raise self.of_types(error) from None

    def label(self, row: Row) -> str | None:
        """Predict one row as text.

        Parameters
        ----------
        row : dict or list
            As for `value`.

        Returns
        -------
        str or None
            The label, the cluster, 'true' for an outlier, or the value as text.

        Raises
        ------
        InvalidInputError
            If the row does not fit the model.
        """
        try:
            return self._to_label(self._scores(row))
        except UnsuitableValueError as error:
            raise self.of_types(error) from None

    def proba(self, row: Row) -> list[float] | None:
        """Predict the probability of each class for one row.

        Parameters
        ----------
        row : dict or list
            As for `value`.

        Returns
        -------
        list of float or None
            In the order of the model's classes.

        Raises
        ------
        InvalidInputError
            If the row does not fit the model.
        UnsupportedOperationError
            If the model has no probabilities.
        """
        if self._chances is None:
            raise UnsupportedOperationError("the model gives no probabilities", hint=_INSTEAD[self.task])
        try:
            return self._chances(self._scores(row))
        except UnsuitableValueError as error:
            raise self.of_types(error) from None

    def one(self, row: Row) -> Prediction:
        """Predict one row with all that is known about the answer.

        Parameters
        ----------
        row : dict or list
            As for `value`.

        Returns
        -------
        Prediction
            The answer.

        Raises
        ------
        InvalidInputError
            If the row does not fit the model.
        """
        try:
            scores = self._scores(row)
        except UnsuitableValueError as error:
            raise self.of_types(error) from None
        if self.task == "classification":
            at = self._class_of(scores)
            if self._chances is None:
                return Prediction(self._natives[at])
            chances = self._chances(scores)
            return Prediction(self._natives[at], chances, chances[at])
        if self.task == "clustering":
            return Prediction(self._class_of(scores))
        if self.task == "decomposition":
            return Prediction(list(scores))
        value = self._to_value(scores)
        return Prediction(value < 0.0, score=value) if self.task == "anomaly" else Prediction(value)

    def batch(self, table: ColumnTable, threads: int = 1) -> BatchPrediction:
        """Predict every row of a table.

        Parameters
        ----------
        table : ColumnTable
            The model's features, and possibly other columns.
        threads : int
            The most threads to use, where the model's runtime can.

        Returns
        -------
        BatchPrediction
            In the table's order.

        Raises
        ------
        InvalidInputError
            If the table lacks features, or has them in a type that does not convert.
        """
        suited = check_table(self.plan.columns, table)
        return self._answers(self._runtime.batch(suited, threads))

    def of_types(self, error: UnsuitableValueError) -> InvalidInputError:
        """Return the error with the type that the feature had at training."""
        types = {column.name: column.spec.get("sql_type") for column in self.plan.columns}
        return error.of_types(types.get(error.name))

    def _answers(self, scores: NDArray[np.float64]) -> BatchPrediction:
        if self.task == "classification":
            return self._classified(scores)
        if self.task == "clustering":
            clusters = link.batch_class(self._link, scores)
            lowest, highest = int(clusters.min(initial=0)), int(clusters.max(initial=0))
            names = [str(number) for number in range(lowest, highest + 1)]
            return BatchPrediction((clusters - lowest).astype(np.int32), names, clusters.astype(np.float64))
        if self.task == "decomposition":
            return BatchPrediction(components=scores)
        values = link.batch_value(self._link, self._runtime.parameters, scores)
        if self.task == "anomaly":
            return BatchPrediction((values < 0.0).astype(np.int32), ("false", "true"), values)
        return BatchPrediction(values=values)

    def _classified(self, scores: NDArray[np.float64]) -> BatchPrediction:
        at = link.batch_class(self._link, scores)
        values = None if self._numbers is None else np.array(self._numbers)[at]
        return BatchPrediction(at.astype(np.int32), self._classes, values, link.batch_probabilities(self._link, scores))

    def _value_finisher(self) -> Callable[[Scores], float]:
        class_of = self._class_of
        if self.task == "classification":
            numbers = self._numbers
            if numbers is None:
                return _no_number
            return lambda scores: numbers[class_of(scores)]
        if self.task == "clustering":
            return lambda scores: float(class_of(scores))
        if self.task == "decomposition":
            return _no_single_number
        if self._link == "identity":
            return itemgetter(0)
        return link.row_value(self._link, self._runtime.parameters)

    def _label_finisher(self) -> Callable[[Scores], str]:
        class_of = self._class_of
        if self.task == "classification":
            classes = self._classes
            return lambda scores: classes[class_of(scores)]
        if self.task == "clustering":
            return lambda scores: str(class_of(scores))
        to_value = self._to_value
        if self.task == "anomaly":
            return lambda scores: "true" if to_value(scores) < 0.0 else "false"
        return lambda scores: repr(to_value(scores))


def _native(label: str, label_type: str | None) -> Any:
    if label_type == "integer":
        return int(label)
    if label_type == "number":
        return _number(label)
    if label_type == "boolean":
        return label in _TRUE_LABELS
    return label


def _number(label: str) -> Any:
    """Return a number that keeps its digits; what JSON has no number for stays a text, as in PostgreSQL's own JSON."""
    number = float(label)
    if not isfinite(number):
        return label
    return number if all_digits(number) == label else ExactFloat.parse(label)


def _label_numbers(natives: Sequence[Any], label_type: str | None) -> list[float] | None:
    if label_type not in {"integer", "number", "boolean"}:
        return None
    return [float(native) for native in natives]


def _no_number(_: Scores) -> float:
    raise UnsupportedOperationError(
        "the model's labels are text, not numbers",
        hint="Use ml.predict_label or ml.predict_proba.",
    )


def _no_single_number(_: Scores) -> float:
    raise UnsupportedOperationError(
        "the model's answer is a list of components, not one number",
        hint="Use ml.predict, whose prediction is the list.",
    )
