"""The client's scores equal scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from motadata_ml._operations.metrics import classification, regression

LABELS = st.sampled_from(["a", "b", "c"])


@given(st.lists(st.tuples(LABELS, LABELS), min_size=1, max_size=30))
def test_classification_scores_equal_scikit_learns(pairs: list[tuple[str, str]]) -> None:
    actual, predicted = [a for a, _ in pairs], [p for _, p in pairs]
    found = classification(actual, predicted)
    weighted = metrics.precision_recall_fscore_support(actual, predicted, average="weighted", zero_division=0)
    macro = metrics.precision_recall_fscore_support(actual, predicted, average="macro", zero_division=0)
    assert found["accuracy"] == pytest.approx(metrics.accuracy_score(actual, predicted))
    assert [found[k] for k in ("precision", "recall", "f1_score")] == pytest.approx(list(weighted[:3]))
    assert [found[k] for k in ("precision_macro", "recall_macro", "f1_macro")] == pytest.approx(list(macro[:3]))


NUMBERS = st.floats(-1e6, 1e6)


@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=2, max_size=30, unique_by=lambda pair: round(pair[0], 3)))
def test_regression_scores_equal_scikit_learns(pairs: list[tuple[float, float]]) -> None:
    actual, predicted = np.array(pairs).T
    found = regression(actual, predicted)
    assert found["r2"] == pytest.approx(metrics.r2_score(actual, predicted), rel=1e-6)
    assert found["rmse"] == pytest.approx(metrics.root_mean_squared_error(actual, predicted))
    assert found["mae"] == pytest.approx(metrics.mean_absolute_error(actual, predicted))
    assert found["mape"] == pytest.approx(metrics.mean_absolute_percentage_error(actual, predicted))


def test_r2_of_a_constant_target_is_none() -> None:
    assert regression(np.ones(3), np.zeros(3))["r2"] is None
