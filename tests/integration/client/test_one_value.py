"""One value means the same through the client and over HTTP as in SQL, under every setting of the connection."""

from __future__ import annotations

import json
from typing import Any

import httpx
import numpy as np
import pandas as pd
import psycopg
import pytest
from hypothesis import given, settings
from psycopg.rows import dict_row

from motadata_ml import DatabaseConfig, DatabaseConnection, MLSystem, create_ml_system
from motadata_ml.estimator import PgEstimator
from motadata_ml.model_serving import create_api_key, create_model_server
from tests.integration.sql.values import EXAMPLES, SETTINGS, TYPES

UNREAL = {"date", "timestamp", "timestamptz", "bit varying", "bit(3)"}
"""Types of whose examples psycopg has no value of Python, or gives another; `WITHIN` has others for the moments."""

WITHIN = {
    "date": ("2026-01-01", "1999-12-31", "9999-12-31"),
    "timestamp": ("2026-01-01 10:00", "2026-01-01 10:00:00.000001", "0001-01-01 00:00"),
    "timestamptz": ("2026-01-01 10:00Z", "2026-01-01 10:00:00.5Z", "2026-07-01 10:00Z"),
}

VALUES = {**{name: values for name, values in EXAMPLES.items() if name not in UNREAL}, **WITHIN}
COLUMNS = {f"c{number}": sql_type for number, sql_type in enumerate(VALUES)}


@pytest.fixture(scope="module")
def rows(module_db: psycopg.Connection[Any], system: MLSystem) -> list[dict[str, Any]]:
    """Train on a table with a column of each type, and return its rows as psycopg gives them."""
    module_db.execute(TYPES.encode())
    columns = []
    for number, (name, sql_type) in enumerate(COLUMNS.items()):
        value = f"(array{list(VALUES[sql_type])!r})[1 + (i + i / {number + 2}) % 3]::{sql_type}"
        columns.append(f"case when i % 7 <> {number % 7} then {value} end as {name}")
    module_db.execute(
        f"create table given as select i as id, {', '.join(columns)}, sin(i * i) as y "
        "from generate_series(1, 60) i".encode()
    )
    module_db.execute(
        "select ml.train('given', 'regression', 'given', 'y', %s, 'ridge', preprocess => %s)",
        [list(COLUMNS), json.dumps({name: {"type": "category"} for name in COLUMNS})],
    )
    with module_db.cursor(row_factory=dict_row) as cursor:
        return cursor.execute("select * from given order by id").fetchall()


@pytest.fixture(scope="module")
def expected(module_db: psycopg.Connection[Any], rows: list[dict[str, Any]]) -> list[float]:
    found = module_db.execute("select value from ml.predict_batch('given', 'select * from given order by id')")
    return [value for (value,) in found.fetchall()]


def test_values_of_psycopg_mean_what_they_mean_in_sql(
    config: DatabaseConfig, rows: list[dict[str, Any]], expected: list[float]
) -> None:
    with psycopg.connect(config.conninfo(), autocommit=True) as lent:
        system = create_ml_system(DatabaseConnection(lent))

        @settings(deadline=None, max_examples=3)
        @given(SETTINGS)
        def alike(chosen: dict[str, str]) -> None:
            for name, value in chosen.items():
                lent.execute("select set_config(%s, %s, false)", [name, value])
            found = [system.predict("given", row)["prediction"] for row in rows]
            assert found == pytest.approx(expected, rel=1e-9)

        alike()


def test_values_of_psycopg_mean_over_http_what_they_mean_in_sql(
    system: MLSystem, rows: list[dict[str, Any]], expected: list[float]
) -> None:
    key = create_api_key(system.model_manager, "tests", "default")
    headers = {"Authorization": f"Bearer {key}", "content-type": "application/json"}
    with (
        create_model_server(system.model_manager, "127.0.0.1", 0) as running,
        httpx.Client(base_url=running.url, headers=headers, timeout=30) as http,
    ):
        for row, known in zip(rows, expected, strict=True):
            answer = http.post("/api/ml/predict/given", content=json.dumps({"input_data": row}, default=written))
            assert answer.status_code == 200, answer.text
            assert answer.json()["prediction"] == pytest.approx(known, rel=1e-9)


