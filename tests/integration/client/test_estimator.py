"""PgEstimator where scikit-learn's own tools use it, against the real server."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import psycopg
import pytest
from joblib.externals.loky import get_reusable_executor
from psycopg_pool import ConnectionPool
from sklearn.base import clone
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import estimator_checks_generator

from motadata_ml import DatabaseConfig, MLSystem, create_ml_system, errors
from motadata_ml.estimator import PgEstimator


def test_estimator_is_the_last_step_of_a_pipeline(system: MLSystem) -> None:
    rng = np.random.default_rng(0)
    X, y = rng.random((120, 3)), np.repeat(["no", "yes"], 60)
    X[60:, 0] += 1
    estimator = PgEstimator(system, "piped", algorithm="LogisticRegression")
    pipeline = make_pipeline(StandardScaler(), estimator).fit(X, y)
    assert pipeline.score(X, y) > 0.9
    assert pipeline.predict_proba(X).shape == (120, 2)
    assert pipeline.classes_.tolist() == ["no", "yes"]
    assert pipeline.predict(X).tolist() == pipeline.classes_[pipeline.predict_proba(X).argmax(axis=1)].tolist()


def test_estimator_works_in_cross_validation(system: MLSystem) -> None:
    rng = np.random.default_rng(0)
    X = rng.random((90, 2))
    regressor = PgEstimator(system, "crossed", "regression", algorithm="LinearRegression")
    scores = cross_val_score(regressor, X, X @ [1.0, 2.0], cv=3)
    assert scores == pytest.approx([1, 1, 1])
    assert clone(regressor).system is system
    assert not hasattr(regressor, "predict_proba")


def test_a_search_keeps_as_many_versions_as_asked(system: MLSystem) -> None:
    rng = np.random.default_rng(0)
    X = rng.random((60, 2))
    estimator = PgEstimator(system, "pruned", "regression", algorithm="Ridge", keep_versions=2)
    search = GridSearchCV(estimator, {"hyperparameters": [{"alpha": 0.1}, {"alpha": 1.0}]}, cv=2)
    search.fit(X, X @ [1.0, 2.0])
    kept = [version["version"] for version in system.versions("pruned")]
    assert kept == ["1.3.0", "1.4.0"]
    assert search.best_estimator_.model_version_ == "1.4.0"
    assert search.predict(X).shape == (60,)
    system.deploy("pruned", "1.3.0")
    for _ in range(3):
        estimator.fit(X, X @ [1.0, 2.0])
    assert [version["version"] for version in system.versions("pruned")] == ["1.3.0", "1.6.0", "1.7.0"]
    with pytest.raises(errors.InvalidArgumentError, match="keep_versions"):
        PgEstimator(system, keep_versions=0).fit(X, X @ [1.0, 2.0])


def test_client_and_server_score_alike(system: MLSystem) -> None:
    rng = np.random.default_rng(0)
    X = rng.random((200, 2))
    y = X[:, 0] + rng.random(200) > 1.4
    system.train_model("alike", "classification", (X, y), positive_class="false", progress=False)
    scores = system.evaluate("alike", (X, y))
    assert scores["positive_class"] == "false"
    predicted = system.batch("alike", X).predictions
    turned = system.evaluate("alike", (X, y), positive_class="true")
    assert turned["recall_positive"] == pytest.approx(np.mean([p for p, t in zip(predicted, y, strict=True) if t]))
    assert [one["class"] for one in turned["per_class"]] == ["false", "true"]


def test_an_anomaly_model_gives_its_score(system: MLSystem) -> None:
    X = np.random.default_rng(0).normal(size=(300, 2))
    system.train_model("odd", "anomaly", X, progress=False)
    far, near = (system.predict("odd", row) for row in ([9.0, -9.0], [0.0, 0.0]))
    assert (far["prediction"], near["prediction"]) == (True, False)
    assert far["score"] < 0 < near["score"]
    assert far["score"] == pytest.approx(system.predict_value("odd", [9.0, -9.0]))
    told = system.get_model_info("odd")["anomaly_score"]
    assert told["outlier_below"] == 0.0
    assert told["training_rows"]["lowest"] < told["training_rows"]["median"] < told["training_rows"]["highest"]


def test_estimator_before_fit_says_so(system: MLSystem) -> None:
    with pytest.raises(ValueError, match="not fitted"):
        PgEstimator(system).predict([[1.0]])
    with pytest.raises(errors.InvalidArgumentError, match="system must be"):
        PgEstimator().fit([[1.0], [2.0]], [1, 2])


def test_column_count_is_checked(system: MLSystem) -> None:
    rng = np.random.default_rng(0)
    X, y = rng.random((40, 3)), rng.random(40)
    estimator = PgEstimator(system, "counted", "regression", algorithm="LinearRegression").fit(X, y)
    assert estimator.n_features_in_ == 3
    for call in (estimator.predict, lambda rows: estimator.score(rows, y)):
        with pytest.raises(ValueError, match="X has 2 features, but PgEstimator is expecting 3 features"):
            call(X[:, :2])


def test_weights_count_rows(system: MLSystem) -> None:
    X = np.zeros((40, 1))
    y, weights = np.repeat([0.0, 10.0], 20), np.repeat([3.0, 1.0], 20)
    estimator = PgEstimator(system, "weighted", "regression", algorithm="LinearRegression")
    assert estimator.fit(X, y, sample_weight=weights).predict(X[:1]) == pytest.approx([2.5])
    assert estimator.n_features_in_ == 1
    assert estimator.score(X, y, sample_weight=weights) == pytest.approx(
        r2_score(y, estimator.predict(X), sample_weight=weights)
    )
    with pytest.raises(ValueError, match="one value for each of 40 rows"):
        estimator.fit(X, y, sample_weight=weights[:3])


def test_weights_of_a_frame_are_no_feature(system: MLSystem) -> None:
    X = pd.DataFrame({"sample_weight": np.arange(40.0), "b": np.arange(40.0) % 3})
    y = np.repeat(["a", "b"], 20)
    estimator = PgEstimator(system, "framed", algorithm="LogisticRegression").fit(X, y, sample_weight=np.ones(40))
    assert estimator.feature_names_in_.tolist() == ["sample_weight", "b"]
    info = system.get_model_info("framed", version=estimator.model_version_)
    assert [column["name"] for column in info["features"]] == ["sample_weight", "b"]
    assert estimator.score(X, y) == accuracy_score(y, estimator.predict(X))


def test_labels_given_as_categories_score_as_they_were_given(system: MLSystem) -> None:
    X, y = np.tile([[0.0], [1.0]], (200, 1)), pd.Categorical([1, 2] * 200)
    estimator = PgEstimator(system, "categorical", algorithm="DecisionTreeClassifier").fit(X, y)
    assert estimator.score(X, y) == 1.0
    assert estimator.predict(X).dtype.kind == "i"
    assert estimator.classes_.tolist() == [1, 2]


def test_system_and_estimator_travel_as_their_parameters(
    config: DatabaseConfig, make_role: Callable[..., DatabaseConfig]
) -> None:
    rng = np.random.default_rng(0)
    X, y = rng.random((60, 2)), np.repeat([0, 1], 30)
    role = make_role("travellers")
    assert role.password is not None
    with psycopg.connect(role.conninfo(), autocommit=True) as own, ConnectionPool(role.conninfo(), min_size=1) as pool:
        for source in (role, own, pool):
            with create_ml_system(source, cache={}, max_memory_mb=1024) as system:
                fitted = PgEstimator(system, "travelling", algorithm="LogisticRegression").fit(X, y)
                again: PgEstimator = pickle.loads(pickle.dumps(fitted))  # noqa: S301 - made in the line itself
            assert isinstance(again.system, MLSystem)
            with again.system:
                assert again.system.db is not system.db
                assert again.predict(X).tolist() == fitted_predictions(again, X)
                assert again.system.settings.max_memory_mb == 1024
                assert again.system.current_tenant() == "travellers"
        assert role.password not in repr(system)


def fitted_predictions(estimator: PgEstimator, X: Any) -> list[Any]:
    """The same by SQL's own words."""
    system = estimator.system
    assert system is not None
    return [row["prediction"] for row in system.predict_batch("travelling", X, version=estimator.model_version_)]


