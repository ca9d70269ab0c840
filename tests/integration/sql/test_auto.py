"""What is chosen where no algorithm is named, or `auto` is, on real rows, and that it says so."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import psycopg
import pytest
from sklearn import datasets
from sklearn.metrics import log_loss, r2_score

Session = psycopg.Connection[Any]

NUMBERS = (
    "select i % 17 as a, sin(i) as b, (i % 17 + sin(i) * 3 > 8) as yes, i % 17 + sin(i) as amount, {} as more "
    "from generate_series(1, {}) i"
)
BENT = "select sin(i) as a, cos(i * 3) as b, abs(sin(i)) * cos(i * 3) as amount from generate_series(1, {}) i"
NOISY = BENT.format(26000).replace(" as amount", " + (i * 7919 % 1000) / 500.0 as amount")
GRID = "select i % 40 % 7 as a, i % 40 / 7 as b, i % 40 as cell from generate_series(1, 800) i"
WORDS = "'the word ' || i || ' and the ' || i % 7 || ' other words'"

CASES = [
    ("classification", "yes", NUMBERS.format("i % 3", 22), "LogisticRegression", "18 rows are few"),
    ("classification", "yes", NUMBERS.format(WORDS, 1500), "LogisticRegression", "'more' is free text"),
    ("classification", "cell", GRID, "RandomForestClassifier", "LogisticRegression's"),
    ("regression", "amount", NUMBERS.format("i % 3", 150), "Ridge", "HistGradientBoostingRegressor's"),
    ("regression", "amount", NOISY, "HistGradientBoostingRegressor", "of 20000 rows"),
    ("clustering", None, NUMBERS.format("i % 3", 500), "KMeans", "whole passes"),
    ("anomaly", None, NUMBERS.format("i % 3", 500), "IsolationForest", "no scale"),
    ("decomposition", None, NUMBERS.format("i % 3", 500), "PCA", "dense"),
    ("decomposition", None, NUMBERS.format(WORDS, 500), "TruncatedSVD", "free text"),
]


@pytest.mark.parametrize(("model_type", "target", "data", "algorithm", "why"), CASES)
def test_the_rows_decide(
    module_db: Session, model_type: str, target: str | None, data: str, algorithm: str, why: str
) -> None:
    said: list[str] = []
    handler = lambda notice: said.append(str(notice.message_primary))  # noqa: E731
    module_db.add_notice_handler(handler)
    train = "select ml.train(%s, %s, %s, %s, algorithm => 'auto')"
    module_db.execute(train, [f"auto {model_type}", model_type, data, target])
    module_db.remove_notice_handler(handler)
    row = module_db.execute("select ml.get_model_info(%s)", [f"auto {model_type}"]).fetchone()
    assert row
    assert row[0]["algorithm"] == algorithm
    assert why in row[0]["runtime"]["chosen_because"]
    assert f"auto chose {algorithm}: {row[0]['runtime']['chosen_because']}" in said


@pytest.mark.parametrize(
    ("arguments", "algorithm"),
    [
        ('hyperparameters => \'{"n_estimators": 20, "max_depth": 3}\'', "RandomForestClassifier"),
        (
            'hyperparameters => \'{"n_estimators": 20, "max_depth": 3, "learning_rate": 0.1}\'',
            "GradientBoostingClassifier",
        ),
        ('execution => \'{"mode": "stream"}\'', "SGDClassifier"),
        ("features => array['a', 'b'], group_by => 'more'", "LogisticRegression"),
    ],
)
def test_hyperparameters_and_the_mode_decide_before_the_rows(
    module_db: Session, arguments: str, algorithm: str
) -> None:
    data = NUMBERS.format("i % 10", 1000)
    module_db.execute(
        f"select ml.train('n', 'classification', '{data}', 'yes', algorithm => 'auto', {arguments})".encode()
    )
    row = module_db.execute("select ml.get_model_info('n') ->> 'algorithm'").fetchone()
    assert row == (algorithm,)


def test_a_search_needs_to_know_what_it_varies(module_db: Session) -> None:
    with pytest.raises(psycopg.Error) as caught:
        module_db.execute(
            "select ml.train('s', 'classification', %s, 'yes', algorithm => 'auto', "
            'search => \'{"params": {"max_depth": [1, 2]}}\')',
            [NUMBERS.format("1", 100)],
        )
    assert caught.value.sqlstate == "ML009"
    assert caught.value.diag.message_hint


def stored(session: Session, name: str, load: Callable[[], Any]) -> None:
    """Make a table of a data set of scikit-learn's, a quarter of its rows marked as held out."""
    data = load()
    width = data.data.shape[1]
    columns = ", ".join(f"f{at} double precision" for at in range(width))
    session.execute(f"create table {name} (id integer, held boolean, y double precision, {columns})".encode())
    held = np.random.default_rng(0).random(len(data.data)) < 0.25
    with session.cursor().copy(f"copy {name} from stdin".encode()) as copy:
        for at, row in enumerate(data.data):
            copy.write_row((at, bool(held[at]), float(data.target[at]), *map(float, row)))


def trained(session: Session, name: str, model_type: str, more: str = "") -> dict[str, Any]:
    """Train by default on the rows that are not held out, and return what is known of the model."""
    label = "y::integer as y" if model_type == "classification" else "y"
    features = f"select {label}, {{}} from {name} where not held"
    columns = session.execute(
        "select string_agg(attname, ', ' order by attnum) from pg_attribute where attrelid = %s::regclass "
        "and attnum > 0 and attname not in ('id', 'held', 'y')",
        [name],
    ).fetchone()
    assert columns
    session.execute(f"select ml.train(%s, %s, %s, 'y'{more})".encode(), [name, model_type, features.format(columns[0])])
    row = session.execute("select ml.get_model_info(%s)", [name]).fetchone()
    assert row
    return dict(row[0])