def test_numbers_over_http_keep_the_digits_that_sql_keeps(system: MLSystem, module_db: psycopg.Connection[Any]) -> None:
    numbers = ["12345678901234567890.125", "12345678901234567890.25", "0.1000000000000000000001"]
    module_db.execute(
        "create table precise as select i as id, (%s::numeric[])[1 + i %% 3] as c, i %% 3 * 10.0 as y "
        "from generate_series(1, 90) i",
        [numbers],
    )
    module_db.execute(
        "select ml.train('precise', 'regression', 'precise', 'y', array['c'], 'ridge', "
        """preprocess => '{"c": {"type": "category"}}')"""
    )
    module_db.execute("select ml.train('plain', 'regression', 'precise', 'y', array['id'], 'ridge')")
    module_db.execute(
        "select ml.train('label', 'classification', 'select c as y, y as n from precise', 'y', null, 'decision_tree')"
    )
    key = create_api_key(system.model_manager, "digits", "default")
    headers = {"Authorization": f"Bearer {key}", "content-type": "application/json"}
    with (
        create_model_server(system.model_manager, "127.0.0.1", 0) as running,
        httpx.Client(base_url=running.url, headers=headers, timeout=30) as http,
    ):
        for number in (*numbers, "1e-400", "7"):
            row = f'{{"c": {number}}}'
            [known] = module_db.execute("select ml.predict_value('precise', %s::jsonb)", [row]).fetchone() or [None]
            one = http.post("/api/ml/predict/precise", content=f'{{"input_data": {row}}}')
            many = http.post("/api/ml/predict_batch/precise", content=f'{{"input_data": [{row}, {row}]}}')
            assert one.json()["prediction"] == pytest.approx(known, rel=1e-9), number
            assert [each["prediction"] for each in many.json()["predictions"]] == pytest.approx([known] * 2, rel=1e-9)
        refused = http.post("/api/ml/predict/plain", content='{"input_data": {"id": 1e-400}}')
        assert refused.status_code == 409
        assert "id" in refused.text
        rows = [f'{{"input_data": {{"n": {n}}}}}' for n in (0, 10, 20)]
        answers = [http.post("/api/ml/predict/label", content=row).text for row in rows]
        labels = {answer.split('"prediction":')[1].split(",")[0] for answer in answers}
        assert labels == set(numbers)


def written(value: Any) -> Any:
    """Write a value as a caller of HTTP would."""
    return value.total_seconds() if hasattr(value, "total_seconds") else str(value)


def test_rows_of_a_frame_mean_what_the_frame_means(system: MLSystem) -> None:
    frame = pd.DataFrame(
        {
            "whole": [1, 2, 3] * 40,
            "part": [0.1, 1 / 3, 2.0] * 40,
            "flag": [True, False, True] * 40,
            "at": pd.to_datetime(["2026-01-01 10:00:00.000001", "2026-06-01 00:00:00.0", "1999-12-31 23:59:59.5"] * 40),
            "zoned": pd.to_datetime(["2026-01-01T10:00Z", "2026-06-01T00:00Z", "1999-12-31T23:59Z"] * 40),
            "span": pd.to_timedelta([1, 90_061.5, 86_400] * 40, unit="s"),
            "kind": pd.Categorical([10, 20, 30] * 40),
            "word": ["a", "ü", ""] * 40,
        }
    )
    y = np.sin(np.arange(120))
    system.train_model(
        "frame",
        "regression",
        (frame, y),
        algorithm="ridge",
        progress=False,
        preprocess={name: {"type": "category"} for name in frame.columns},
    )
    batch = system.batch("frame", frame).predictions
    one = [system.predict("frame", frame.iloc[at])["prediction"] for at in range(120)]
    assert one == pytest.approx(list(batch), rel=1e-9)
    missing = frame.astype(object).mask(pd.Series(np.arange(120) % 5 == 0), None)
    one = [system.predict("frame", missing.iloc[at])["prediction"] for at in range(120)]
    assert one == pytest.approx(list(system.batch("frame", missing).predictions), rel=1e-9)


def test_numeric_categories_of_pandas_are_numbers_as_labels(system: MLSystem) -> None:
    frame = pd.DataFrame({"n": [0, 1] * 200})
    y = pd.Categorical([1, 2] * 200)
    estimator = PgEstimator(system, "labels").fit(frame, y)
    assert estimator.score(frame, y) == 1.0
    assert system.evaluate("labels", (frame, y), version=estimator.model_version_)["accuracy"] == 1.0
    assert set(estimator.predict(frame).tolist()) == {1, 2}


def test_the_relative_error_is_the_servers(system: MLSystem, module_db: psycopg.Connection[Any]) -> None:
    frame = pd.DataFrame({"n": [0, 1, 2] * 50})
    truth = pd.Series([0.0, 1.0, 2.0] * 50, name="y")
    system.train_model("truth", "regression", (frame, truth), algorithm="linear_regression", progress=False)
    found = system.evaluate("truth", (frame, truth))
    module_db.execute("create table truth as select i % 3 as n, (i % 3)::float8 as y from generate_series(0, 149) i")
    row = module_db.execute("select ml.evaluate('truth', 'truth')").fetchone()
    assert row is not None
    assert found["mape"] == pytest.approx(row[0]["mape"], abs=1e-9)
    assert found["mape"] < 1e-9
