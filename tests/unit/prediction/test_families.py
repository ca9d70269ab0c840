"""Every family of estimators answers as scikit-learn does: one row, many rows, odd rows."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from sklearn.cluster import BisectingKMeans, KMeans, MiniBatchKMeans
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.decomposition import PCA, FactorAnalysis, FastICA, KernelPCA, TruncatedSVD
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingClassifier,
    BaggingRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import (
    BayesianRidge,
    ElasticNet,
    GammaRegressor,
    HuberRegressor,
    Lasso,
    LinearRegression,
    LogisticRegression,
    Perceptron,
    PoissonRegressor,
    Ridge,
    RidgeClassifier,
    SGDClassifier,
    SGDOneClassSVM,
    SGDRegressor,
    TweedieRegressor,
)
from sklearn.naive_bayes import ComplementNB, GaussianNB, MultinomialNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor, NearestCentroid
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC, LinearSVR
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier

from tests.unit.prediction.models import assert_close, compiled_predictor, number_table, numeric_plan

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

IRIS, SPECIES = load_iris(return_X_y=True)
CANCER, MALIGNANT = load_breast_cancer(return_X_y=True)
CANCER = StandardScaler().fit_transform(CANCER)
DIABETES, PROGRESS = load_diabetes(return_X_y=True, scaled=False)

CLASSIFIERS: list[tuple[Any, str]] = [
    (LogisticRegression(max_iter=2000), "linear"),
    (SGDClassifier(loss="log_loss", random_state=0), "linear"),
    (SGDClassifier(loss="modified_huber", random_state=0), "linear"),
    (SGDClassifier(loss="hinge", random_state=0), "linear"),
    (LinearSVC(random_state=0), "linear"),
    (RidgeClassifier(), "linear"),
    (Perceptron(random_state=0), "linear"),
    (LinearDiscriminantAnalysis(), "linear"),
    (DummyClassifier(), "linear"),
    (DecisionTreeClassifier(random_state=0), "onnx"),
    (ExtraTreeClassifier(random_state=0), "onnx"),
    (RandomForestClassifier(25, random_state=0), "onnx"),
    (RandomForestClassifier(25, max_depth=3, random_state=0), "onnx"),
    (ExtraTreesClassifier(25, random_state=0), "onnx"),
    (BaggingClassifier(n_estimators=5, max_features=0.5, random_state=0), "onnx"),
    (GradientBoostingClassifier(n_estimators=10, random_state=0), "onnx"),
    (HistGradientBoostingClassifier(max_iter=10, random_state=0), "onnx"),
    (AdaBoostClassifier(n_estimators=10, random_state=0), "onnx"),
    (GaussianNB(), "onnx"),
    (QuadraticDiscriminantAnalysis(reg_param=0.1), "onnx"),
    (KNeighborsClassifier(), "onnx"),
    (MLPClassifier((8,), max_iter=100, random_state=0), "onnx"),
    (SVC(), "skops"),
    (NearestCentroid(), "skops"),
]
REGRESSORS: list[tuple[Any, str]] = [
    (LinearRegression(), "linear"),
    (Ridge(), "linear"),
    (Lasso(), "linear"),
    (ElasticNet(), "linear"),
    (BayesianRidge(), "linear"),
    (HuberRegressor(), "linear"),
    (SGDRegressor(random_state=0, eta0=1e-9), "linear"),
    (LinearSVR(random_state=0), "linear"),
    (PoissonRegressor(), "linear"),
    (GammaRegressor(), "linear"),
    (TweedieRegressor(), "linear"),
    (DummyRegressor(), "linear"),
    (DecisionTreeRegressor(random_state=0), "onnx"),
    (RandomForestRegressor(20, random_state=0), "onnx"),
    (ExtraTreesRegressor(20, random_state=0), "onnx"),
    (BaggingRegressor(n_estimators=5, random_state=0), "onnx"),
    (GradientBoostingRegressor(n_estimators=10, random_state=0), "onnx"),
    (HistGradientBoostingRegressor(max_iter=10, random_state=0), "onnx"),
    (HistGradientBoostingRegressor(loss="poisson", max_iter=10, random_state=0), "onnx"),
    (AdaBoostRegressor(n_estimators=5, random_state=0), "onnx"),
    (KNeighborsRegressor(), "onnx"),
]


def name_of(value: object) -> str | None:
    return None if isinstance(value, str) else str(value)[:40]


@pytest.mark.parametrize("data", ["two classes", "three classes"])
@pytest.mark.parametrize(("estimator", "kind"), CLASSIFIERS, ids=name_of)
def test_classifier_equals_scikit_learn(estimator: Any, kind: str, data: str) -> None:
    features, target = (CANCER, MALIGNANT) if data == "two classes" else (IRIS, SPECIES)
    fitted = estimator.fit(features[::2], target[::2])
    compiled, predictor = compiled_predictor(fitted, "classification", numeric_plan(features.shape[1]), features)
    assert predictor.kind == kind, compiled.reason
    rows = features[1::7]
    batch = predictor.batch(number_table(rows))
    expected = fitted.predict(rows)
    assert batch.labels == [str(label) for label in expected]
    assert batch.values is not None
    assert np.array_equal(batch.values, expected)
    assert [predictor.label(row.tolist()) for row in rows] == batch.labels
    assert [predictor.value(row.tolist()) for row in rows] == batch.values.tolist()
    if hasattr(fitted, "predict_proba"):
        chances = fitted.predict_proba(rows)
        assert_close(batch.probabilities, chances, rtol=0, atol=1e-5)
        assert_close([predictor.proba(row.tolist()) for row in rows], batch.probabilities, atol=1e-12)
        one = predictor.one(rows[0].tolist())
        assert one.prediction == expected[0]
        assert one.confidence == pytest.approx(chances[0].max(), abs=1e-5)


@pytest.mark.parametrize(("estimator", "kind"), REGRESSORS, ids=name_of)
def test_regressor_equals_scikit_learn(estimator: Any, kind: str) -> None:
    fitted = estimator.fit(DIABETES[::2], PROGRESS[::2])
    compiled, predictor = compiled_predictor(fitted, "regression", numeric_plan(10), DIABETES)
    assert predictor.kind == kind, compiled.reason
    rows = DIABETES[1::9]
    batch = predictor.batch(number_table(rows))
    assert_close(batch.values, fitted.predict(rows), rtol=1e-5)
    assert_close([predictor.value(row.tolist()) for row in rows], batch.values, rtol=1e-12)
    named = {f"f{at}": value for at, value in enumerate(rows[0].tolist())}
    assert predictor.value(named) == pytest.approx(predictor.value(rows[0].tolist()), rel=1e-12)


@pytest.mark.parametrize("estimator", [MultinomialNB(), ComplementNB()], ids=name_of)
def test_count_bayes_equals_scikit_learn(estimator: Any) -> None:
    fitted = estimator.fit(IRIS, SPECIES)
    compiled, predictor = compiled_predictor(fitted, "classification", numeric_plan(4), IRIS)
    assert compiled.kind == "linear"
    assert predictor.batch(number_table(IRIS)).labels == [str(label) for label in fitted.predict(IRIS)]


@pytest.mark.parametrize(
    ("estimator", "kind"),
    [
        (KMeans(5, n_init=2, random_state=0), "linear"),
        (MiniBatchKMeans(5, n_init=2, random_state=0), "linear"),
        (BisectingKMeans(5, random_state=0), "skops"),
    ],
    ids=name_of,
)
def test_clusterer_equals_scikit_learn(estimator: Any, kind: str) -> None:
    fitted = estimator.fit(IRIS)
    compiled, predictor = compiled_predictor(fitted, "clustering", numeric_plan(4), IRIS, None)
    assert predictor.kind == kind, compiled.reason
    expected = fitted.predict(IRIS).tolist()
    batch = predictor.batch(number_table(IRIS))
    assert batch.labels == [str(cluster) for cluster in expected]
    assert [predictor.one(row.tolist()).prediction for row in IRIS] == expected


@pytest.mark.parametrize(
    ("estimator", "kind"),
    [
        (IsolationForest(n_estimators=20, random_state=0), "onnx"),
        (IsolationForest(n_estimators=20, max_features=0.5, contamination=0.1, random_state=0), "onnx"),
        (SGDOneClassSVM(random_state=0), "linear"),
    ],
    ids=name_of,
)
def test_outlier_detector_equals_scikit_learn(estimator: Any, kind: str) -> None:
    fitted = estimator.fit(CANCER)
    compiled, predictor = compiled_predictor(fitted, "anomaly", numeric_plan(30), CANCER, None)
    assert predictor.kind == kind, compiled.reason
    batch = predictor.batch(number_table(CANCER[:80]))
    assert_close(batch.values, fitted.decision_function(CANCER[:80]), rtol=1e-6, atol=1e-9)
    outliers = (fitted.predict(CANCER[:80]) == -1).tolist()
    assert batch.labels == ["true" if outlier else "false" for outlier in outliers]
    assert [predictor.one(row.tolist()).prediction for row in CANCER[:80]] == outliers


@pytest.mark.parametrize(
    ("estimator", "kind"),
    [
        (PCA(3), "linear"),
        (PCA(3, whiten=True), "linear"),
        (TruncatedSVD(3), "linear"),
        (FactorAnalysis(3), "linear"),
        (FastICA(3, random_state=0, max_iter=1000), "linear"),
        (KernelPCA(3, kernel="rbf"), "skops"),
    ],
    ids=name_of,
)
def test_decomposition_equals_scikit_learn(estimator: Any, kind: str) -> None:
    fitted = estimator.fit(IRIS)
    compiled, predictor = compiled_predictor(fitted, "decomposition", numeric_plan(4), IRIS, None)
    assert predictor.kind == kind, compiled.reason
    expected = fitted.transform(IRIS)
    assert_close(predictor.batch(number_table(IRIS)).components, expected, rtol=1e-5, atol=1e-9)
    assert_close(predictor.one(IRIS[0].tolist()).prediction, expected[0], rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize(
    "estimator",
    [
        HistGradientBoostingClassifier(max_iter=10, random_state=0),
        RandomForestClassifier(20, random_state=0),
        DecisionTreeClassifier(random_state=0),
        ExtraTreesClassifier(20, random_state=0),
    ],
    ids=name_of,
)
@pytest.mark.parametrize("trained_with_missing", [True, False])
def test_trees_take_missing_values_as_scikit_learn_does(estimator: Any, trained_with_missing: bool) -> None:
    generator = np.random.default_rng(1)
    holes = np.where(generator.random(CANCER.shape) < 0.2, np.nan, CANCER)
    fitted = estimator.fit(holes if trained_with_missing else CANCER, MALIGNANT)
    compiled, predictor = compiled_predictor(fitted, "classification", numeric_plan(30, None), CANCER)
    assert compiled.kind == "onnx", compiled.reason
    if trained_with_missing:
        expected = fitted.predict_proba(holes)
        assert_close(predictor.batch(number_table(holes)).probabilities, expected, atol=1e-12)
        nulls = [None if math.isnan(value) else value for value in holes[0].tolist()]
        assert_close(predictor.proba(nulls), expected[0], atol=1e-12)


def test_trees_decide_at_their_thresholds_as_scikit_learn_does() -> None:
    generator = np.random.default_rng(2)
    seconds = 1.7e9 + generator.random((400, 2)) * 1e4
    fitted = RandomForestClassifier(20, random_state=0).fit(seconds, seconds[:, 0] > 1.7e9 + 5e3)
    compiled, predictor = compiled_predictor(fitted, "classification", numeric_plan(2), seconds, "boolean")
    assert compiled.kind == "onnx", compiled.reason
    cuts = np.concatenate([tree.tree_.threshold[tree.tree_.feature >= 0] for tree in fitted.estimators_])
    near = np.concatenate([cuts + step for step in (-64.0, -1.0, -1e-6, 0.0, 1e-6, 1.0, 63.9, 64.0, 64.1)])
    rows = np.column_stack([near, near[::-1]])
    np.testing.assert_array_equal(
        predictor.batch(number_table(rows)).labels, np.where(fitted.predict(rows), "True", "False")
    )


def test_ties_of_a_forest_fall_as_in_scikit_learn() -> None:
    features = np.array([[0.0], [0.0], [1.0], [1.0]])
    fitted = RandomForestClassifier(10, bootstrap=False, random_state=0).fit(features, [0, 1, 0, 1])
    compiled, predictor = compiled_predictor(fitted, "classification", numeric_plan(1), features)
    assert compiled.kind == "onnx"
    assert predictor.label([0.0]) == str(fitted.predict([[0.0]])[0]) == "0"


def test_estimator_that_cannot_predict_new_rows_is_not_compiled() -> None:
    from sklearn.cluster import DBSCAN

    from motadata_ml_server.worker.compile.compare import compile_estimator

    compiled = compile_estimator(DBSCAN().fit(IRIS), "clustering", IRIS)
    assert compiled.kind is None
    assert "cannot predict rows it was not trained on" in compiled.reason


def test_compiling_something_that_is_no_estimator_gives_a_reason() -> None:
    from motadata_ml_server.worker.compile.compare import compile_estimator

    compiled = compile_estimator(object(), "regression", IRIS)
    assert compiled.kind is None
    assert compiled.reason


def test_labels_come_back_as_what_they_were() -> None:
    names = np.array(["setosa", "versicolor", "virginica"])[SPECIES]
    fitted = LogisticRegression(max_iter=2000).fit(IRIS, names)
    _, predictor = compiled_predictor(fitted, "classification", numeric_plan(4), IRIS, "text")
    assert predictor.one(IRIS[0].tolist()).prediction == "setosa"
    assert predictor.batch(number_table(IRIS)).values is None
