"""What a worker is told to train."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

from motadata_ml_server.columns import ColumnSchema

Progress: TypeAlias = Callable[[str, float, dict[str, Any]], None]
"""How a training says how far it is: step, fraction done, more."""


@dataclass(frozen=True)
class TrainingSpec:
    """A checked training.

    Attributes
    ----------
    model_type : str
        classification, regression, clustering, anomaly or decomposition.
    algorithm : str
        A name in the catalogue, or auto: the rows decide, or best: a search decides.
    hyperparameters : dict
        Checked against the catalogue.
    features : list of ColumnSchema
        In order.
    group : ColumnSchema or None
        Text; a model is trained for each of its values.
    weight : ColumnSchema or None
        Number: how much each row counts in the fit.
    target : ColumnSchema or None
        Text for a class label, number for regression.
    label_type : str or None
        What a label is in the table: text, integer, boolean or number.
    test_size : float
        Share of the rows held out for scoring, 0 to 1.
    split : str or None
        stratified, random, none, ``time:<column>``, ``group:<column>`` or ``column:<column>``; None takes the best
        that fits.
    cv : int or None
        Folds of a cross-validation beside the split.
    search : dict or None
        A hyperparameter search.
    preprocess : dict
        Overrides by column.
    random_state : int or None
        Seed of everything random.
    threads : int
        The most threads to use.
    max_memory_mb : int
        The worker's memory cap, in MB.
    positive_class : str or None
        The label that the scores of two classes are about; None takes the last.
    seconds, trials : float and int, or None
        How long ``best`` may search, and how many candidates it may try.
    intervals : dict or None
        ``levels``, rising, and ``method`` of what makes intervals and sets of labels of predictions.
    importance : bool
        Whether to measure what each feature adds to the scores.
    """

    model_type: str
    algorithm: str
    hyperparameters: dict[str, Any]
    features: list[ColumnSchema]
    group: ColumnSchema | None
    weight: ColumnSchema | None
    target: ColumnSchema | None
    label_type: str | None
    test_size: float
    split: str | None
    cv: int | None
    search: dict[str, Any] | None
    preprocess: dict[str, Any]
    random_state: int | None
    threads: int
    max_memory_mb: int
    positive_class: str | None = None
    seconds: float | None = None
    trials: int | None = None
    intervals: dict[str, Any] | None = None
    importance: bool = True

    def to_json(self) -> dict[str, Any]:
        """Return the specification as plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> TrainingSpec:
        """Read a specification from plain data."""
        fields = dict(data)
        fields["features"] = [ColumnSchema(**column) for column in data["features"]]
        for name in ("group", "weight", "target"):
            fields[name] = None if data[name] is None else ColumnSchema(**data[name])
        return cls(**fields)
