"""Scores gathered chunk by chunk against scikit-learn's own."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn import metrics as sklearn_metrics

from motadata_ml_server.columns import TextValues
from motadata_ml_server.evaluation.scores import ClassificationScores, RegressionScores, area_under_curve
from motadata_ml_server.prediction.predictions import BatchPrediction
from motadata_ml_server.worker import metrics

MUCH = 1 << 30


def dictionary_encoded(labels: list[str]) -> TextValues:
    distinct = list(dict.fromkeys(labels))
    return TextValues(np.array([distinct.index(label) for label in labels], np.int32), distinct)


def gather(
    truth: list[str], chances: NDArray[np.float64], classes: list[str], chunk: int, room: int = MUCH
) -> ClassificationScores:
    found = ClassificationScores(classes, room)
    codes = chances.argmax(axis=1).astype(np.int32)
    for start in range(0, len(truth), chunk):
        part = slice(start, start + chunk)
        found.add(dictionary_encoded(truth[part]), BatchPrediction(codes[part], classes, None, chances[part]))
    return found


@settings(max_examples=60, deadline=None)
@given(classes=st.integers(2, 6), rows=st.integers(20, 300), chunk=st.integers(1, 300), seed=st.integers(0, 2**32 - 1))
def test_classification_equals_the_scores_of_training(classes: int, rows: int, chunk: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    names = [f"c{number}" for number in range(classes)]
    chances = random.dirichlet(np.ones(classes), rows).round(2) + 0.01
    chances /= chances.sum(axis=1, keepdims=True)
    truth = np.concatenate([np.arange(classes), random.integers(0, classes, rows - classes)])
    expected = metrics.classification(truth, chances.argmax(axis=1), chances, None, classes)
    found = gather([names[code] for code in truth], chances, names, chunk)
    assert found.scores() == pytest.approx(expected, rel=1e-9, abs=1e-12)
    assert found.rows == rows
    confusion = sklearn_metrics.confusion_matrix(truth, chances.argmax(axis=1))
    assert {(int(a[1:]), int(p[1:])): count for a, p, count in found.pairs()} == {
        (i, j): confusion[i, j] for i in range(classes) for j in range(classes) if confusion[i, j]
    }


def test_class_never_learned_counts_as_wrong_as_in_scikit_learn() -> None:
    random = np.random.default_rng(3)
    truth = ["a", "b", "new", "a", "b", "other"] * 20
    chances = random.dirichlet(np.ones(2), len(truth))
    found = gather(truth, chances, ["a", "b"], 7)
    predicted = np.array(["a", "b"])[chances.argmax(axis=1)]
    scores = found.scores()
    assert found.unknown_rows == 40
    assert scores["accuracy"] == pytest.approx(sklearn_metrics.accuracy_score(truth, predicted))
    for average in ("weighted", "macro"):
        precision, recall, f1, _ = sklearn_metrics.precision_recall_fscore_support(
            truth, predicted, average=average, zero_division=0.0
        )
        suffix = "" if average == "weighted" else "_macro"
        assert scores[f"precision{suffix}"] == pytest.approx(precision, rel=1e-12)
        assert scores[f"recall{suffix}"] == pytest.approx(recall, rel=1e-12)
        assert scores["f1_score" if not suffix else "f1_macro"] == pytest.approx(f1, rel=1e-12)
    assert "roc_auc" not in scores
    assert "log_loss" not in scores


def test_probabilities_beyond_the_memory_allowed_cost_only_the_area() -> None:
    chances = np.random.default_rng(1).dirichlet(np.ones(2), 1000)
    truth = ["a", "b"] * 500
    whole, less = gather(truth, chances, ["a", "b"], 100), gather(truth, chances, ["a", "b"], 100, room=5_000)
    assert (whole.ranking_given_up, less.ranking_given_up) == (False, True)
    expected = whole.scores()
    del expected["roc_auc"], expected["average_precision"]
    assert less.scores() == expected


@settings(max_examples=60, deadline=None)
@given(classes=st.integers(2, 4), rows=st.integers(12, 200), positive=st.integers(0, 1), seed=st.integers(0, 2**32 - 1))
def test_scores_are_those_of_scikit_learn(classes: int, rows: int, positive: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    names = [f"c{number}" for number in range(classes)]
    chances = random.dirichlet(np.ones(classes), rows).round(1) + 0.01
    chances /= chances.sum(axis=1, keepdims=True)
    truth = np.concatenate([np.arange(classes), random.integers(0, classes, rows - classes)])
    labels = chances.argmax(axis=1)
    found = ClassificationScores(names, MUCH, positive if classes == 2 else None)
    found.add(
        dictionary_encoded([names[code] for code in truth]),
        BatchPrediction(labels.astype(np.int32), names, None, chances),
    )
    scores = found.scores()
    two = classes == 2
    expected = {
        "mcc": sklearn_metrics.matthews_corrcoef(truth, labels),
        "balanced_accuracy": sklearn_metrics.balanced_accuracy_score(truth, labels),
        "average_precision": sklearn_metrics.average_precision_score(truth == positive, chances[:, positive].round(10))
        if two
        else sklearn_metrics.average_precision_score(truth, chances.round(10)),
        "brier": sklearn_metrics.brier_score_loss(truth, chances[:, 1] if two else chances),
        "log_loss": sklearn_metrics.log_loss(truth, chances),
    }
    if two:
        for name in ("precision", "recall", "f1"):
            score = getattr(sklearn_metrics, f"{name}_score")
            expected[f"{name}_positive"] = score(truth, labels, pos_label=positive, zero_division=0.0)
    assert {name: scores[name] for name in expected} == pytest.approx(expected, rel=1e-9, abs=1e-12)
    details = found.details()
    assert details.get("positive_class") == (names[positive] if two else None)
    report = sklearn_metrics.precision_recall_fscore_support(
        truth, labels, labels=np.arange(classes), zero_division=0.0
    )
    listed = np.array([list(one.values())[1:] for one in details["per_class"]]).T
    assert np.allclose(listed, np.array(report))
    assert [one["class"] for one in details["per_class"]] == names


@settings(max_examples=40, deadline=None)
@given(rows=st.integers(2, 300), quantile=st.floats(0.05, 0.95), seed=st.integers(0, 2**32 - 1))
def test_errors_of_a_regressor_are_those_of_scikit_learn(rows: int, quantile: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    truth, predicted = random.normal(size=(2, rows))
    found = RegressionScores(quantile=quantile)
    for start in range(0, rows, 7):
        found.add(truth[start : start + 7], predicted[start : start + 7])
    expected = {
        "median_absolute_error": sklearn_metrics.median_absolute_error(truth, predicted),
        "explained_variance": sklearn_metrics.explained_variance_score(truth, predicted),
        "pinball_loss": sklearn_metrics.mean_pinball_loss(truth, predicted, alpha=quantile),
    }
    scores = found.scores()
    assert {name: scores[name] for name in expected} == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_errors_beyond_the_memory_allowed_cost_only_the_median() -> None:
    truth, predicted = np.random.default_rng(2).normal(size=(2, 100))
    whole, less = RegressionScores(), RegressionScores(max_bytes=100)
    for found in (whole, less):
        found.add(truth, predicted)
    assert (whole.median_given_up, less.median_given_up) == (False, True)
    expected = whole.scores()
    del expected["median_absolute_error"]
    assert less.scores() == expected


def test_area_counts_ties_half() -> None:
    score = np.array([0.1, 0.5, 0.5, 0.5, 0.9, 0.9])
    positive = np.array([False, True, False, True, False, True])
    assert area_under_curve(positive, score) == pytest.approx(sklearn_metrics.roc_auc_score(positive, score))


@settings(max_examples=60, deadline=None)
@given(
    rows=st.integers(2, 300),
    chunk=st.integers(1, 300),
    offset=st.sampled_from([0.0, 1.0, 1e6]),
    seed=st.integers(0, 2**32 - 1),
)
def test_regression_equals_the_scores_of_training(rows: int, chunk: int, offset: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    truth = random.normal(size=rows) + offset
    truth[0] = 0.0
    predicted = truth + random.normal(size=rows) * 0.3
    found = RegressionScores()
    for start in range(0, rows, chunk):
        found.add(truth[start : start + chunk], predicted[start : start + chunk])
    assert found.scores() == pytest.approx(metrics.regression(truth, predicted), rel=1e-9)
    assert found.scores()["r2"] == pytest.approx(sklearn_metrics.r2_score(truth, predicted), rel=1e-9)
