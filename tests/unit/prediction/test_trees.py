"""Trees by the loops, in both forms: the answers of scikit-learn and of ONNX Runtime, from arrays of our own."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from motadata_ml_server import _native, loops
from motadata_ml_server.errors import ArtifactError
from motadata_ml_server.features.compiled_row import CompiledRow
from motadata_ml_server.features.plan import FeaturePlan
from motadata_ml_server.features.row import DenseRow
from motadata_ml_server.persistence.kinds import ArtifactKind
from motadata_ml_server.prediction.predictor import Predictor
from motadata_ml_server.prediction.runtimes import groups
from motadata_ml_server.prediction.runtimes.compiled_linear_row import compiled_scores
from motadata_ml_server.prediction.runtimes.group_model import GroupedModels, GroupModel
from motadata_ml_server.prediction.runtimes.linear_model import LinearModel
from motadata_ml_server.prediction.runtimes.linear_row import LinearRow
from motadata_ml_server.prediction.runtimes.open import open_runtime
from motadata_ml_server.prediction.runtimes.tree_model import TreeModel
from motadata_ml_server.prediction.runtimes.trees import TreesRuntime
from motadata_ml_server.worker.compile.compare import compile_estimator
from tests.unit.prediction.models import MIXED, NULLS, ROW, assert_close, number_table, numeric_plan

FORMS = [("numpy", None), *([] if _native.compiled is None else [("compiled", _native.compiled)])]
CANCER = load_breast_cancer(return_X_y=True)
IRIS = load_iris(return_X_y=True)
DIABETES = load_diabetes(return_X_y=True, scaled=False)

ESTIMATORS: list[tuple[Any, Any]] = [
    (RandomForestClassifier(20, random_state=0), CANCER),
    (RandomForestClassifier(20, max_depth=3, random_state=0), IRIS),
    (BaggingClassifier(n_estimators=5, max_features=0.5, random_state=0), IRIS),
    (DecisionTreeClassifier(random_state=0), IRIS),
    (GradientBoostingClassifier(n_estimators=10, random_state=0), IRIS),
    (GradientBoostingClassifier(n_estimators=10, loss="exponential", random_state=0), CANCER),
    (HistGradientBoostingClassifier(max_iter=10, random_state=0), CANCER),
    (AdaBoostClassifier(n_estimators=10, random_state=0), IRIS),
    (DecisionTreeRegressor(max_depth=4, random_state=0), DIABETES),
    (ExtraTreesRegressor(10, random_state=0), DIABETES),
    (RandomForestRegressor(10, random_state=0), DIABETES),
    (GradientBoostingRegressor(n_estimators=10, random_state=0), DIABETES),
    (HistGradientBoostingRegressor(max_iter=10, loss="poisson", random_state=0), DIABETES),
]
ODD = [math.nan, 0.0, -0.0, 1e300, -1e300, 5e-324, 2.0**53, 1.5]


@pytest.fixture(params=[form for _, form in FORMS], ids=[name for name, _ in FORMS])
def form(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let one form of the loops serve, as if the other were not installed."""
    monkeypatch.setattr(_native, "compiled", request.param)
    return request.param or loops


def task_of(estimator: Any) -> str:
    return "classification" if hasattr(estimator, "classes_") else "regression"


def rows_of(features: Any) -> Any:
    """Return rows of the data, and copies in which numbers are odd."""
    random = np.random.default_rng(0)
    odd = np.where(random.random(features.shape) < 0.3, random.choice(ODD, features.shape), features)
    return np.vstack([features[:60], odd[:60]])


@pytest.mark.parametrize(("estimator", "data"), ESTIMATORS, ids=lambda value: str(value)[:40])
def test_answers_are_those_of_onnx_runtime_and_of_scikit_learn(estimator: Any, data: Any, form: Any) -> None:
    features, target = data
    fitted = estimator.fit(features, target)
    compiled = compile_estimator(fitted, task_of(fitted), features)
    assert (compiled.kind, bool(compiled.trees)) == ("onnx", True), compiled.reason
    rows = rows_of(features)
    plan = numeric_plan(rows.shape[1], impute=None)
    classes = [str(label) for label in fitted.classes_] if hasattr(fitted, "classes_") else None
    own, other = (
        Predictor(plan, kind, payload, classes, "integer" if classes else None, task_of(fitted))
        for kind, payload in ((ArtifactKind.TREES, compiled.trees), (ArtifactKind.ONNX, compiled.payload))
    )
    table = number_table(rows)
    found, expected = own.batch(table, threads=2), other.batch(table, threads=2)
    np.testing.assert_array_equal(found.values, expected.values)
    if found.probabilities is not None:
        assert_close(found.probabilities, expected.probabilities, rtol=0, atol=1e-15)
    values = [own.value(row.tolist()) for row in rows]
    assert_close(values, found.values, rtol=1e-15)  # exp is not the same for one and for many
    known = features[:60]
    ours = own.batch(number_table(known))
    assert_close(ours.values, fitted.predict(known), rtol=1e-12)
    if hasattr(fitted, "predict_proba"):
        assert_close(ours.probabilities, fitted.predict_proba(known), rtol=0, atol=1e-12)


