"""A fit from typed columns, on scikit-learn's own data sets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn import datasets

from motadata_ml_server.columns import Column, ColumnSchema, ColumnTable, TextValues
from motadata_ml_server.errors import (
    InsufficientDataError,
    InvalidArgumentError,
    InvalidHyperparameterError,
    InvalidTargetError,
    MotadataError,
    TrainingError,
    UnsupportedColumnError,
)
from motadata_ml_server.features.plan import FeaturePlan
from motadata_ml_server.persistence.skops_store import load
from motadata_ml_server.prediction.predictor import Predictor
from motadata_ml_server.training.specification import TrainingSpec
from motadata_ml_server.worker.fit import TrainedModel, fit


def number(name: str, values: Any) -> Column:
    return Column(ColumnSchema(name, "number", "double precision"), np.asarray(values, dtype=np.float64))


def text(name: str, values: list[str | None]) -> Column:
    dictionary = list(dict.fromkeys(value for value in values if value is not None))
    position: dict[str | None, int] = {value: at for at, value in enumerate(dictionary)}
    codes = np.array([position.get(value, -1) if value is not None else -1 for value in values], dtype=np.int32)
    return Column(ColumnSchema(name, "text", "text"), TextValues(codes, dictionary))


def table(*columns: Column) -> ColumnTable:
    return ColumnTable(len(columns[0].values), {column.schema.name: column for column in columns})


def loaded(load: Callable[..., Any], labels: bool) -> ColumnTable:
    data = load()
    x: NDArray[np.float64] = data.data
    target = text("y", [str(data.target_names[t]) for t in data.target]) if labels else number("y", data.target)
    return table(*(number(f"f{j}", x[:, j]) for j in range(x.shape[1])), target)


def spec_for(data: ColumnTable, model_type: str, algorithm: str, **more: Any) -> TrainingSpec:
    supervised = model_type in ("classification", "regression")
    schemas = [column.schema for column in data.columns.values()]
    base = TrainingSpec(
        model_type=model_type,
        algorithm=algorithm,
        hyperparameters={},
        features=[schema for schema in schemas if schema.name != "y"],
        group=None,
        weight=None,
        target=next((schema for schema in schemas if schema.name == "y"), None) if supervised else None,
        label_type="text" if model_type == "classification" else None,
        test_size=0.2,
        split=None,
        cv=None,
        search=None,
        preprocess={},
        random_state=0,
        threads=1,
        max_memory_mb=4096,
    )
    return replace(base, **more)


def trained(data: ColumnTable, model_type: str, algorithm: str, **more: Any) -> TrainedModel:
    validation = more.pop("validation", None)
    return fit(spec_for(data, model_type, algorithm, **more), data, validation, lambda *_: None)


def predictor_of(model: TrainedModel, model_type: str) -> Predictor:
    import json

    kind = model.runtime["name"] if model.runtime["name"] in model.artifacts else "skops"
    plan = FeaturePlan.from_json(json.loads(model.artifacts["plan"]))
    return Predictor(plan, kind, model.artifacts[kind], model.classes, model.label_type, model_type)


@pytest.mark.parametrize(
    ("load", "algorithm", "runtime", "least"),
    [
        (datasets.load_iris, "RandomForestClassifier", "onnx", 0.9),
        (datasets.load_wine, "LogisticRegression", "linear", 0.9),
        (datasets.load_breast_cancer, "HistGradientBoostingClassifier", "onnx", 0.9),
        (datasets.load_breast_cancer, "SVC", "sklearn", 0.9),
    ],
)
def test_classifier_scores_and_predicts_labels(
    load: Callable[..., Any], algorithm: str, runtime: str, least: float
) -> None:
    data = loaded(load, labels=True)
    model = trained(data, "classification", algorithm)
    assert model.metrics["accuracy"] > least > model.metrics["majority_class_accuracy"]
    assert model.metrics["n_train"] + model.metrics["n_test"] == data.rows == model.rows
    assert model.runtime["name"] == runtime
    answers = predictor_of(model, "classification").batch(data)
    truth = [data.columns["y"].texts.dictionary[code] for code in data.columns["y"].texts.codes]
    assert np.mean([a == b for a, b in zip(answers.labels or [], truth, strict=True)]) > least


@pytest.mark.parametrize(
    "algorithm", ["Ridge", "RandomForestRegressor", "GradientBoostingRegressor", "KNeighborsRegressor"]
)
def test_regressor_explains_variance(algorithm: str) -> None:
    data = loaded(datasets.load_diabetes, labels=False)
    model = trained(data, "regression", algorithm)
    assert 0.2 < model.metrics["r2"] < 0.8
    assert 0 < model.metrics["mae"] < model.metrics["rmse"]
    assert model.classes is None


def test_stored_estimator_is_the_one_that_was_scored() -> None:
    data = loaded(datasets.load_diabetes, labels=False)
    model = trained(data, "regression", "Ridge")
    estimator = load(model.artifacts["skops"])
    assert type(estimator).__name__ == "Ridge"
    assert estimator.n_features_in_ == 10


@pytest.mark.parametrize(
    ("model_type", "algorithm", "metric"),
    [
        ("clustering", "KMeans", "silhouette"),
        ("anomaly", "IsolationForest", "outlier_share"),
        ("decomposition", "PCA", "explained_variance_ratio"),
    ],
)
def test_models_without_a_target_score_themselves(model_type: str, algorithm: str, metric: str) -> None:
    data = loaded(datasets.load_iris, labels=True).select(["f0", "f1", "f2", "f3"])
    model = trained(data, model_type, algorithm)
    assert 0 < model.metrics[metric] <= 1.0 + 1e-9
    assert model.metrics["n_train"] == 150


def test_same_seed_gives_the_same_scores_and_another_another() -> None:
    data = loaded(datasets.load_diabetes, labels=False)
    scores = [trained(data, "regression", "RandomForestRegressor", random_state=seed).metrics for seed in (1, 1, 2)]
    assert scores[0] == scores[1] != scores[2]


def test_cross_validation_gives_mean_and_spread() -> None:
    model = trained(loaded(datasets.load_iris, labels=True), "classification", "LogisticRegression", cv=3)
    assert 0.9 < model.metrics["cv_accuracy_mean"] <= 1
    assert 0 <= model.metrics["cv_accuracy_std"] < 0.1


@pytest.mark.parametrize(
    "search",
    [
        {"method": "grid", "params": {"max_depth": [1, 4]}},
        {"method": "random", "params": {"max_depth": {"low": 1, "high": 6}}, "n_iter": 4, "scoring": "f1_macro"},
        {"method": "halving", "params": {"max_depth": {"low": 1, "high": 6}}, "n_iter": 4},
    ],
)
def test_search_keeps_every_trial_and_refits_the_best(search: dict[str, Any]) -> None:
    model = trained(loaded(datasets.load_iris, labels=True), "classification", "DecisionTreeClassifier", search=search)
    assert len(model.trials) >= 2
    best = max(model.trials, key=lambda trial: trial["score"])
    if search["method"] != "halving":
        assert model.hyperparameters["max_depth"] in {
            trial["hyperparameters"]["max_depth"] for trial in model.trials if trial["score"] == best["score"]
        }


@pytest.mark.parametrize(
    ("search", "error"),
    [
        ({"method": "guess", "params": {"max_depth": [1]}}, InvalidArgumentError),
        ({"params": {}}, InvalidArgumentError),
        ({"params": {"max_depth": []}}, InvalidArgumentError),
        ({"params": {"max_depth": [0]}}, InvalidHyperparameterError),
        ({"params": {"depth": [1]}}, InvalidHyperparameterError),
        ({"params": {"max_depth": [1]}, "scoring": "beauty"}, InvalidArgumentError),
        ({"params": {"max_depth": [1]}, "cv": 1}, InvalidArgumentError),
        ({"params": {"max_depth": [1]}, "folds": 3}, InvalidArgumentError),
    ],
)
def test_search_refuses_what_it_does_not_know(search: dict[str, Any], error: type[MotadataError]) -> None:
    with pytest.raises(error):
        trained(loaded(datasets.load_iris, labels=True), "classification", "DecisionTreeClassifier", search=search)


def test_class_weight_names_labels() -> None:
    data = loaded(datasets.load_iris, labels=True)
    model = trained(
        data, "classification", "LogisticRegression", hyperparameters={"class_weight": {"setosa": 2.0, "virginica": 1}}
    )
    assert model.metrics["accuracy"] > 0.8
    with pytest.raises(InvalidHyperparameterError, match="tulip"):
        trained(data, "classification", "LogisticRegression", hyperparameters={"class_weight": {"tulip": 2.0}})


def test_validation_rows_with_an_unseen_class_are_left_out_with_a_notice() -> None:
    data = loaded(datasets.load_iris, labels=True)
    known = data.take(np.flatnonzero(data.columns["y"].texts.codes < 2))
    model = trained(known, "classification", "LogisticRegression", validation=data)
    assert model.metrics["n_test"] == 100
    assert any("50 rows" in notice for notice in model.notices)


def test_rows_without_a_target_are_dropped_and_counted() -> None:
    data = table(number("x", range(20)), text("y", ["a", "b", None, "a"] * 5))
    model = trained(data, "classification", "DecisionTreeClassifier")
    assert (model.rows, model.dropped_rows) == (15, 5)


@pytest.mark.parametrize(
    ("data", "model_type", "error"),
    [
        (table(number("x", []), text("y", [])), "classification", InsufficientDataError),
        (table(number("x", [1]), text("y", ["a"])), "classification", InsufficientDataError),
        (table(number("x", [1, 2]), text("y", ["a", "a"])), "classification", InsufficientDataError),
        (table(number("x", [1, 2]), text("y", [None, None])), "classification", InsufficientDataError),
        (table(number("x", [np.nan, np.nan]), text("y", ["a", "b"])), "classification", InsufficientDataError),
        (table(number("x", [1, 2, 3]), number("y", [1, np.inf, 2])), "regression", InvalidTargetError),
        (table(number("x", [1, np.inf, 3]), number("y", [1, 2, 2])), "regression", UnsupportedColumnError),
    ],
)
def test_data_that_cannot_be_learned_from_is_refused(
    data: ColumnTable, model_type: str, error: type[MotadataError]
) -> None:
    with pytest.raises(error):
        trained(data, model_type, "DecisionTreeClassifier" if model_type == "classification" else "Ridge")


def test_estimator_that_fails_gives_its_own_text() -> None:
    with pytest.raises(TrainingError, match="n_clusters"):
        trained(table(number("x", [1, 2, 3])), "clustering", "KMeans", hyperparameters={"n_clusters": 9})


def test_warnings_name_constants_ids_and_leaks() -> None:
    rows = 40
    data = table(
        number("constant", [1] * rows),
        text("id", [f"row{i}" for i in range(rows)]),
        number("empty", [np.nan] * rows),
        text("leak", ["u", "v"] * (rows // 2)),
        number("x", range(rows)),
        text("y", ["a", "b"] * (rows // 2)),
    )
    model = trained(data, "classification", "DecisionTreeClassifier")
    for name, words in (
        ("constant", "one value only"),
        ("id", "like an id"),
        ("empty", "NULL in every"),
        ("leak", "determines the target"),
    ):
        assert any(f"'{name}'" in warning and words in warning for warning in model.warnings), name
    assert [feature["name"] for feature in model.features] == ["constant", "leak", "x"]


@pytest.mark.parametrize(
    "algorithm", ["LogisticRegression", "RandomForestClassifier", "HistGradientBoostingClassifier"]
)
def test_mixed_columns_with_nulls_compile_to_the_same_answers(algorithm: str) -> None:
    random = np.random.default_rng(0)
    rows = 300
    x = random.normal(size=rows)
    x[::7] = np.nan
    moments = Column(
        ColumnSchema("at", "timestamp", "timestamp"), 1.7e9 + random.integers(0, 10**7, rows).astype(float)
    )
    data = table(
        number("x", x),
        text("c", [None if i % 11 == 0 else f"c{i % 100}" for i in range(rows)]),
        moments,
        text("y", ["p" if i % 3 else "q" for i in range(rows)]),
    )
    model = trained(data, "classification", algorithm)
    assert model.runtime["name"] in ("linear", "onnx")
    assert model.runtime["max_difference"] < 1e-9
    assert model.runtime["rows_compared"] > 60
    kinds = {feature["name"]: feature.get("encode", feature["kind"]) for feature in model.features}
    assert kinds == {"x": "number", "c": "target", "at": "timestamp"}
