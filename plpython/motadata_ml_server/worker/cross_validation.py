"""What a fitted estimator is worth: scores on held out rows, and over the folds of a cross-validation."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from motadata_ml_server.algorithms.catalogue import AlgorithmEntry
from motadata_ml_server.features.fit_plan import EncodingNeeds, fit_plan
from motadata_ml_server.features.table import encode_table
from motadata_ml_server.training.specification import Progress, TrainingSpec
from motadata_ml_server.worker import estimators, metrics
from motadata_ml_server.worker.rows import UsableRows, sample_weights
from motadata_ml_server.worker.target import EncodedTarget


def score(spec: TrainingSpec, estimator: Any, encoded: Any, goal: EncodedTarget | None) -> dict[str, float]:
    """Return the scores of a fitted estimator on encoded rows, by the names of the model type's metrics."""
    if spec.model_type == "classification":
        assert goal is not None  # noqa: S101 - supervised
        assert goal.classes is not None  # noqa: S101
        probabilities = estimators.probabilities(estimator, encoded)
        scores = None if probabilities is not None else estimators.decision(estimator, encoded)
        labels = np.asarray(estimator.predict(encoded), dtype=np.intp)
        return metrics.classification(goal.values.astype(np.intp), labels, probabilities, scores, len(goal.classes))
    if spec.model_type == "regression":
        assert goal is not None  # noqa: S101 - supervised
        predicted = np.asarray(estimator.predict(encoded), dtype=np.float64).reshape(len(goal.values), -1)[:, 0]
        return metrics.regression(np.asarray(goal.values, np.float64), predicted)
    if spec.model_type == "clustering":
        labels = np.asarray(estimator.predict(encoded), dtype=np.intp)
        return metrics.clustering(encoded, labels, estimator, spec.random_state)
    if spec.model_type == "anomaly":
        return metrics.anomaly(np.asarray(estimator.predict(encoded)) == -1)
    return metrics.decomposition(estimator)


def cross_validate(
    spec: TrainingSpec,
    entry: AlgorithmEntry,
    hyperparameters: dict[str, Any],
    needs: EncodingNeeds,
    rows: UsableRows,
    progress: Progress,
) -> dict[str, float]:
    """Return mean and spread of each score over folds; the feature plan is fitted anew in each."""
    from sklearn.model_selection import KFold, StratifiedKFold

    assert spec.cv is not None  # noqa: S101 - asked for
    stratified = rows.target is not None and rows.target.classes is not None
    folds: list[dict[str, float]] = []
    splitter = (StratifiedKFold if stratified else KFold)(spec.cv, shuffle=True, random_state=spec.random_state)
    goal = np.zeros(rows.table.rows) if rows.target is None else rows.target.values
    names = [schema.name for schema in spec.features]
    for number, (train, test) in enumerate(splitter.split(goal, goal)):
        progress("cross-validate", 0.7 + 0.1 * number / spec.cv, {"rows": len(train), "fold": number + 1})
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
        weights = None if spec.weight is None else sample_weights(learn.columns[spec.weight.name])
        estimators.fit(estimator, encoded, None if own is None else own.values, weights)
        held = None if rows.target is None else rows.target.take(test)
        folds.append(score(spec, estimator, encode_table(fitted.plan, rows.table.take(test), sparse), held))
    return {
        key: value
        for name in folds[0]
        for key, value in _spread(f"cv_{name}", [fold[name] for fold in folds if name in fold])
    }


def _spread(name: str, values: list[float]) -> list[tuple[str, float]]:
    mean = sum(values) / len(values)
    deviation = math.sqrt(sum((value - mean) ** 2 for value in values) / len(values))
    return [(f"{name}_mean", mean), (f"{name}_std", deviation)]
