"""`algorithm => 'auto'`: what it chooses on real rows, and that it says so."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

Session = psycopg.Connection[Any]

NUMBERS = (
    "select i % 17 as a, sin(i) as b, (i % 17 + sin(i) * 3 > 8) as yes, i % 17 + sin(i) as amount, {} as more "
    "from generate_series(1, {}) i"
)
WORDS = "'the word ' || i || ' and the ' || i % 7 || ' other words'"

CASES = [
    ("classification", "yes", NUMBERS.format("i % 3", 150), "LogisticRegression", "few"),
    ("classification", "yes", NUMBERS.format("i % 3", 1500), "RandomForestClassifier", "enough for trees"),
    ("classification", "yes", NUMBERS.format("i % 3", 12000), "HistGradientBoostingClassifier", "many"),
    ("classification", "yes", NUMBERS.format(WORDS, 1500), "LogisticRegression", "'more' is free text"),
    ("classification", "more", NUMBERS.format("i % 40", 12000), "RandomForestClassifier", "40 classes"),
    ("regression", "amount", NUMBERS.format("i % 3", 150), "Ridge", "few"),
    ("regression", "amount", NUMBERS.format("i % 3", 12000), "HistGradientBoostingRegressor", "many"),
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
