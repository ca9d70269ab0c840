"""Splits, folds and searches that tell the truth: shuffled, in time, by groups; rare classes end nothing."""

from __future__ import annotations

import json
from typing import Any

import psycopg
import pytest

from motadata_ml_server.errors import InvalidArgumentError
from tests.sessions import messages_of

Session = psycopg.Connection[Any]

SETUP = """
create table ordered as
select i as id, i / 10.0 as x, sin(i) as noise, i / 5.0 + sin(i * 7) as y, (i - 1) / 100 as shop,
    case when i <= 250 then 'low' else 'high' end as level,
    case when i = 77 then 'once' when i % 3 = 0 then 'b' else 'a' end as rare
from generate_series(1, 500) as i
"""


@pytest.fixture(scope="module")
def rows(module_db: Session) -> Session:
    module_db.execute(SETUP)
    module_db.execute("set client_min_messages = warning")
    return module_db


def train(session: Session, kind: str, target: str, features: list[str], algorithm: str, **more: Any) -> dict[str, Any]:
    given = {
        name: json.dumps(value) if name in ("search", "hyperparameters") else value for name, value in more.items()
    }
    named = "".join(f", {name} => %({name})s" for name in given)
    arguments = f"'v', %(kind)s, 'ordered', %(target)s, %(features)s, %(algorithm)s{named}"
    row = session.execute(
        f"select metrics from ml.train({arguments})".encode(),
        {"kind": kind, "target": target, "features": features, "algorithm": algorithm, **given},
    ).fetchone()
    assert row
    return dict(row[0])


def trials(session: Session) -> list[float]:
    version = "select max(string_to_array(version, '.')::int[]) from ml.model_versions where model_id = 'v'"
    return [
        score
        for (score,) in session.execute(
            f"select score from ml.trials where model_id = 'v' and string_to_array(version, '.')::int[] = ({version}) "
            "order by number".encode()
        ).fetchall()
    ]


GRID = {"method": "grid", "cv": 3, "params": {"alpha": [0.1, 1.0]}}
FOREST = {"method": "grid", "cv": 3, "params": {"max_depth": [5, 8]}, "scoring": "r2"}


def test_a_search_on_rows_in_the_order_of_their_target_scores_as_the_rows_held_out(rows: Session) -> None:
    metrics = train(rows, "regression", "y", ["x", "noise"], "random_forest", search=FOREST)
    assert metrics["r2"] > 0.99
    assert min(trials(rows)) > 0.99


def test_a_search_in_time_is_scored_on_later_rows(rows: Session) -> None:
    train(rows, "regression", "y", ["x", "noise"], "random_forest", search=FOREST, split="time:id")
    assert max(trials(rows)) < 0.0, "a forest does not extrapolate, which folds in time have to show"


def test_groups_stay_on_one_side(rows: Session) -> None:
    metrics = train(rows, "regression", "y", ["x", "noise"], "random_forest", split="group:shop", cv=5)
    assert metrics["n_test"] == 100
    assert metrics["r2"] < 0.5, "a shop that was not seen lies beyond what the forest has learned"
    assert metrics["cv_r2_mean"] < 0.9
    features = rows.execute("select ml.get_model_info('v') -> 'features'").fetchone()
    assert features is not None
    assert "shop" not in {feature["name"] for feature in features[0]}


def test_a_group_column_has_two_groups_at_the_least(rows: Session) -> None:
    with pytest.raises(psycopg.Error) as raised:
        rows.execute("select ml.train('v', 'regression', 'select x, y, 1 as g from ordered', 'y', split => 'group:g')")
    assert raised.value.sqlstate == "ML005"


@pytest.mark.parametrize("split", ["group:", "group:nothing", "groups:shop"])
def test_a_wrong_split_is_refused(rows: Session, split: str) -> None:
    with pytest.raises(psycopg.Error) as raised:
        train(rows, "regression", "y", ["x"], "ridge", split=split)
    assert raised.value.sqlstate in ("ML003", InvalidArgumentError.sqlstate)