def test_isolation_forests_are_trees_too(form: Any) -> None:
    features = IRIS[0]
    fitted = IsolationForest(n_estimators=20, random_state=0).fit(features)
    compiled = compile_estimator(fitted, "anomaly", features)
    assert compiled.trees, compiled.reason
    own = Predictor(numeric_plan(4, impute=None), "trees", compiled.trees, None, None, "anomaly")
    scores = fitted.decision_function(features)
    assert_close(own.batch(number_table(features)).values, scores, atol=1e-12)
    assert_close([own.value(row.tolist()) for row in features], scores, atol=1e-12)


def test_both_forms_give_the_same_bits() -> None:
    if _native.compiled is None:
        pytest.skip("motadata_ml_native is not installed")
    features, target = CANCER
    for estimator in (RandomForestClassifier(20), GradientBoostingClassifier(n_estimators=20)):
        compiled = compile_estimator(estimator.fit(features, target), "classification", features)
        model = TreeModel.from_bytes(compiled.trees)
        rows = rows_of(features)
        out = [np.empty((len(rows), model.outputs)) for _ in range(2)]
        for each, found in zip((loops, _native.compiled), out, strict=True):
            model.open(each).table(rows, found)
        np.testing.assert_array_equal(out[0], out[1])


def forest() -> TreeModel:
    compiled = compile_estimator(RandomForestClassifier(5, random_state=0).fit(*CANCER), "classification", CANCER[0])
    return TreeModel.from_bytes(compiled.trees)


def test_the_stored_form_reads_back_exactly_and_is_smaller_than_the_arrays() -> None:
    model = forest()
    stored = model.to_bytes()
    again = TreeModel.from_bytes(stored)
    assert again.to_bytes() == stored
    assert replace(again, arrays={}) == replace(model, arrays={})
    for name, array in model.arrays.items():
        np.testing.assert_array_equal(again.arrays[name], array)
        assert again.arrays[name].dtype == array.dtype
    assert len(stored) < sum(array.nbytes for array in model.arrays.values())


@pytest.mark.parametrize(
    ("estimator", "data", "counted"),
    [
        (RandomForestClassifier(5, random_state=0), CANCER, lambda fitted: fitted.estimators_[0].tree_),
        (HistGradientBoostingRegressor(max_iter=5), DIABETES, None),
    ],
    ids=["forest", "hist"],
)
def test_the_cover_of_nodes_is_stored(estimator: Any, data: Any, counted: Any) -> None:
    fitted = estimator.fit(*data)
    compiled = compile_estimator(fitted, task_of(fitted), data[0])
    model = TreeModel.from_bytes(compiled.trees)
    first = model.arrays["cover"][: model.arrays["starts"][1]]
    assert first[0] == len(data[0])
    if counted is not None:
        np.testing.assert_array_equal(first, counted(fitted).weighted_n_node_samples)
    assert model.open(loops).expected is not None


def test_where_boosting_begins_is_no_tree() -> None:
    fitted = GradientBoostingRegressor(n_estimators=7).fit(*DIABETES)
    model = TreeModel.from_bytes(compile_estimator(fitted, "regression", DIABETES[0]).trees)
    assert len(model.arrays["starts"]) == 8
    assert model.arrays["base"][0] == pytest.approx(DIABETES[1].mean())


def changed(name: str, place: int, value: float) -> Callable[[TreeModel], TreeModel]:
    def change(model: TreeModel) -> TreeModel:
        array = model.arrays[name].copy()
        array[place] = value
        return replace(model, arrays=model.arrays | {name: array})

    return change


