"""One row of a linear model taken apart in plain numbers: arrays would take longer than the arithmetic."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from motadata_ml_server.features.plan_column import PlanColumn
from motadata_ml_server.inspection.contributions import LinearExplainer
from motadata_ml_server.prediction.runtimes import link
from motadata_ml_server.prediction.runtimes.base import Runtime


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
    classes : int or None
        How many there are; None for another model type.

    Attributes
    ----------
    unit : str
        What a score is.
    """

    def __init__(
        self, runtime: Runtime, explainer: LinearExplainer, columns: Sequence[PlanColumn], classes: int | None
    ) -> None:
        self.unit = explainer.unit
        self._explainer = explainer
        self._scores: Callable[[Any], Sequence[float]] = runtime.scores
        self._class_of = link.row_class(runtime.link, runtime.outputs) if classes is not None else None
        self._spans = [(column.start, column.start + column.width) for column in columns]
        self._plain = all(column.width == 1 for column in columns)
        self._of_class: dict[int, tuple[float, list[tuple[float, float]]]] = {}

    def explain(self, row: Any, encoded: list[float], wanted: int | None) -> tuple[int, float, list[float]]:
        """Return the class that is explained, -1 for none, the base, and what each column adds.

        Parameters
        ----------
        row : mapping or list
            As it was given.
        encoded : list of float
            The same, encoded.
        wanted : int or None
            The class to explain; None takes the predicted one.
        """
        chosen = -1
        if self._class_of is not None:
            chosen = self._class_of(self._scores(row)) if wanted is None else wanted
        known = self._of_class.get(chosen)
        if known is None:
            base, weights, means = self._explainer.one(max(chosen, 0))
            known = self._of_class[chosen] = (base, list(zip(weights, means, strict=True)))
        base, factors = known
        # a missing value of a feature without weight must not make the score missing
        parts = [
            (number - mean) * weight if weight else 0.0 for number, (weight, mean) in zip(encoded, factors, strict=True)
        ]
        if not self._plain:
            parts = [sum(parts[start:end]) for start, end in self._spans]
        return chosen, base, parts
