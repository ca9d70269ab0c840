"""Metrics that do not flatter: of each class, of the positive one, of quantiles; training and evaluation agree."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import psycopg
import pytest
from sklearn import metrics

from tests.scores import flat

Session = psycopg.Connection[Any]

SETUP = """
create table defaults as
select i as id, sin(i * 1.7) as a, cos(i * 2.3) as b, case when i % 2 = 0 then sin(i) else sin(i * 1.7) end as c,
    case when sin(i * 1.7) + sin(i * i) * 0.3 > 0.9 then 'Yes' else 'No' end as label,
    sin(i * 1.7) + sin(i * i) * 0.3 > 0.9 as flag,
    (sin(i * 1.7) + sin(i * i) * 0.3 > 0.9)::int as bit,
    (array['x', 'y', 'z'])[1 + (abs(sin(i * 1.7) + sin(i * i) * 0.2) * 2.4)::int % 3] as kind,
    10 * sin(i * 1.7) + sin(i * i) * 3 as amount
from generate_series(1, 1200) as i
"""

HELD = "select * from defaults where id % 3 = 0"
LEARN = "select {} from defaults where id % 3 > 0"


@pytest.fixture(scope="module")
def rows(module_db: Session) -> Session:
    module_db.execute(SETUP)
    module_db.execute("set client_min_messages = warning")
    return module_db


def train(session: Session, name: str, kind: str, target: str, algorithm: str, **more: Any) -> dict[str, Any]:
    given = {key: json.dumps(value) if key == "hyperparameters" else value for key, value in more.items()}
    named = "".join(f", {key} => %({key})s" for key in given)
    columns = LEARN.format(f"a, b, c, {target}")
    row = session.execute(
        f"select metrics from ml.train(%(name)s, %(kind)s, %(rows)s, %(target)s, algorithm => %(algorithm)s, "
        f"validation_data => %(held)s{named})".encode(),
        {"name": name, "kind": kind, "rows": columns, "target": target, "algorithm": algorithm, "held": HELD, **given},
    ).fetchone()
    assert row
    return dict(row[0])


def evaluate(session: Session, name: str, **more: Any) -> dict[str, Any]:
    named = "".join(f", {key} => %({key})s" for key in more)
    row = session.execute(
        f"select ml.evaluate(%(name)s, %(rows)s{named})".encode(), {"name": name, "rows": HELD, **more}
    ).fetchone()
    assert row
    return dict(row[0])


def answers(session: Session, name: str, target: str) -> tuple[list[Any], list[Any], np.ndarray[Any, Any]]:
    found = session.execute(
        f"select t.{target}, p.prediction, p.probabilities from ml.predict_batch(%s, %s, 'id') p "
        "join defaults t on t.id::text = p.id".encode(),
        [name, HELD],
    ).fetchall()
    truth, predicted, chances = zip(*found, strict=True)
    return list(truth), list(predicted), np.array(chances, dtype=np.float64)


def test_the_positives_of_a_rare_class_have_scores_of_their_own(rows: Session) -> None:
    trained = train(rows, "rare", "classification", "label", "logistic_regression")
    truth, predicted, chances = answers(rows, "rare", "label")
    assert trained["positive_class"] == "Yes"
    assert trained["recall"] == pytest.approx(trained["accuracy"]), "weighted by rows, recall is the accuracy"
    expected = {
        "recall_positive": metrics.recall_score(truth, predicted, pos_label="Yes"),
        "precision_positive": metrics.precision_score(truth, predicted, pos_label="Yes"),
        "f1_positive": metrics.f1_score(truth, predicted, pos_label="Yes"),
        "average_precision": metrics.average_precision_score(truth, chances[:, 1], pos_label="Yes"),
        "brier": metrics.brier_score_loss(truth, chances[:, 1], pos_label="Yes"),
        "mcc": metrics.matthews_corrcoef(truth, predicted),
        "balanced_accuracy": metrics.balanced_accuracy_score(truth, predicted),
    }
    assert {name: trained[name] for name in expected} == pytest.approx(expected, rel=1e-6)
    assert trained["recall_positive"] < trained["recall"] - 0.1
    per_class = rows.execute(
        "select class, precision, recall, f1_score, support from ml.models m, "
        "jsonb_to_recordset(m.metrics -> 'per_class') as p "
        "(class text, precision float8, recall float8, f1_score float8, support int) where model_id = 'rare'"
    ).fetchall()
    report = metrics.classification_report(truth, predicted, output_dict=True)
    assert [name for name, *_ in per_class] == ["No", "Yes"]
    for name, *values in per_class:
        assert values == pytest.approx([report[name][key] for key in ("precision", "recall", "f1-score", "support")])
    expected = flat({name: value for name, value in trained.items() if name != "n_train"})
    assert flat(evaluate(rows, "rare")) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("target", "default", "other"), [("label", "Yes", "No"), ("flag", "true", "false"), ("bit", "1", "0")]
)
def test_the_positive_class_is_the_last_unless_it_is_chosen(
    rows: Session, target: str, default: str, other: str
) -> None:
    assert train(rows, "of", "classification", target, "logistic_regression")["positive_class"] == default
    turned = train(rows, "of", "classification", target, "logistic_regression", positive_class=other)
    assert turned["positive_class"] == other
    assert evaluate(rows, "of")["recall_positive"] == pytest.approx(turned["recall_positive"])
    back = evaluate(rows, "of", positive_class=default)
    assert back["positive_class"] == default
    assert back["recall_positive"] != turned["recall_positive"]
    assert back["roc_auc"] == pytest.approx(turned["roc_auc"]), "which of two is positive does not matter to the area"


@pytest.mark.parametrize(
    ("kind", "target", "asked"),
    [("classification", "label", "Maybe"), ("classification", "kind", "x"), ("regression", "amount", "1")],
)
def test_a_positive_class_that_is_none_is_refused(rows: Session, kind: str, target: str, asked: str) -> None:
    with pytest.raises(psycopg.Error) as raised:
        train(rows, "no", kind, target, None, positive_class=asked)  # type: ignore[arg-type]
    assert raised.value.sqlstate == "ML009"
    assert raised.value.diag.message_hint


def test_more_classes_are_scored_each_against_the_rest(rows: Session) -> None:
    trained = train(rows, "kind", "classification", "kind", "random_forest")
    truth, predicted, chances = answers(rows, "kind", "kind")
    expected = {
        "average_precision": metrics.average_precision_score(truth, chances.round(10)),
        "brier": metrics.brier_score_loss(truth, chances),
        "mcc": metrics.matthews_corrcoef(truth, predicted),
    }
    assert {name: trained[name] for name in expected} == pytest.approx(expected, rel=1e-6)
    assert "positive_class" not in trained
    assert "precision_positive" not in trained
    assert sum(one["support"] for one in trained["per_class"]) == len(truth)


@pytest.mark.parametrize(
    ("algorithm", "hyperparameters", "quantile"),
    [
        ("QuantileRegressor", {"quantile": 0.8}, 0.8),
        ("gradient_boosting", {"loss": "quantile", "alpha": 0.75, "n_estimators": 20}, 0.75),
        ("hist_gradient_boosting", {"loss": "quantile", "quantile": 0.7}, 0.7),
        ("ridge", {}, None),
    ],
)
def test_a_quantile_is_scored_by_its_pinball_loss(
    rows: Session, algorithm: str, hyperparameters: dict[str, Any], quantile: float | None
) -> None:
    trained = train(rows, "q", "regression", "amount", algorithm, hyperparameters=hyperparameters)
    found = rows.execute(
        "select t.amount, p.value from ml.predict_batch('q', %s, 'id') p join defaults t on t.id::text = p.id", [HELD]
    ).fetchall()
    truth, predicted = np.array(found, dtype=np.float64).T
    assert trained["median_absolute_error"] == pytest.approx(metrics.median_absolute_error(truth, predicted), rel=1e-6)
    assert trained["explained_variance"] == pytest.approx(metrics.explained_variance_score(truth, predicted), rel=1e-6)
    if quantile is None:
        assert "pinball_loss" not in trained
    else:
        assert trained["pinball_loss"] == pytest.approx(
            metrics.mean_pinball_loss(truth, predicted, alpha=quantile), rel=1e-6
        )
    assert evaluate(rows, "q") == pytest.approx({k: v for k, v in trained.items() if k != "n_train"}, rel=1e-6)


def test_xgboost_trains_every_group_that_has_two_classes(rows: Session) -> None:
    rows.execute(
        "create table if not exists grouped as select i as id, i % 3 as g, sin(i * 1.7) as a, cos(i) as b, "
        "(array['k', 'l', 'm', 'n'])[1 + case i % 3 when 0 then i % 2 * 2 when 1 then 1 + i % 2 * 2 else i % 4 end] "
        "as label from generate_series(1, 600) as i"
    )
    for algorithm in ("xgboost", "lightgbm", "random_forest"):
        row = rows.execute(
            "select metrics from ml.train('g', 'classification', 'grouped', 'label', array['a', 'b'], %s, "
            "group_by => 'g')",
            [algorithm],
        ).fetchone()
        assert row
        assert (row[0]["groups"], row[0]["groups_failed"]) == (3, 0), algorithm
        wrong = rows.execute(
            "select count(*) from grouped t where ml.predict_label('g', to_jsonb(t)) "
            "<> all (select distinct label from grouped o where o.g = t.g)"
        ).fetchone()
        assert wrong == (0,), "a group answers with its own classes"
        same = rows.execute(
            "select bool_and(p.prediction = ml.predict_label('g', to_jsonb(t))) "
            "from ml.predict_batch('g', 'grouped', 'id') p join grouped t on t.id::text = p.id"
        ).fetchone()
        assert same == (True,)
