"""An estimator chosen by the rows, where no algorithm was named or ``auto`` was. Runs in the worker only."""

from __future__ import annotations

import numpy as np

from motadata_ml_server.algorithms import catalogue
from motadata_ml_server.columns import Column, ColumnTable
from motadata_ml_server.features.text import is_free_text
from motadata_ml_server.training.specification import TrainingSpec
from motadata_ml_server.worker.comparison import BOOSTING, FOREST, MANY_CLASSES, Choice, compare
from motadata_ml_server.worker.target import EncodedTarget

FEW_ROWS = 500
"""In groups of fewer rows a linear model generalises better than trees."""

VERY_MANY_ROWS = 100_000
"""From here on, clusters come from batches of rows."""


def choose(spec: TrainingSpec, learn: ColumnTable, goal: EncodedTarget | None) -> Choice:
    """Choose an estimator and its hyperparameters.

    Parameters
    ----------
    spec : TrainingSpec
        Model type, features and group.
    learn : ColumnTable
        The rows to learn from.
    goal : EncodedTarget or None
        Their target.
    """
    words = free_text(spec, learn)
    if goal is None:
        name, why = _without_target(spec, learn, words)
        return Choice(catalogue.load()[name], {}, why)
    if spec.group is not None:
        return _in_groups(spec, learn, goal, words)
    return compare(spec, learn, goal, words)


def _without_target(spec: TrainingSpec, learn: ColumnTable, words: str | None) -> tuple[str, str]:
    if spec.model_type == "clustering":
        if learn.rows >= VERY_MANY_ROWS:
            return "MiniBatchKMeans", f"{learn.rows} rows are many: it learns from batches of them"
        return "KMeans", f"{learn.rows} rows fit its whole passes"
    if spec.model_type == "anomaly":
        return "IsolationForest", "it needs no scale and no assumption on how the rows are spread"
    if words is not None:
        return "TruncatedSVD", f"{words!r} is free text, whose word counts stay sparse in it"
    return "PCA", "the features are dense numbers"


def _in_groups(spec: TrainingSpec, learn: ColumnTable, goal: EncodedTarget, words: str | None) -> Choice:
    """Choose by rule: what each group has of rows differs, and all of them get one estimator."""
    assert spec.group is not None  # noqa: S101 - the caller looked
    codes = learn.columns[spec.group.name].texts.codes
    rows = int(np.median(np.unique(codes[codes >= 0], return_counts=True)[1]))
    suffix = "Classifier" if goal.classes is not None else "Regressor"
    linear = catalogue.load()["LogisticRegression" if goal.classes is not None else "Ridge"]
    if words is not None:
        return Choice(linear, {}, f"{words!r} is free text, and linear models suit its many words")
    if rows < FEW_ROWS:
        return Choice(linear, {}, f"{rows} rows in the median group are few, and a linear model generalises from them")
    if goal.classes is not None and len(goal.classes) > MANY_CLASSES:
        forest = catalogue.load()[f"RandomForest{suffix}"]
        return Choice(forest, dict(FOREST), f"{len(goal.classes)} classes would cost boosting a tree each in a round")
    boosting = catalogue.load()[f"HistGradientBoosting{suffix}"]
    stopping = {"max_leaf_nodes": 15, "early_stopping": True}
    why = f"{rows} rows in the median group are enough for boosting, which ends where it gets no better"
    return Choice(boosting, {**BOOSTING, **stopping}, why)


def free_text(spec: TrainingSpec, learn: ColumnTable) -> str | None:
    """Return the first feature that is free text, None where there is none."""
    return next((schema.name for schema in spec.features if _is_text(spec, learn.columns[schema.name])), None)


def _is_text(spec: TrainingSpec, column: Column) -> bool:
    if column.schema.kind != "text":
        return False
    asked = spec.preprocess.get(column.schema.name, {}).get("type")
    return asked == "text" if asked else is_free_text(column)