def loss_of(session: Session, name: str, model_type: str) -> float:
    """Return log loss, or 1 - r2, of the deployed model on the rows held out."""
    query = f"select * from {name} where held order by id"
    truth = [row[0] for row in session.execute(f"select y from {name} where held order by id".encode())]
    found = session.execute("select value, probabilities from ml.predict_batch(%s, %s)", [name, query]).fetchall()
    if model_type == "regression":
        return 1 - float(r2_score(truth, [row[0] for row in found]))
    return float(log_loss(truth, np.array([row[1] for row in found])))


@pytest.mark.parametrize(
    ("name", "load", "model_type", "forest", "limit"),
    [
        ("cancer", datasets.load_breast_cancer, "classification", "random_forest", 0.13),
        ("digits", datasets.load_digits, "classification", "random_forest", 0.2),
        ("wine", datasets.load_wine, "classification", "random_forest", 0.2),
        ("diabetes", datasets.load_diabetes, "regression", "random_forest", 0.62),
    ],
)
def test_the_default_beats_a_forest_on_rows_that_it_has_not_seen(
    module_db: Session, name: str, load: Callable[[], Any], model_type: str, forest: str, limit: float
) -> None:
    stored(module_db, name, load)
    info = trained(module_db, name, model_type)
    loss = loss_of(module_db, name, model_type)
    assert info["runtime"]["name"] != "sklearn"  # compiled
    assert "fold" in info["runtime"]["chosen_because"]
    trained(module_db, name, model_type, f", algorithm => '{forest}'")
    assert loss <= loss_of(module_db, name, model_type)
    assert loss < limit


def test_the_same_rows_give_the_same_model(module_db: Session) -> None:
    data = BENT.format(900)
    found = []
    for _ in range(2):
        module_db.execute("select ml.train('again', 'regression', %s, 'amount')", [data])
        found.append(module_db.execute("select ml.get_model_info('again')").fetchone())
    one, other = (json.loads(json.dumps(row[0])) for row in found if row)
    for field in ("algorithm", "hyperparameters", "metrics"):
        assert one[field] == other[field]
    assert one["runtime"] == other["runtime"]


def test_no_notice_tells_what_nobody_asked_for(module_db: Session) -> None:
    said: list[str] = []
    handler = lambda notice: said.append(str(notice.message_primary))  # noqa: E731
    module_db.add_notice_handler(handler)
    module_db.execute("select ml.train('quiet', 'regression', %s, 'amount')", [BENT.format(200)])
    module_db.remove_notice_handler(handler)
    assert not [text for text in said if "chose" in text]


@pytest.mark.parametrize(
    ("data", "arguments"),
    [
        ("select i as a, i % 2 as y from generate_series(1, 2) i", ""),
        ("select i % 5 as a, i % 2 as y from generate_series(1, 9) i", ""),
        ("select null::float8 as a, i as b, i % 2 as y from generate_series(1, 60) i", ""),
        ("select nullif(i % 3, 1) as a, i % 2 as y from generate_series(1, 60) i", ", split => 'none'"),
        ("select i % 7 as a, i % 200 as y from generate_series(1, 1000) i", ""),
        ("select i % 7 as a, case when i > 57 then i else i % 2 end as y from generate_series(1, 60) i", ""),
        ("select i % 7 as a, i % 4 as g, i % 2 as y from generate_series(1, 200) i", ", split => 'group:g'"),
        ("select i % 7 as a, (i % 9 > 6)::int as y, i as t from generate_series(1, 200) i", ", split => 'time:t'"),
        ("select 1e300 * (i % 3) as a, i % 2 as y from generate_series(1, 60) i", ""),
        ("select i % 3 as a, 1 + i % 4 as w, i % 2 as y from generate_series(1, 90) i",
         ", preprocess => '{\"w\": {\"type\": \"weight\"}}'"),
        ("select (array['a', 'b', null])[1 + i % 3] as a, i % 2 as y from generate_series(1, 90) i", ", cv => 3"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("model_type", ["classification", "regression"])
def test_odd_rows_are_trained_on_by_default(module_db: Session, model_type: str, data: str, arguments: str) -> None:
    module_db.execute(f"select ml.train('odd', %s, %s, 'y'{arguments})".encode(), [model_type, data])
    row = module_db.execute("select ml.predict_batch('odd', %s)", [data]).fetchall()
    assert len(row) == module_db.execute(f"select count(*) from ({data}) as t".encode()).fetchone()[0]  # type: ignore[index]
    info = module_db.execute("select ml.get_model_info('odd')").fetchone()
    assert info
    assert info[0]["runtime"]["chosen_because"]


def test_one_class_or_one_row_is_refused_as_ever(module_db: Session) -> None:
    for data in ("select 1 as a, 1 as y", "select i as a, 1 as y from generate_series(1, 50) i"):
        with pytest.raises(psycopg.Error) as caught:
            module_db.execute("select ml.train('none', 'classification', %s, 'y')", [data])
        assert caught.value.sqlstate == "ML005"


def test_hyperparameters_of_a_search_without_an_algorithm_are_a_forests(module_db: Session) -> None:
    module_db.execute(
        "select ml.train('searched', 'classification', %s, 'yes', search => "
        '\'{"params": {"max_depth": [1, 2], "n_estimators": [5]}}\')',
        [NUMBERS.format("1", 100)],
    )
    row = module_db.execute("select ml.get_model_info('searched') ->> 'algorithm'").fetchone()
    assert row == ("RandomForestClassifier",)
