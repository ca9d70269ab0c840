"""Sample weights: a column whose preprocess type is weight."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

Session = psycopg.Connection[Any]

WEIGHTED = 'preprocess => \'{"w": {"type": "weight"}}\', test_size => 0'


@pytest.fixture(autouse=True)
def rows(db: Session) -> None:
    db.execute(
        "create table t as select i as x, case when i % 2 = 0 then i else 100 end as y, "
        "(i % 2 = 0)::int as w, case when i % 2 = 0 then 'even' else 'odd' end as kind from generate_series(1, 200) i"
    )


def value(db: Session, model: str, x: int) -> float:
    row = db.execute("select ml.predict_value(%s, jsonb_build_object('x', %s::int))", [model, x]).fetchone()
    assert row
    return float(row[0])


@pytest.mark.parametrize("extra", ["", ', execution => \'{"mode": "stream"}\''])
def test_rows_of_weight_zero_do_not_count(db: Session, extra: str) -> None:
    algorithm = "SGDRegressor" if extra else "linear"
    rows = "select x, y, w from t, generate_series(1, 100)"
    train = f"select ml.train('%s', 'regression', '%s', 'y', array['x'], '{algorithm}', test_size => 0{extra}%s)"
    db.execute((train % ("weighted", rows, ', preprocess => \'{"w": {"type": "weight"}}\'')).encode())
    db.execute((train % ("plain", rows, "")).encode())
    assert abs(value(db, "plain", 150) - 125) < 10
    assert abs(value(db, "weighted", 150) - 150) < 10


def test_a_weight_is_no_feature(db: Session) -> None:
    db.execute(f"select ml.train('m', 'regression', 'select x, y, w from t', 'y', {WEIGHTED})".encode())
    row = db.execute("select ml.get_model_info('m') -> 'features'").fetchone()
    assert row
    assert [feature["name"] for feature in row[0]] == ["x"]


@pytest.mark.parametrize(
    ("data", "arguments", "sqlstate", "message"),
    [
        ("select x, y, -w as w from t", WEIGHTED, "ML009", "must be 0 or more"),
        ("select x, y, nullif(w, 1) as w from t", WEIGHTED, "ML009", "not NULL"),
        ("select x, y, 0 as w from t", WEIGHTED, "ML009", "must not be 0 in every row"),
        ("select x, y, kind as w from t", WEIGHTED, "ML009", "must be numeric"),
        ("t", WEIGHTED + ", algorithm => 'knn'", "ML009", "takes no sample weights"),
        ("t", WEIGHTED + ", features => array['x', 'w']", "ML009", "'w'"),
    ],
)
def test_what_a_weight_cannot_be(db: Session, data: str, arguments: str, sqlstate: str, message: str) -> None:
    with pytest.raises(psycopg.Error) as caught:
        db.execute(f"select ml.train('m', 'regression', '{data}', 'y', {arguments})".encode())
    assert caught.value.sqlstate == sqlstate
    assert message in str(caught.value.diag.message_primary)


def test_class_weights_name_labels(db: Session) -> None:
    for model, weight in (("even", 50), ("odd", 0.02)):
        db.execute(
            "select ml.train(%s, 'classification', 'select x %% 5 as x, kind from t', 'kind', "
            "algorithm => 'logistic_regression', "
            "hyperparameters => jsonb_build_object('class_weight', jsonb_build_object('even', %s::float8, 'odd', 1)))",
            [model, weight],
        )
    labels = db.execute(
        "select ml.predict_label('even', '{\"x\": 2}'), ml.predict_label('odd', '{\"x\": 2}')"
    ).fetchone()
    assert labels == ("even", "odd")
