"""``algorithm => 'auto'``: an estimator chosen by what the rows look like. Runs in the worker only."""

from __future__ import annotations

import numpy as np

from motadata_ml_server.algorithms import catalogue
from motadata_ml_server.algorithms.catalogue import AlgorithmEntry
from motadata_ml_server.columns import Column, ColumnTable
from motadata_ml_server.features.text import is_free_text
from motadata_ml_server.training.specification import TrainingSpec
from motadata_ml_server.worker.target import EncodedTarget

FEW_ROWS = 200
"""Below, a linear model generalises better than trees."""

MANY_ROWS = 10_000
"""From here on, boosted histograms are faster than a forest and usually better."""

MANY_CLASSES = 30
"""Boosting fits a tree for each class and round."""

VERY_MANY_ROWS = 100_000
"""From here on, clusters come from batches of rows."""


def choose(spec: TrainingSpec, table: ColumnTable, goal: EncodedTarget | None) -> tuple[AlgorithmEntry, str]:
    """Choose an estimator.

    Parameters
    ----------
    spec : TrainingSpec
        Model type, features and group.
    table : ColumnTable
        The usable rows.
    goal : EncodedTarget or None
        Their target.

    Returns
    -------
    AlgorithmEntry
        The estimator.
    str
        Why, as the end of a sentence.
    """
    name, why = _name(spec, table, goal)
    return catalogue.load()[name], why


def _name(spec: TrainingSpec, table: ColumnTable, goal: EncodedTarget | None) -> tuple[str, str]:
    text = next((schema.name for schema in spec.features if _is_text(spec, table.columns[schema.name])), None)
    rows, of_what = table.rows, ""
    if spec.group is not None:
        codes = table.columns[spec.group.name].texts.codes
        rows, of_what = int(np.median(np.unique(codes[codes >= 0], return_counts=True)[1])), " in the median group"
    if spec.model_type in ("classification", "regression"):
        return _supervised(spec.model_type, text, rows, of_what, goal)
    if spec.model_type == "clustering":
        if rows >= VERY_MANY_ROWS:
            return "MiniBatchKMeans", f"{rows} rows are many: it learns from batches of them"
        return "KMeans", f"{rows} rows fit its whole passes"
    if spec.model_type == "anomaly":
        return "IsolationForest", "it needs no scale and no assumption on how the rows are spread"
    if text is not None:
        return "TruncatedSVD", f"{text!r} is free text, whose word counts stay sparse in it"
    return "PCA", "the features are dense numbers"


def _supervised(
    model_type: str, text: str | None, rows: int, of_what: str, goal: EncodedTarget | None
) -> tuple[str, str]:
    suffix = "Classifier" if model_type == "classification" else "Regressor"
    linear = "LogisticRegression" if model_type == "classification" else "Ridge"
    if text is not None:
        return linear, f"{text!r} is free text, and linear models suit its many words"
    if rows < FEW_ROWS:
        return linear, f"{rows} rows{of_what} are few, and a linear model generalises from them"
    if rows < MANY_ROWS:
        return f"RandomForest{suffix}", f"{rows} rows{of_what} are enough for trees"
    if goal is not None and goal.classes is not None and len(goal.classes) > MANY_CLASSES:
        return f"RandomForest{suffix}", f"{len(goal.classes)} classes would cost boosting a tree each in every round"
    return f"HistGradientBoosting{suffix}", f"{rows} rows{of_what} are many, and it takes NULLs as they are"


def _is_text(spec: TrainingSpec, column: Column) -> bool:
    if column.schema.kind != "text":
        return False
    asked = spec.preprocess.get(column.schema.name, {}).get("type")
    return asked == "text" if asked else is_free_text(column)