@pytest.fixture
def processes_end() -> Iterator[None]:
    """End the processes that joblib keeps for the next call, and the threads that watch them."""
    yield
    get_reusable_executor().shutdown(wait=True)


@pytest.mark.usefixtures("processes_end")
def test_cross_validation_in_processes_of_its_own(system: MLSystem) -> None:
    rng = np.random.default_rng(0)
    X = rng.random((90, 2))
    estimator = PgEstimator(system, "apart", "regression", algorithm="LinearRegression")
    assert cross_val_score(estimator, X, X @ [1.0, 2.0], cv=3, n_jobs=2) == pytest.approx([1, 1, 1])
    assert len(system.versions("apart")) == 3


def test_grid_search_finds_the_better_value(system: MLSystem) -> None:
    rng = np.random.default_rng(0)
    X = rng.random((60, 2))
    grid = {"hyperparameters": [{"alpha": 1e-6}, {"alpha": 1e6}]}
    search = GridSearchCV(PgEstimator(system, "grid", "regression", algorithm="Ridge"), grid, cv=2)
    assert search.fit(X, X @ [1.0, 2.0]).best_params_ == {"hyperparameters": {"alpha": 1e-6}}


REASONS = {
    "check_sample_weight_equivalence_on_dense_data": (
        "the server scales features by all rows, each counted once, so that a row of weight 2 moves the scale less "
        "than the row twice"
    ),
}
"""Checks of scikit-learn that a training in the database does not pass, and why."""

