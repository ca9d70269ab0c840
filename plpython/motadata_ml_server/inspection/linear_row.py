"""One row of a linear model taken apart in plain numbers: arrays would take longer than the arithmetic."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import mul, sub
from typing import Any

from motadata_ml_server.features.plan_column import PlanColumn
from motadata_ml_server.inspection import values
from motadata_ml_server.inspection.answer_text import quoted, record
from motadata_ml_server.inspection.contributions import EXACT, LinearExplainer
from motadata_ml_server.prediction.runtimes import link
from motadata_ml_server.prediction.runtimes.base import Runtime


class _OfClass:
    """What the explanations of one class share: numbers, and the parts of the answer's text that never change."""

    def __init__(self, explainer: LinearExplainer, position: int, label: str | None, names: Sequence[str]) -> None:
        base, weights, means = explainer.one(max(position, 0))
        self.weights, self.means = weights, means
        self.all_count = all(weights)
        self.head = "{" + record((label, None, None, base, 0, None, EXACT, explainer.unit))
        self.features = [f',"({quoted(label)},{quoted(name)},' for name in names]
        self.tail = f',,{quoted(EXACT)},{quoted(explainer.unit)})"'


class LinearRow:
    """Contributions of columns to single rows of a linear model of all rows.

    Parameters
    ----------
    runtime : Runtime
        The model.
    explainer : LinearExplainer
        What takes it apart.
    columns : sequence of PlanColumn
        The features.
    classes : sequence of str or None
        Their labels; None for another model type.
    split : callable
        Gives the numbers of a positional row to their features.
    """

    def __init__(
        self,
        runtime: Runtime,
        explainer: LinearExplainer,
        columns: Sequence[PlanColumn],
        classes: Sequence[str] | None,
        split: Callable[[Sequence[Any]], dict[str, Any]],
    ) -> None:
        self._explainer, self._labels, self._split = explainer, classes, split
        self._names = [column.name for column in columns]
        self._scores: Callable[[Any], Sequence[float]] = runtime.scores
        self._class_of = link.row_class(runtime.link, runtime.outputs) if classes is not None else None
        self._spans = [(column.start, column.start + column.width) for column in columns]
        self._plain = all(column.width == 1 for column in columns)
        self._numbers = all(column.kind == "number" for column in columns)
        self._columns = columns
        self._is_number = [column.kind == "number" and column.source == "number" for column in columns]
        self._of_class: dict[int, _OfClass] = {}

    def written(self, row: Any, encoded: list[float], wanted: int | None, top_k: int | None) -> str:
        """Return the answer of ``ml.explain`` as `answer_text.written` writes it.

        Parameters
        ----------
        row : mapping or list
            As it was given.
        encoded : list of float
            The same, encoded.
        wanted : int or None
            The class to explain; None takes the predicted one.
        top_k : int or None
            The most features.
        """
        chosen = -1
        if self._class_of is not None:
            chosen = self._class_of(self._scores(row)) if wanted is None else wanted
        known = self._of_class.get(chosen)
        if known is None:
            label = None if self._labels is None else self._labels[chosen]
            known = self._of_class[chosen] = _OfClass(self._explainer, chosen, label, self._names)
        parts = list(map(mul, map(sub, encoded, known.means), known.weights))
        if not known.all_count:
            # a missing value of a feature without weight must not make the score missing
            parts = [part if weight else 0.0 for part, weight in zip(parts, known.weights, strict=True)]
        if not self._plain:
            parts = [sum(parts[start:end]) for start, end in self._spans]
        # equal ones stay in the order of the features
        order = sorted(range(len(parts)), key=list(map(abs, parts)).__getitem__, reverse=True)
        if top_k is not None:
            order = order[:top_k]
        if row.__class__ is list and self._numbers:
            given = row
        else:
            named = row if isinstance(row, dict) else self._split(row)
            given = [named[name] for name in self._names]
        text, features, tail = known.head, known.features, known.tail
        for rank, one in enumerate(order, 1):
            value = given[one]
            kind = value.__class__
            if self._is_number[one] and (kind is float or kind is int):
                shown = values.of_number(value)
            else:
                shown = quoted(values.of_value(self._columns[one], value))
            text += f"{features[one]}{shown},{parts[one]!r},{rank}{tail}"
        return text + "}"
