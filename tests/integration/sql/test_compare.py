"""`ml.compare`: versions on the same rows, with bounds that theory knows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import psycopg
import pytest
from sklearn import datasets

from motadata_ml import DatabaseConfig, DatabaseConnection, MLSystem, create_ml_system, errors

Session = psycopg.Connection[Any]
HELD = "select * from cancer where held"


@pytest.fixture(scope="module")
def trained(module_db: Session) -> Session:
    """Train three versions of a classifier, of one column, of many and of many again; and two of a regressor."""
    rows = datasets.load_breast_cancer()
    module_db.execute(
        "create table cancer (held boolean, smooth float8, b float8, c float8, d float8, malignant boolean, bin text)"
    )
    with module_db.cursor().copy("copy cancer from stdin") as copy:
        for number, (values, kind) in enumerate(zip(rows.data.tolist(), rows.target, strict=True)):
            size = "large" if values[7] > 0.05 else "small"
            copy.write_row((number % 2 == 0, values[4], *values[5:8], bool(kind == 0), size))
    for columns in ("smooth", "b, c, d", "b, c, d, smooth, bin"):
        module_db.execute(
            "select ml.train('m', 'classification', %s, 'malignant', algorithm => 'logistic_regression')",
            [f"select {columns}, malignant from cancer where not held"],
        )
    for columns in ("smooth", "b, c, smooth"):
        module_db.execute(
            "select ml.train('r', 'regression', %s, 'd', algorithm => 'linear')",
            [f"select {columns}, d from cancer where not held"],
        )
    return module_db


def compare(session: Session, call: str, *values: Any) -> dict[str, dict[str, Any]]:
    cursor = session.execute(f"select * from ml.compare({call})".encode(), values)
    assert cursor.description is not None
    names = [column.name for column in cursor.description]
    return {row[0]: dict(zip(names, row, strict=True)) for row in cursor.fetchall()}


def test_values_are_those_of_evaluate_and_differences_are_to_the_first(trained: Session) -> None:
    for metric in ("f1_score", "accuracy", "log_loss", "roc_auc", "brier"):
        found = compare(trained, "'m', array['1.0.0', '2.0.0', '3.0.0'], %s, metric => %s", HELD, metric)
        assert list(found) == ["1.0.0", "2.0.0", "3.0.0"]
        first = found["1.0.0"]
        assert (first["difference"], first["lower"], first["upper"], first["p"]) == (None, None, None, None)
        for version, row in found.items():
            scores = trained.execute("select ml.evaluate('m', %s, version => %s)", [HELD, version]).fetchone()
            assert scores is not None
            assert row["value"] == pytest.approx(scores[0][metric], rel=1e-9)
            assert (row["rows"], row["metric_name"]) == (285, metric)
        better = found["2.0.0"]
        assert better["difference"] == pytest.approx(better["value"] - first["value"])
        assert better["lower"] < better["difference"] < better["upper"]
        assert better["p"] < 0.01


def test_bounds_are_those_that_theory_gives_a_mean_of_differences(trained: Session) -> None:
    rows = trained.execute(
        "select malignant, ml.predict_label('m', to_jsonb(t), '1.0.0') = malignant::text, "
        "ml.predict_label('m', to_jsonb(t), '2.0.0') = malignant::text from cancer as t where held"
    ).fetchall()
    differences = np.array([int(second) - int(first) for _, first, second in rows])
    error = differences.std() / np.sqrt(len(differences))
    found = compare(trained, "'m', array['1.0.0', '2.0.0'], %s, 'accuracy'", HELD)["2.0.0"]
    assert found["difference"] == pytest.approx(differences.mean())
    assert found["lower"] == pytest.approx(differences.mean() - 1.96 * error, abs=0.4 * error)
    assert found["upper"] == pytest.approx(differences.mean() + 1.96 * error, abs=0.4 * error)
    narrow = compare(trained, "'m', array['1.0.0', '2.0.0'], %s, 'accuracy', confidence => 0.5", HELD)["2.0.0"]
    assert narrow["upper"] - narrow["lower"] < 0.5 * (found["upper"] - found["lower"])


def test_noise_is_no_difference(trained: Session) -> None:
    for seed in (1, 2):
        trained.execute(
            "select ml.train('same', 'classification', 'select b, c, d, malignant from cancer where not held', "
            "'malignant', algorithm => 'random_forest', random_state => %s)",
            [seed],
        )
    found = compare(trained, "'same', array['1.0.0', '1.1.0'], %s, 'log_loss'", HELD)["1.1.0"]
    assert found["lower"] <= 0 <= found["upper"]
    assert found["p"] > 0.05
    twice = compare(trained, "'same', array['1.0.0', '1.1.0'], %s, 'log_loss'", HELD)["1.1.0"]
    assert twice == found


def test_regressors_with_other_features_are_compared(trained: Session) -> None:
    found = compare(trained, "'r', array['1.0.0', '2.0.0'], %s, 'rmse'", HELD)
    scores = trained.execute("select ml.evaluate('r', %s, version => '2.0.0') ->> 'rmse'", [HELD]).fetchone()
    assert scores is not None
    assert found["2.0.0"]["value"] == pytest.approx(float(scores[0]))
    assert found["2.0.0"]["upper"] < 0


@pytest.mark.parametrize(
    ("call", "sqlstate"),
    [
        ("'m', array['1.0.0'], 'cancer'", "ML009"),
        ("'m', array['1.0.0', '1.0.0'], 'cancer'", "ML009"),
        ("'m', array['1.0.0', null], 'cancer'", "ML009"),
        ("'m', null, 'cancer'", "ML009"),
        ("'m', array['1.0.0', '7.0.0'], 'cancer'", "ML014"),
        ("'nobody', array['1.0.0', '7.0.0'], 'cancer'", "ML001"),
        ("'m', array['1.0.0', '2.0.0'], 'cancer', 'rmse'", "ML009"),
        ("'m', array['1.0.0', '2.0.0'], 'cancer', confidence => 1", "ML009"),
        ("'m', array['1.0.0', '2.0.0'], 'select * from cancer limit 5'", "ML005"),
        ("'m', array['1.0.0', '2.0.0'], 'select * from cancer where false'", "ML005"),
        ("'m', array['1.0.0', '2.0.0'], 'select * from cancer where malignant', 'roc_auc'", "ML009"),
        ("'m', array['1.0.0', '2.0.0'], 'select smooth, malignant from cancer'", "ML011"),
    ],
)
def test_what_cannot_be_compared_says_why(trained: Session, call: str, sqlstate: str) -> None:
    with pytest.raises(psycopg.Error) as caught:
        trained.execute(f"select * from ml.compare({call})".encode())
    assert caught.value.sqlstate == sqlstate, caught.value
    assert caught.value.diag.message_hint


@pytest.fixture
def system(trained: Session) -> Iterator[MLSystem]:
    """A system of the client on a connection of its own."""
    info = trained.info
    with DatabaseConnection(DatabaseConfig(info.host, info.port, info.dbname, info.user, None)) as db:
        yield create_ml_system(db)


def test_the_client_compares_tables(system: MLSystem, trained: Session) -> None:
    found = system.compare("m", ["1.0.0", "2.0.0"], HELD, metric="accuracy")
    assert [row["version"] for row in found] == ["1.0.0", "2.0.0"]
    assert dict(found[1]) == compare(trained, "'m', array['1.0.0', '2.0.0'], %s, 'accuracy'", HELD)["2.0.0"]
    with pytest.raises(errors.InvalidArgumentError):
        system.compare("m", [], HELD)