NOT_ASKED = {"check_array_api_input"}
"""Checks of arrays on a graphics card, which SciPy has switched off unless its environment says otherwise."""

HEAVY = {
    "check_classifiers_classes",
    "check_classifiers_train",
    "check_classifier_data_not_an_array",
    "check_dtype_object",
    "check_estimators_dtypes",
    "check_regressors_int",
    "check_regressors_train",
    "check_regressor_data_not_an_array",
}
"""Checks that train so often that they take long."""

ALGORITHMS = {"classification": "LogisticRegression", "regression": "LinearRegression"}


def _checks() -> list[Any]:
    found: list[Any] = []
    for model_type, algorithm in ALGORITHMS.items():
        subject = PgEstimator(model_id=f"checked_{model_type}", model_type=model_type, algorithm=algorithm)
        for estimator, check in estimator_checks_generator(subject, legacy=True):
            name = check.func.__name__
            if name in NOT_ASKED:
                continue
            marks = []
            if name in HEAVY:
                marks.append(pytest.mark.slow)
            if name in REASONS:
                marks.append(pytest.mark.xfail(reason=REASONS[name], strict=True, raises=AssertionError))
            found.append(pytest.param(estimator, check, id=f"{model_type}-{len(found)}-{name}", marks=marks))
    return found


CHECKS = _checks()


@pytest.mark.parametrize(("estimator", "check"), CHECKS)
@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::sklearn.exceptions.SkipTestWarning")
def test_scikit_learns_own_checks(system: MLSystem, estimator: PgEstimator, check: Callable[[Any], None]) -> None:
    check(clone(estimator).set_params(system=system))


def test_table_of_reasons_names_checks_that_exist() -> None:
    names = {parameters.values[1].func.__name__ for parameters in CHECKS}
    assert {*REASONS, *HEAVY} <= names
