"""Contributions against the library shap: `make test-oracles` installs it into an environment of its own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import shap  # type: ignore[import-not-found]

from motadata_ml_server.features.background import mean_of
from motadata_ml_server.inspection.contributions import LinearExplainer
from motadata_ml_server.inspection.tree_contributions import TreesExplainer
from motadata_ml_server.postgres.breath import no_breath
from motadata_ml_server.worker.compile.booster_trees import read_lightgbm
from motadata_ml_server.worker.compile.linear import compile_linear
from motadata_ml_server.worker.compile.sklearn_trees import read_ensemble
from motadata_ml_server.worker.compile.tree_arrays import tree_model

ROWS = 60


def data(classes: int) -> tuple[Any, Any]:
    from sklearn.datasets import make_classification, make_regression

    if classes:
        X, y = make_classification(400, 6, n_informative=4, n_classes=classes, random_state=3)
        return X, y
    X, y = make_regression(400, 6, random_state=3)
    return X, y


def trees(name: str) -> tuple[Any, Any, int]:
    from sklearn import ensemble, tree

    makers: dict[str, tuple[Any, int]] = {
        "tree": (tree.DecisionTreeClassifier(max_depth=5, random_state=0), 2),
        "forest": (ensemble.RandomForestClassifier(20, max_depth=6, random_state=0), 2),
        "forest of three": (ensemble.RandomForestClassifier(20, max_depth=6, random_state=0), 3),
        "extra trees": (ensemble.ExtraTreesRegressor(20, max_depth=6, random_state=0), 0),
        "boosting": (ensemble.GradientBoostingClassifier(n_estimators=20, random_state=0), 2),
        "boosting of values": (ensemble.GradientBoostingRegressor(n_estimators=20, random_state=0), 0),
        "histogram": (ensemble.HistGradientBoostingClassifier(max_iter=20, random_state=0), 2),
        "histogram of three": (ensemble.HistGradientBoostingClassifier(max_iter=20, random_state=0), 3),
    }
    if name == "lightgbm":
        import lightgbm

        makers[name] = (lightgbm.LGBMRegressor(n_estimators=20, verbose=-1), 0)
    estimator, classes = makers[name]
    X, y = data(classes)
    return estimator.fit(X, y), X, classes


@pytest.mark.parametrize(
    "name",
    [
        *("tree", "forest", "forest of three", "extra trees", "boosting", "boosting of values"),
        *("histogram", "histogram of three", "lightgbm"),  # shap has XGBoost's own in single precision: no 1e-6
    ],
)
def test_trees_are_explained_as_shap_does(name: str) -> None:
    estimator, X, classes = trees(name)
    expected = shap.TreeExplainer(estimator, feature_perturbation="tree_path_dependent")
    theirs = np.asarray(expected.shap_values(X[:ROWS], check_additivity=False))
    base = np.atleast_1d(expected.expected_value)
    ensemble = read_lightgbm(estimator) if name == "lightgbm" else read_ensemble(estimator)
    assert ensemble is not None
    explainer = TreesExplainer(tree_model(ensemble, X.shape[1]), classes or None)
    for position in range(classes or 1):
        found = explainer.explain(X[:ROWS], np.full(ROWS, position), no_breath)
        if theirs.ndim == 3:
            wanted, start = theirs[:, :, position], base[position]
        else:
            sign = -1.0 if classes == 2 and position == 0 else 1.0
            wanted, start = sign * theirs, sign * base[0]
        np.testing.assert_allclose(found.base, start, rtol=1e-6)
        np.testing.assert_allclose(found.parts, wanted, rtol=1e-6, atol=1e-6 * np.abs(wanted).max())


@pytest.mark.parametrize("classes", [0, 2, 3])
def test_linear_models_are_explained_as_shap_does(classes: int) -> None:
    from sklearn.linear_model import LinearRegression, LogisticRegression

    X, y = data(classes)
    estimator = (LogisticRegression() if classes else LinearRegression()).fit(X, y)
    expected = shap.LinearExplainer(estimator, shap.maskers.Independent(X, max_samples=len(X)))
    theirs = np.asarray(expected.shap_values(X[:ROWS]))
    model = compile_linear(estimator)
    assert model is not None
    explainer = LinearExplainer(model, mean_of(X), classes or None)
    for position in range(classes or 1):
        found = explainer.explain(X[:ROWS], np.full(ROWS, position), no_breath)
        wanted = theirs[:, :, position] if theirs.ndim == 3 else theirs
        if classes == 2 and position == 0:
            wanted = -wanted
        np.testing.assert_allclose(found.parts, wanted, rtol=1e-6, atol=1e-9)
