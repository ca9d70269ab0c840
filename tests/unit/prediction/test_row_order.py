"""Rows predicted in another order: the same answers, to the bit, each beside its row."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.ensemble import (
    ExtraTreesClassifier,
    HistGradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
)

from motadata_ml_server.prediction.runtimes import onnx
from motadata_ml_server.prediction.runtimes.row_order import MIN_ROWS, alike_together
from motadata_ml_server.worker.compile.sklearn_trees import read_ensemble
from motadata_ml_server.worker.compile.splitting import MIN_TREES, splitting_features
from motadata_ml_server.worker.compile.tree import constant_tree
from tests.unit.prediction.models import compiled_predictor, number_table, numeric_plan

CANCER, MALIGNANT = load_breast_cancer(return_X_y=True)
DIABETES, PROGRESS = load_diabetes(return_X_y=True, scaled=False)
IRIS, SPECIES = load_iris(return_X_y=True)

NUMBERS = st.sampled_from([0.0, 1.0, -2.5, 1e300, np.inf, -np.inf, np.nan])

MODELS: list[tuple[Any, str, Any, Any]] = [
    (RandomForestClassifier(20, random_state=0), "classification", CANCER, MALIGNANT),
    (ExtraTreesClassifier(20, random_state=0), "classification", IRIS, SPECIES),
    (HistGradientBoostingClassifier(max_iter=20, random_state=0), "classification", CANCER, MALIGNANT),
    (RandomForestRegressor(20, random_state=0), "regression", DIABETES, PROGRESS),
    (IsolationForest(n_estimators=20, random_state=0), "anomaly", DIABETES, None),
]


def drawn(rows: np.ndarray, count: int, holes: bool) -> np.ndarray:
    """Return rows drawn at random, a tenth of their numbers unknown."""
    random = np.random.default_rng(7)
    found = rows[random.integers(0, len(rows), count)]
    if holes:
        found[random.random(found.shape) < 0.1] = np.nan
    return found


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("holes", [False, True])
@pytest.mark.parametrize(("estimator", "task", "features", "target"), MODELS, ids=lambda value: type(value).__name__)
def test_answers_are_those_of_the_rows_in_their_own_order(
    estimator: Any, task: str, features: Any, target: Any, holes: bool, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    width = features.shape[1]
    compiled, predictor = compiled_predictor(
        estimator.fit(features, target), task, numeric_plan(width, float(np.median(features))), features
    )
    assert compiled.kind == "onnx"
    table = number_table(drawn(features, MIN_ROWS + 501, holes))
    sorted_rows: list[int] = []

    def counted(rows: Any, by: Any) -> Any:
        sorted_rows.append(len(rows))
        return alike_together(rows, by)

    monkeypatch.setattr(onnx, "alike_together", counted)
    found = predictor.batch(table, threads)
    assert sorted_rows == [table.rows]
    monkeypatch.setattr(onnx, "MIN_ROWS", table.rows + 1)
    expected = predictor.batch(table, threads)
    assert sorted_rows == [table.rows]
    for name in ("codes", "values", "probabilities"):
        assert np.array_equal(getattr(found, name), getattr(expected, name)), name


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(*[st.sampled_from([0.0, 1.0, -2.5, 1e300, np.inf, -np.inf, np.nan])] * 3), min_size=1, max_size=40
    ),
    st.lists(st.integers(0, 2), max_size=3, unique=True),
)
def test_every_row_comes_once(rows: list[tuple[float, ...]], features: list[int]) -> None:
    given_rows = np.array(rows, dtype=np.float64).reshape(len(rows), 3)
    assert sorted(alike_together(given_rows, features)) == list(range(len(rows)))


def test_neighbours_are_alike() -> None:
    rows = np.random.default_rng(1).random((5000, 4))
    ordered = rows[alike_together(rows, [2, 0])]
    apart = np.abs(np.diff(ordered, axis=0)).mean(axis=0)
    assert apart[2] < 0.06
    assert apart[0] < 0.12
    assert apart[1] > 0.3


def test_what_is_split_on_most_comes_first() -> None:
    random = np.random.default_rng(3)
    rows = random.random((2000, 12))
    target = 10 * rows[:, 7] + 4 * rows[:, 3] + 2 * rows[:, 10]
    ensemble = read_ensemble(RandomForestRegressor(MIN_TREES, random_state=0).fit(rows, target))
    assert ensemble is not None
    assert splitting_features(ensemble.trees) == [7, 3, 10]
    assert splitting_features(ensemble.trees[:-1]) == []


def test_trees_without_a_split_need_no_order() -> None:
    assert splitting_features([constant_tree(1.0, 0)] * MIN_TREES) == []
