"""Estimators made of others: a vote, a stack, calibrated probabilities, and the vote that a search ends with."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import psycopg
import pytest
from sklearn import datasets

from motadata_ml import create_ml_system
from motadata_ml.errors import InvalidHyperparameterError

Session = psycopg.Connection[Any]

ROWS = "select y, f0, f1, f2, f3, f4, f5, f6, f7, f8, f9 from {}"


@pytest.fixture(scope="module")
def rows(module_db: Session) -> Session:
    """Tables of scikit-learn's breast cancer, wine and diabetes data, with some values missing."""
    loaders = {
        "cancer": datasets.load_breast_cancer,
        "whole": datasets.load_breast_cancer,
        "wine": datasets.load_wine,
        "diabetes": datasets.load_diabetes,
    }
    for name, load in loaders.items():
        data = load()
        columns = ", ".join(f"f{at} double precision" for at in range(10))
        kind = "double precision" if name == "diabetes" else "text"
        module_db.execute(f"create table {name} (y {kind}, {columns})".encode())
        with module_db.cursor().copy(f"copy {name} from stdin".encode()) as copy:
            for at, row in enumerate(data.data[:, :10].tolist()):
                row[at % 10] = None if at % 7 == 0 and name != "whole" else row[at % 10]
                label = float(data.target[at]) if name == "diabetes" else str(data.target_names[data.target[at]])
                copy.write_row((label, *row))
    return module_db


def train(session: Session, table: str, algorithm: str, hyperparameters: dict[str, Any] | None = None) -> Any:
    model_type = "regression" if table == "diabetes" else "classification"
    session.execute(
        "select ml.train(%s, %s, %s, 'y', algorithm => %s, hyperparameters => %s)",
        [f"of_{table}", model_type, ROWS.format(table), algorithm, json.dumps(hyperparameters or {})],
    )
    row = session.execute("select ml.get_model_info(%s)", [f"of_{table}"]).fetchone()
    assert row
    return row[0]


@pytest.mark.parametrize("algorithm", ["voting", "stacking"])
@pytest.mark.parametrize("table", ["cancer", "diabetes"])
def test_vote_and_stack_are_compiled_and_explained(rows: Session, table: str, algorithm: str) -> None:
    info = train(rows, table, algorithm)
    assert info["algorithm"].startswith(algorithm.capitalize())
    assert info["runtime"]["name"] == "onnx", info["runtime"]["reason"]
    assert info["hyperparameters"]["estimators"][0]["algorithm"] in ("LogisticRegression", "Ridge")
    parts = rows.execute(
        f"select feature from ml.explain('of_{table}', (select to_jsonb(t) from "
        f"({ROWS.format(table)}) t limit 1))".encode()
    )
    assert {name for (name,) in parts} == {None, *(f"f{at}" for at in range(10))}


def test_vote_is_the_weighted_mean_of_its_members(rows: Session) -> None:
    members = [
        {"algorithm": "ridge", "hyperparameters": {"alpha": 3.0}, "weight": 1},
        {"algorithm": "random_forest", "hyperparameters": {"n_estimators": 20}, "weight": 3},
    ]
    query = "select " + "y, " + ", ".join(f"coalesce(f{at}, 0) as f{at}" for at in range(10)) + " from diabetes"
    for name, algorithm, given in (
        ("vote", "voting", {"estimators": members}),
        ("one", "ridge", {"alpha": 3.0}),
        ("other", "random_forest", {"n_estimators": 20}),
    ):
        rows.execute(
            "select ml.train(%s, 'regression', %s, 'y', algorithm => %s, hyperparameters => %s)",
            [name, query, algorithm, json.dumps(given)],
        )
    found = [
        np.array([row[0] for row in rows.execute("select value from ml.predict_batch(%s, %s)", [name, query])])
        for name in ("vote", "one", "other")
    ]
    np.testing.assert_allclose(found[0], (found[1] + 3 * found[2]) / 4, rtol=1e-6)


def test_vote_of_trees_alone_has_exact_reasons(rows: Session) -> None:
    info = train(rows, "diabetes", "voting", {"estimators": ["hist_gradient_boosting", "random_forest"]})
    assert info["runtime"]["trees"] is True, info["runtime"]["reason"]
    methods = rows.execute(
        "select distinct method from ml.explain('of_diabetes', (select to_jsonb(t) from diabetes t limit 1))"
    ).fetchall()
    assert methods == [("exact",)]


def test_vote_of_three_classes_gives_probabilities_that_add_up(rows: Session) -> None:
    info = train(rows, "wine", "voting", {"estimators": ["logistic_regression", "hist_gradient_boosting"]})
    assert info["runtime"]["name"] == "onnx", info["runtime"]["reason"]
    found = rows.execute("select probabilities from ml.predict_batch('of_wine', 'wine')").fetchall()
    np.testing.assert_allclose(np.array([row[0] for row in found]).sum(axis=1), 1.0)


