"""A model written as SQL answers as the predictor does, NULLs and unknown categories included."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import duckdb
import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
)
from sklearn.linear_model import LinearRegression, LogisticRegression, PoissonRegressor
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from motadata_ml_server.errors import UnsupportedOperationError
from motadata_ml_server.export.sql import to_sql
from motadata_ml_server.features.plan import FeaturePlan
from tests.unit.prediction.models import MIXED, compiled_predictor, encode_rows

PLAN: dict[str, Any] = {
    "version": 1,
    "columns": [
        {**column, "sql_type": "timestamp without time zone"} if column["name"] == "at" else column
        for column in MIXED["columns"]
        if column["kind"] not in {"text", "vector"}
    ],
}


def random_rows(count: int) -> list[dict[str, Any]]:
    """Return rows with NULLs and categories that no training saw."""
    generator = np.random.default_rng(3)

    def perhaps(value: Any) -> Any:
        return None if generator.random() < 0.15 else value

    return [
        {
            "delay": perhaps(float(generator.normal(3, 20))),
            "carrier": perhaps(str(generator.choice(["AA", "UA", "true", "new", "it's"]))),
            "night": perhaps(bool(generator.integers(2))),
            "at": perhaps((datetime(2013, 1, 1) + timedelta(minutes=int(generator.integers(500_000)))).isoformat()),
            "origin": perhaps(str(generator.choice(["EWR", "JFK", "LGA"]))),
            "tail": perhaps(str(generator.choice(["x", "y", "z"]))),
            "seen": perhaps(float(generator.integers(0, 20))),
        }
        for _ in range(count)
    ]


ROWS = random_rows(300)
ENCODED = encode_rows(PLAN, ROWS)
GOAL = ENCODED[:, 0] - ENCODED[:, 1] + ENCODED[:, 5] + ENCODED[:, -1]


@pytest.fixture(scope="module")
def database() -> Any:
    connection = duckdb.connect()
    connection.execute(
        'create table t (row_number int, delay double, carrier varchar, night boolean, "at" timestamp, '
        "origin varchar, tail varchar, seen double)"
    )
    connection.executemany(
        "insert into t values (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            [at, *(row[name] for name in ("delay", "carrier", "night", "at", "origin", "tail", "seen"))]
            for at, row in enumerate(ROWS)
        ],
    )
    return connection


@pytest.mark.parametrize(
    ("estimator", "task", "label_type"),
    [
        (LinearRegression(), "regression", None),
        (PoissonRegressor(), "regression", None),
        (DecisionTreeRegressor(max_depth=5, random_state=0), "regression", None),
        (HistGradientBoostingRegressor(max_iter=5, random_state=0), "regression", None),
        (LogisticRegression(max_iter=1000), "two", "boolean"),
        (LogisticRegression(max_iter=1000), "three", "integer"),
        (DecisionTreeClassifier(max_depth=4, random_state=0), "two", "boolean"),
        (RandomForestClassifier(5, max_depth=4, random_state=0), "three", "integer"),
        (GradientBoostingClassifier(n_estimators=4, random_state=0), "two", "boolean"),
        (KMeans(3, n_init=1, random_state=0), "clustering", None),
        (IsolationForest(n_estimators=5, random_state=0), "anomaly", None),
    ],
    ids=lambda value: str(value)[:40],
)
@pytest.mark.parametrize("output", ["value", "label"])
def test_sql_equals_the_predictor_on_every_row(
    database: Any, estimator: Any, task: str, label_type: str | None, output: Any
) -> None:
    targets = {
        "two": np.where(np.median(GOAL) < GOAL, "true", "false"),
        "three": np.digitize(GOAL, np.quantile(GOAL, [0.3, 0.7])),
        "regression": np.abs(GOAL),
    }
    model_type = "classification" if task in {"two", "three"} else task
    fitted = estimator.fit(ENCODED, targets.get(task))
    plan = FeaturePlan.from_json(PLAN)
    compiled, predictor = compiled_predictor(fitted, model_type, plan, ENCODED, label_type)
    assert compiled.kind is not None, compiled.reason
    text = to_sql(
        PLAN,
        compiled.kind,
        compiled.payload,
        task=model_type,
        classes=predictor.classes,
        label_type=label_type,
        output=output,
        dialect="duckdb",
    )
    found = [row[0] for row in database.execute(f"select {text} from t order by row_number").fetchall()]
    if output == "label":
        if model_type != "regression":
            assert found == [predictor.label(row) for row in ROWS]
        return
    np.testing.assert_allclose(found, [predictor.value(row) or 0.0 for row in ROWS], rtol=1e-12, atol=1e-12)


def test_a_model_over_free_text_has_no_sql() -> None:
    from motadata_ml_server.prediction.runtimes.linear_model import LinearModel

    width = sum(column["width"] for column in MIXED["columns"])
    payload = LinearModel(np.ones((1, width)), np.zeros(1), "identity").to_bytes()
    with pytest.raises(UnsupportedOperationError, match="'note'"):
        to_sql(MIXED, "linear", payload, task="regression")


def test_a_large_forest_has_no_sql() -> None:
    generator = np.random.default_rng(0)
    rows = generator.random((3000, ENCODED.shape[1]))
    fitted = RandomForestClassifier(30, random_state=0).fit(rows, generator.integers(0, 2, 3000))
    compiled, _ = compiled_predictor(fitted, "classification", FeaturePlan.from_json(PLAN), rows[:100])
    with pytest.raises(UnsupportedOperationError, match="too large"):
        to_sql(PLAN, "onnx", compiled.payload, task="classification", classes=["0", "1"], label_type="integer")


def test_a_category_with_a_quote_stays_a_literal() -> None:
    from motadata_ml_server.prediction.runtimes.linear_model import LinearModel

    column = {
        "name": 'odd "name"',
        "kind": "category",
        "source": "text",
        "sql_type": "text",
        "encode": "onehot",
        "categories": ["it's", "'; drop table t; --"],
        "width": 2,
    }
    payload = LinearModel(np.array([[1.0, 2.0]]), np.zeros(1), "identity").to_bytes()
    text = to_sql({"version": 1, "columns": [column]}, "linear", payload, task="regression", dialect="duckdb")
    connection = duckdb.connect()
    connection.execute('create table o ("odd ""name""" varchar)')
    connection.executemany("insert into o values (?)", [["it's"], ["'; drop table t; --"], [None]])
    found = connection.execute(f"select {text} from o").fetchall()
    assert [row[0] for row in found] == [1.0, 2.0, 0.0]
