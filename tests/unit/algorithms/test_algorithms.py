"""The catalogue, the choice of an algorithm, and the check of its hyperparameters."""

from __future__ import annotations

import json
import warnings
from typing import Any

import pytest

from motadata_ml_server.algorithms import catalogue, choose, generate, hyperparameters
from motadata_ml_server.algorithms.unsupported import DENIED
from motadata_ml_server.errors import AlgorithmNotFoundError, InvalidHyperparameterError


def test_committed_catalogue_is_what_scikit_learn_says() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        assert json.loads(generate.CATALOGUE.read_text()) == json.loads(generate.render())


def test_every_classifier_and_regressor_is_listed_or_denied_with_a_reason() -> None:
    from sklearn.utils import all_estimators

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        known = {name for kind in ("classifier", "regressor", "cluster") for name, _ in all_estimators(kind)}
    assert known <= set(catalogue.load()) | set(DENIED)
    assert all(DENIED.values())
    assert not set(catalogue.load()) & set(DENIED)


def test_names_are_unique_within_a_model_type() -> None:
    seen: dict[tuple[str, str], str] = {}
    for entry in catalogue.load().values():
        for name in {entry.name.lower(), *entry.aliases}:
            assert seen.setdefault((entry.model_type, name), entry.name) == entry.name


@pytest.mark.parametrize("entry", catalogue.load().values(), ids=lambda entry: entry.name)
def test_defaults_pass_their_own_check(entry: catalogue.AlgorithmEntry) -> None:
    for name, parameter in entry.parameters.items():
        default = parameter["default"]
        if default is None:
            continue
        assert hyperparameters.check_one(entry, name, default) == default
    described = entry.parameters_json()
    assert all(isinstance(parameter["type"], str) for parameter in described.values())


@pytest.mark.parametrize(
    ("model_type", "algorithm", "given", "expected"),
    [
        (
            "classification",
            None,
            {"n_estimators": 9, "max_depth": 2, "learning_rate": 0.1},
            "GradientBoostingClassifier",
        ),
        ("regression", None, {"n_estimators": 9, "max_depth": 2, "learning_rate": 0.1}, "GradientBoostingRegressor"),
        ("classification", None, {"n_estimators": 9, "max_depth": 2}, "RandomForestClassifier"),
        ("classification", None, {"C": 1.0}, "LogisticRegression"),
        ("regression", None, {"n_neighbors": 3}, "KNeighborsRegressor"),
        ("clustering", None, {"n_clusters": 3}, "KMeans"),
        ("regression", "random_forest", {}, "RandomForestRegressor"),
        ("classification", " Logistic_Regression ", {}, "LogisticRegression"),
        ("classification", "RANDOMFORESTCLASSIFIER", {}, "RandomForestClassifier"),
        ("regression", "linear", {}, "LinearRegression"),
        ("classification", "svm", {}, "SVC"),
        ("classification", "knn", {}, "KNeighborsClassifier"),
    ],
)
def test_names_and_hyperparameters_mean_what_people_expect(
    model_type: str, algorithm: str | None, given: dict[str, Any], expected: str
) -> None:
    assert choose.resolve(model_type, algorithm, given).name == expected


@pytest.mark.parametrize(
    ("model_type", "algorithm", "words"),
    [
        ("classification", "random_florest", "RandomForestClassifier"),
        ("clustering", "Birch", "pickle"),
        ("clustering", "DBSCAN", "cannot predict new"),
        ("classification", "kmeans", "clustering"),
        ("regression", "", "RandomForestRegressor"),
    ],
)
def test_name_that_is_none_is_refused_with_the_nearest(model_type: str, algorithm: str, words: str) -> None:
    with pytest.raises(AlgorithmNotFoundError) as caught:
        choose.resolve(model_type, algorithm, {})
    assert words in caught.value.message + caught.value.hint


@pytest.mark.parametrize(
    ("algorithm", "given", "words"),
    [
        ("RandomForestClassifier", {"max_depth": -3}, "must be an int in the range [1, inf) or null. Got -3 instead."),
        ("RandomForestClassifier", {"max_depth": 2.5}, "Got 2.5"),
        ("RandomForestClassifier", {"max_depth": True}, "Got True"),
        ("RandomForestClassifier", {"criterion": "beauty"}, "'gini'"),
        ("RandomForestClassifier", {"n_estimator": 3}, "no hyperparameter 'n_estimator'"),
        ("RandomForestClassifier", {"n_jobs": -1}, "n_jobs"),
        ("LogisticRegression", {"C": float("nan")}, "Got nan"),
        ("LogisticRegression", {"C": 10**400}, "must be"),
        ("LogisticRegression", {"class_weight": {"a": {"b": 1}}}, "class_weight"),
        ("KNeighborsClassifier", {"metric": "os.system"}, "metric"),
        ("SVC", {"kernel": "precomputed_by_me"}, "kernel"),
        ("MLPClassifier", {"hidden_layer_sizes": [1] * 2000}, "hidden_layer_sizes"),
    ],
)
def test_hyperparameter_is_refused_by_name_type_and_range(algorithm: str, given: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidHyperparameterError) as caught:
        hyperparameters.check(catalogue.load()[algorithm], given)
    assert words in caught.value.message
    assert caught.value.hint


def test_whole_number_in_float_form_is_a_whole_number() -> None:
    checked = hyperparameters.check(
        catalogue.load()["RandomForestClassifier"], {"max_depth": 10.0, "max_features": 0.5}
    )
    assert checked == {"max_depth": 10, "max_features": 0.5}
    assert isinstance(checked["max_depth"], int)