def test_calibration_makes_the_probabilities_of_naive_bayes_truer(rows: Session) -> None:
    alone = train(rows, "cancer", "gaussian_nb")
    calibrated = train(rows, "cancer", "calibrated", {"estimator": "gaussian_nb", "cv": 3, "method": "isotonic"})
    assert calibrated["metrics"]["log_loss"] < alone["metrics"]["log_loss"]
    assert calibrated["hyperparameters"]["method"] == "isotonic"


@pytest.mark.parametrize(
    ("algorithm", "given", "says"),
    [
        ("voting", {"estimators": []}, "1 to 10"),
        ("voting", {"estimators": ["ridge"] * 11}, "1 to 10"),
        ("voting", {"estimators": ["no_such_thing"]}, "no_such_thing"),
        ("voting", {"estimators": ["voting"]}, "made of others"),
        ("voting", {"estimators": ["best"]}, "named"),
        ("voting", {"estimators": ["xgboost"]}, "scikit-learn's own"),
        ("voting", {"estimators": [{"algorithm": "ridge", "hyperparameters": {"alpha": -1}}]}, "alpha"),
        ("voting", {"estimators": [{"algorithm": "ridge", "weight": -1}]}, "weight"),
        ("voting", {"estimators": [{"algorithm": "ridge", "weight": 0}]}, "weights"),
        ("voting", {"estimators": [{"algorithm": "ridge", "wait": 1}]}, "algorithm, hyperparameters, weight"),
        ("stacking", {"estimators": ["ridge"], "final_estimator": "kmeans"}, "kmeans"),
        ("stacking", {"cv": 1}, "cv"),
    ],
)
def test_what_cannot_be_a_member_is_refused_before_a_row_is_read(
    rows: Session, algorithm: str, given: dict[str, Any], says: str
) -> None:
    with pytest.raises(psycopg.Error) as caught:
        train(rows, "diabetes", algorithm, given)
    assert caught.value.sqlstate == "ML008"
    assert says in str(caught.value.diag.message_primary)
    assert caught.value.diag.message_hint


def test_member_without_probabilities_is_refused(rows: Session) -> None:
    with pytest.raises(psycopg.Error) as caught:
        train(rows, "cancer", "voting", {"estimators": ["linear_svc", "logistic_regression"]})
    assert caught.value.sqlstate == "ML008"
    assert "no probabilities" in str(caught.value.diag.message_primary)


@pytest.mark.parametrize("more", ['search => \'{"params": {"cv": [2, 3]}}\'', "group_by => 'f1'"])
def test_what_does_not_go_with_it_is_refused(rows: Session, more: str) -> None:
    with pytest.raises(psycopg.Error) as caught:
        rows.execute(f"select ml.train('x', 'regression', 'diabetes', 'y', algorithm => 'stacking', {more})".encode())
    assert caught.value.sqlstate == "ML009"
    assert "made of other estimators" in str(caught.value.diag.message_primary)


def test_search_ends_with_a_vote_where_that_loses_less(rows: Session) -> None:
    """Both are measured on the same folds; what is stored predicts as the members' mean does."""
    rows.execute(
        "select ml.train('best', 'classification', 'whole', 'y', algorithm => 'best', execution => '{\"trials\": 16}')"
    )
    row = rows.execute("select ml.get_model_info('best')").fetchone()
    assert row
    info = row[0]
    assert info["algorithm"] == "VotingClassifier"
    assert "together have the least" in info["runtime"]["chosen_because"]
    assert sum(one["weight"] for one in info["hyperparameters"]["estimators"]) == pytest.approx(1.0)
    assert info["runtime"]["name"] == "onnx"
    tried = rows.execute("select count(*) from ml.trials where model_id = 'best'").fetchone()
    assert tried == (16,)


def test_the_client_trains_one_and_names_what_is_wrong(rows: Session) -> None:
    trainer = create_ml_system(rows, max_memory_mb=1024).trainer
    members = {"estimators": ["ridge", {"algorithm": "huber_regressor"}]}
    trained = trainer.train_model(
        "mine", "regression", "diabetes", hyperparameters=members, target="y", algorithm="voting"
    )
    assert trained["model_version"] == "1.0.0"
    with pytest.raises(InvalidHyperparameterError, match="no_such"):
        trainer.train_model(
            "mine",
            "regression",
            "diabetes",
            hyperparameters={"estimators": ["no_such"]},
            target="y",
            algorithm="voting",
        )


def test_stack_learns_to_trust_the_better_member(rows: Session) -> None:
    stack = train(rows, "cancer", "stacking", {"estimators": ["logistic_regression", "gaussian_nb"]})
    bayes = train(rows, "cancer", "gaussian_nb")
    assert stack["metrics"]["log_loss"] < bayes["metrics"]["log_loss"]