@pytest.mark.parametrize(
    "damage",
    [changed("left", 0, 0), changed("feature", 0, 30), changed("threshold", 0, math.nan), changed("cover", 0, -1)],
    ids=["a circle", "no such feature", "no number", "no weight"],
)
def test_arrays_that_are_no_trees_are_refused_when_they_are_opened(
    damage: Callable[[TreeModel], TreeModel], form: Any
) -> None:
    payload = damage(forest()).to_bytes()
    with pytest.raises(ArtifactError, match="stored trees are damaged"):
        TreesRuntime(numeric_plan(30), payload)


def test_trees_of_another_width_than_the_plan_are_refused(form: Any) -> None:
    with pytest.raises(ArtifactError, match="stored trees are damaged"):
        TreesRuntime(numeric_plan(29), forest().to_bytes())


@pytest.mark.parametrize("payload", [b"", b"{}", b"\xff" * 40, b"\x02" + b"\0" * 7 + b"{}"])
def test_other_bytes_are_refused(payload: bytes) -> None:
    with pytest.raises(ArtifactError):
        TreeModel.from_bytes(payload)
    whole = forest().to_bytes()
    with pytest.raises(ArtifactError):
        TreeModel.from_bytes(whole[: len(whole) // 2])


def test_a_group_is_predicted_by_its_trees_where_the_loops_are_compiled(
    monkeypatch: pytest.MonkeyPatch, form: Any
) -> None:
    features, target = IRIS
    opened: list[str] = []

    def opener(kind: str, *arguments: Any) -> Any:
        opened.append(kind)
        return open_runtime(kind, *arguments)

    fitted = RandomForestClassifier(5, random_state=0).fit(features, target)
    compiled = compile_estimator(fitted, "classification", features)
    model = GroupModel("onnx", compiled.payload, [0, 1, 2], compiled.trees)
    stored = GroupedModels("classification", 3, {0: model, 1: replace(model, trees=b"")}).to_bytes()
    runtime = groups.GroupedRuntime(numeric_plan(5, impute=None), stored, opener)
    rows = np.column_stack([features, np.arange(len(features)) % 2])
    found = runtime.encoded(rows)
    assert sorted(set(opened)) == (["onnx", "trees"] if _native.compiled else ["onnx"])
    np.testing.assert_array_equal(found[:, 0], fitted.predict(features))
    assert_close(found[:, 1:], fitted.predict_proba(features), rtol=1e-14)
    np.testing.assert_array_equal([runtime.scores(row.tolist()) for row in rows], found)


ROWS: list[dict[str, Any]] = [
    ROW,
    NULLS,
    {**ROW, "carrier": None, "origin": "LGA", "tail": None, "delay": 3},
    {**ROW, "carrier": True, "tail": 3, "origin": False},
    {**ROW, "carrier": 3, "note": None, "gate": None, "at": 1e9},
    {**ROW, "delay": "7.25", "seen": "11"},
    {**ROW, "delay": True, "night": "no"},
    {**ROW, "delay": math.nan, "seen": None, "another": 1},
    {**ROW, "delay": 2**70, "carrier": "AA"},
    ROW,
]


def test_rows_are_encoded_alike_in_every_form() -> None:
    plan = FeaturePlan.from_json(MIXED)
    dense = DenseRow(plan.columns)
    for _, each in FORMS:
        compiled = CompiledRow(plan.columns, each or loops)
        for row in ROWS:
            dense.fill(row)
            compiled.fill(row)
            np.testing.assert_array_equal(compiled.buffer, dense.buffer)


def test_numbers_whose_sum_is_too_large_are_encoded() -> None:
    plan = numeric_plan(3)
    for _, each in FORMS:
        compiled = CompiledRow(plan.columns, each or loops)
        for row in ([1.0, 1.5e308, 1.5e308], {"f0": 1, "f1": 1.5e308, "f2": 1.5e308}):
            compiled.fill([0.0, 0.0, 0.0])
            compiled.fill(row)
            assert compiled.buffer.tolist() == [[1.0, 1.5e308, 1.5e308]]


@pytest.mark.parametrize("outputs", [1, 3])
def test_linear_scores_of_rows_are_alike_in_every_form(outputs: int) -> None:
    plan = FeaturePlan.from_json(MIXED)
    random = np.random.default_rng(0)
    model = LinearModel(random.normal(size=(outputs, plan.width)), random.normal(size=outputs), "identity")
    python = LinearRow(plan.columns, model).scores
    for _, each in FORMS:
        scores = compiled_scores(plan.columns, model, each or loops)
        for row in ROWS:
            assert_close(scores(row), python(row), rtol=1e-14)
