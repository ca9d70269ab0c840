"""What a fitted estimator is worth: scores on held out rows, and over the folds of a cross-validation."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from motadata_ml_server.algorithms.catalogue import AlgorithmEntry
from motadata_ml_server.features.fit_plan import EncodingNeeds, fit_plan
from motadata_ml_server.features.table import encode_table
from motadata_ml_server.training.label_scores import DETAILS, LabelCounts, class_details
from motadata_ml_server.training.scoring import positive_class, quantile_of
from motadata_ml_server.training.specification import Progress, TrainingSpec
from motadata_ml_server.worker import estimators, metrics
from motadata_ml_server.worker.folds import folds
from motadata_ml_server.worker.rows import UsableRows, sample_weights
from motadata_ml_server.worker.target import EncodedTarget


def score(spec: TrainingSpec, estimator: Any, encoded: Any, goal: EncodedTarget | None) -> dict[str, Any]:
    """Return the scores of a fitted estimator on encoded rows, by the names of the model type's metrics."""
    if spec.model_type == "classification":
        assert goal is not None  # noqa: S101 - supervised
        return _classified(spec, estimator, encoded, goal)
    if spec.model_type == "regression":
        assert goal is not None  # noqa: S101 - supervised
        predicted = np.asarray(estimator.predict(encoded), dtype=np.float64).reshape(len(goal.values), -1)[:, 0]
        one = next(iter(estimator.fitted.values())) if hasattr(estimator, "fitted") else estimator
        quantile = quantile_of(type(one).__name__, one.get_params(deep=False))
        return metrics.regression(np.asarray(goal.values, np.float64), predicted, quantile)
    if spec.model_type == "clustering":
        labels = np.asarray(estimator.predict(encoded), dtype=np.intp)
        return metrics.clustering(encoded, labels, estimator, spec.random_state)
    if spec.model_type == "anomaly":
        return metrics.anomaly(np.asarray(estimator.predict(encoded)) == -1)
    return metrics.decomposition(estimator)


def _classified(spec: TrainingSpec, estimator: Any, encoded: Any, goal: EncodedTarget) -> dict[str, Any]:
    """Return the scores of a classifier; those of probabilities only where it has learned all classes of the rows."""
    assert goal.classes is not None  # noqa: S101 - a classifier's
    truth = goal.values.astype(np.intp)
    positive = positive_class(goal.classes, spec.label_type, spec.positive_class)
    labels = np.asarray(estimator.predict(encoded), dtype=np.intp)
    probabilities = scores = None
    if np.isin(truth, getattr(estimator, "present_", np.arange(len(goal.classes)))).all():
        probabilities = estimators.probabilities(estimator, encoded)
        scores = None if probabilities is not None else estimators.decision(estimator, encoded)
    found = metrics.classification(truth, labels, probabilities, scores, len(goal.classes), positive)
    return found | class_details(LabelCounts.of(truth, labels, len(goal.classes)), goal.classes, positive)


def unranked(estimator: Any, found: dict[str, Any], goal: EncodedTarget | None) -> str | None:
    """Return a sentence on scores that the rows held out do not allow, None where there is none."""
    if goal is None or goal.classes is None or "roc_auc" in found or not hasattr(estimator, "predict_proba"):
        return None
    absent = [label for at, label in enumerate(goal.classes) if not (goal.values == at).any()]
    if not absent:
        return None
    return f"roc_auc and average_precision are left out: no row to score on has class {_few(absent)}"


def _few(labels: list[str]) -> str:
    return ", ".join(map(repr, labels[:3])) + (f" and {len(labels) - 3} others" if len(labels) > 3 else "")


def cross_validate(
    spec: TrainingSpec,
    entry: AlgorithmEntry,
    hyperparameters: dict[str, Any],
    needs: EncodingNeeds,
    rows: UsableRows,
    progress: Progress,
    notices: list[str],
) -> dict[str, float]:
    """Return mean and spread of each score over folds; the feature plan is fitted anew in each.

    A score that a fold does not have is left out, and `notices` say so: means over other folds would mislead.
    """
    assert spec.cv is not None  # noqa: S101 - asked for
    drawn = folds(spec, rows.table, rows.target, spec.cv)
    notices.extend(f"cv: {notice}" for notice in drawn.notices)
    gaps = drawn.lack_classes(rows.target)
    scores: list[dict[str, Any]] = []
    names = [schema.name for schema in spec.features]
    started = time.monotonic()
    for number, (train, test) in enumerate(drawn.pairs):
        left = (time.monotonic() - started) / number * (len(drawn.pairs) - number) if number else None
        more = {"rows": len(train), "fold": number + 1, "seconds_left": left}
        progress("cross-validate", 0.7 + 0.1 * number / len(drawn.pairs), more)
        learn = rows.table.take(train)
        own = None if rows.target is None else rows.target.take(train)
        fitted = fit_plan(
            learn,
            names,
            None if own is None else own.for_encodings(),
            needs,
            spec.preprocess,
            spec.random_state,
        )
        sparse = fitted.plan.sparse
        encoded = encode_table(fitted.plan, learn, sparse, fitted.overrides)
        classes = None if own is None else own.classes
        estimator = estimators.make(entry, hyperparameters, spec.threads, spec.random_state, classes)
        if gaps:
            estimator = all_classes(estimator, classes)
        weights = None if spec.weight is None else sample_weights(learn.columns[spec.weight.name])
        estimators.fit(estimator, encoded, None if own is None else own.values, weights)
        held = None if rows.target is None else rows.target.take(test)
        scores.append(score(spec, estimator, encode_table(fitted.plan, rows.table.take(test), sparse), held))
    everywhere = [name for name in scores[0] if name not in DETAILS and all(name in fold for fold in scores)]
    lacking = sorted({name for fold in scores for name in fold} - set(everywhere) - set(DETAILS))
    why = _rare(rows.target, len(drawn.pairs))
    if why and not lacking and "roc_auc" not in everywhere and hasattr(estimator, "predict_proba"):
        lacking = ["average_precision", "roc_auc"]
    if lacking:
        notices.append(f"cv: {' and '.join(lacking)} left out: not every fold has {why or 'them'}")
    return {key: value for name in everywhere for key, value in _spread(f"cv_{name}", [fold[name] for fold in scores])}


def all_classes(estimator: Any, classes: Sequence[str] | None) -> Any:
    """Return an estimator that may learn from rows that lack some of the classes."""
    from motadata_ml_server.worker.all_classes import AllClasses

    return AllClasses(estimator, len(classes or ()))


def _rare(goal: EncodedTarget | None, count: int) -> str | None:
    """Return which classes have fewer rows than there are folds, as the end of a sentence."""
    if goal is None or goal.classes is None:
        return None
    rows = np.bincount(goal.values.astype(np.intp), minlength=len(goal.classes))
    rare = [label for label, number in zip(goal.classes, rows, strict=True) if number < count]
    return f"rows of class {_few(rare)}" if rare else "rows of every class"


def _spread(name: str, values: list[float]) -> list[tuple[str, float]]:
    mean = sum(values) / len(values)
    deviation = math.sqrt(sum((value - mean) ** 2 for value in values) / len(values))
    return [(f"{name}_mean", mean), (f"{name}_std", deviation)]