@pytest.mark.parametrize("algorithm", ["logistic_regression", "random_forest", "xgboost", "lightgbm"])
def test_a_class_of_one_row_ends_no_cross_validation(rows: Session, algorithm: str) -> None:
    rows.execute("set client_min_messages = notice")
    said = messages_of(rows)
    metrics = train(rows, "classification", "rare", ["x", "noise"], algorithm, cv=5)
    rows.execute("set client_min_messages = warning")
    assert metrics["cv_accuracy_mean"] > 0.4
    assert "cv_roc_auc_mean" not in metrics
    assert any("cv:" in text and "roc_auc" in text and "'once'" in text for text in said), said
    assert not any("do not sum" in text for text in said)


@pytest.mark.parametrize("split", ["group:shop", "time:id"])
@pytest.mark.parametrize("algorithm", ["random_forest", "xgboost"])
def test_folds_without_a_class_are_searched_and_validated(rows: Session, algorithm: str, split: str) -> None:
    search = {"method": "grid", "cv": 3, "params": {"max_depth": [2, 3]}, "scoring": "f1"}
    metrics = train(rows, "classification", "rare", ["x", "noise"], algorithm, cv=3, search=search, split=split)
    assert "cv_f1_macro_mean" in metrics
    assert all(score > 0 for score in trials(rows))


@pytest.mark.parametrize(
    "scoring", ["f1", "precision", "recall", "roc_auc", "average_precision", "log_loss", "mcc", "brier", "f1_score"]
)
@pytest.mark.parametrize("target", ["level", "rare"])
def test_scoring_means_the_obvious_for_two_classes_and_for_more(rows: Session, scoring: str, target: str) -> None:
    search = {"method": "grid", "cv": 2, "params": {"max_depth": [2, 3]}, "scoring": scoring}
    train(rows, "classification", target, ["x", "noise"], "decision_tree", search=search)
    found = trials(rows)
    assert len(found) == 2
    assert all(score is not None and score <= 1.0 for score in found)
    assert scoring in ("log_loss", "brier") or min(found) > 0.2 or (target, scoring) == ("rare", "mcc")


def test_a_search_by_the_positive_class_depends_on_it(rows: Session) -> None:
    found = {}
    for positive in ("low", "high"):
        search = {"method": "grid", "cv": 3, "params": {"max_depth": [1, 2]}, "scoring": "recall"}
        train(rows, "classification", "level", ["noise"], "decision_tree", search=search, positive_class=positive, cv=3)
        found[positive] = trials(rows)
    assert found["low"] != found["high"]


@pytest.mark.parametrize("algorithm", ["random_forest", "mlp", "sgd", "xgboost", "lightgbm"])
def test_the_random_state_decides_everything(rows: Session, algorithm: str) -> None:
    def once(seed: int) -> tuple[dict[str, Any], list[float]]:
        params = {"alpha": {"low": 0.0001, "high": 0.1, "log": True}}
        if algorithm not in ("mlp", "sgd"):
            params = {"max_depth": {"low": 1, "high": 9}}
        search = {"method": "random", "n_iter": 2, "cv": 2, "params": params}
        metrics = train(rows, "regression", "y", ["noise"], algorithm, search=search, cv=2, random_state=seed)
        return metrics, trials(rows)

    (first, scores), (second, again) = once(1), once(1)
    # The threads of a forest add its trees in the order that they are done.
    assert first == pytest.approx(second, rel=1e-12)
    assert scores == pytest.approx(again, rel=1e-12)
    assert once(2)[1] != pytest.approx(scores, rel=1e-9)


def test_halving_searches_classes_that_a_sample_lacks(rows: Session) -> None:
    search = {"method": "halving", "params": {"max_depth": [2, 3, 4, 5]}, "scoring": "f1"}
    train(rows, "classification", "rare", ["x", "noise"], "xgboost", search=search)
    assert len(trials(rows)) >= 4
