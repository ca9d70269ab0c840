"""`ml.roc_curve` and its like in SQL, on real rows, against scikit-learn on the model's own probabilities."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import psycopg
import pytest
from numpy.typing import NDArray
from sklearn import datasets
from sklearn import metrics as sklearn_metrics
from sklearn.calibration import calibration_curve

from motadata_ml import DatabaseConfig, DatabaseConnection, MLSystem, create_ml_system, errors

Session = psycopg.Connection[Any]
TRAINED = "select a, b, malignant from cancer where not held"
HELD = "select * from cancer where held"


@pytest.fixture(scope="module")
def trained(module_db: Session) -> Session:
    """Train on half of the breast cancer rows, benign or malignant, and on iris."""
    rows = datasets.load_breast_cancer()
    module_db.execute(
        "create table cancer (held boolean, a float8, b float8, c float8, malignant boolean, size float8)"
    )
    with module_db.cursor().copy("copy cancer from stdin") as copy:
        for number, (values, kind) in enumerate(zip(rows.data, rows.target, strict=True)):
            copy.write_row((number % 2 == 0, *values[:3].tolist(), bool(kind == 0), float(values[3])))
    iris = datasets.load_iris()
    module_db.execute("create table iris (a float8, b float8, kind text)")
    with module_db.cursor().copy("copy iris from stdin") as copy:
        for values, kind in zip(iris.data, iris.target, strict=True):
            copy.write_row((*values[:2].tolist(), str(iris.target_names[kind])))
    for name, model_type, source, target, algorithm in (
        ("cancer", "classification", TRAINED, "malignant", "random_forest"),
        ("iris", "classification", "iris", "kind", "logistic_regression"),
        ("svm", "classification", "select a, b, malignant from cancer", "malignant", "svm"),
        ("size", "regression", "select a, b, size from cancer", "size", "ridge"),
    ):
        module_db.execute(
            "select ml.train(%s, %s, %s, %s, algorithm => %s)", [name, model_type, source, target, algorithm]
        )
    return module_db


def chances_of(session: Session, name: str, rows: str, truth: str, label: str) -> tuple[Any, NDArray[np.float64]]:
    """Return what is true and the probability of a class, row by row, by the functions that predict."""
    info = session.execute("select classes from ml.model_versions where model_id = %s", [name]).fetchone()
    assert info is not None
    found = session.execute(
        f"select r.{truth}::text = %s, (ml.predict_proba(%s, to_jsonb(r)))[%s] from ({rows}) as r".encode(),
        [label, name, info[0].index(label) + 1],
    ).fetchall()
    return np.array([row[0] for row in found]), np.array([row[1] for row in found]).round(10)


def test_roc_curve_is_that_of_the_predicted_probabilities(trained: Session) -> None:
    truth, chances = chances_of(trained, "cancer", HELD, "malignant", "true")
    fpr, tpr, thresholds = sklearn_metrics.roc_curve(truth, chances)
    found = np.array(trained.execute("select fpr, tpr, threshold from ml.roc_curve('cancer', %s)", [HELD]).fetchall())
    assert found[:, 0] == pytest.approx(fpr)
    assert found[:, 1] == pytest.approx(tpr)
    assert found[:, 2] == pytest.approx(thresholds)
    area = trained.execute("select (ml.evaluate('cancer', %s) ->> 'roc_auc')::float8", [HELD]).fetchone()
    assert area is not None
    assert sklearn_metrics.auc(found[:, 0], found[:, 1]) == pytest.approx(area[0])


def test_precision_and_recall_of_one_class_of_three(trained: Session) -> None:
    truth, chances = chances_of(trained, "iris", "select * from iris", "kind", "versicolor")
    precision, recall, _ = sklearn_metrics.precision_recall_curve(truth, chances)
    found = trained.execute(
        "select precision, recall from ml.precision_recall_curve('iris', 'iris', class => 'versicolor')"
    ).fetchall()
    assert np.array(found) == pytest.approx(np.column_stack([precision, recall]))


def test_calibration_of_the_other_class_in_five_bins(trained: Session) -> None:
    truth, chances = chances_of(trained, "cancer", HELD, "malignant", "false")
    observed, predicted = calibration_curve(truth, chances, n_bins=5)
    found = trained.execute(
        "select observed, predicted, rows from ml.calibration_curve('cancer', %s, 'false', n_bins => 5)", [HELD]
    ).fetchall()
    assert [row[0] for row in found] == pytest.approx(observed)
    assert [row[1] for row in found] == pytest.approx(predicted)
    assert sum(row[2] for row in found) == len(truth)


def test_lift_of_the_first_rows(trained: Session) -> None:
    truth, chances = chances_of(trained, "cancer", HELD, "malignant", "true")
    found = trained.execute("select threshold, share, gain, lift from ml.lift_curve('cancer', %s)", [HELD]).fetchall()
    assert len(found) == len(np.unique(chances))
    for threshold, share, gain, lift in found:
        taken = chances >= threshold
        assert share == pytest.approx(taken.mean())
        assert gain == pytest.approx(truth[taken].sum() / truth.sum())
        assert lift == pytest.approx(truth[taken].mean() / truth.mean())


def test_the_best_threshold_is_the_cheapest_of_all(trained: Session) -> None:
    truth, chances = chances_of(trained, "cancer", HELD, "malignant", "true")
    found = trained.execute(
        """select threshold, cost, tp, fp, fn, tn from ml.thresholds('cancer', %s, costs => '{"fp": 1, "fn": 20}')
        where best""",
        [HELD],
    ).fetchall()
    [(threshold, cost, tp, fp, fn, tn)] = found
    taken = chances >= threshold
    assert (tn, fp, fn, tp) == tuple(sklearn_metrics.confusion_matrix(truth, taken).ravel().tolist())
    assert cost == fp + 20 * fn
    every = [((chances >= cut) & ~truth).sum() + 20 * ((chances < cut) & truth).sum() for cut in np.unique(chances)]
    assert cost == min(every)


def test_a_label_that_was_never_learned_is_of_no_class(trained: Session) -> None:
    rows = "select a, b, case when kind = 'setosa' then 'unheard' else kind end as kind from iris"
    counts = trained.execute(
        "select tp, fp, fn, tn from ml.thresholds('iris', %s, class => 'virginica') where threshold = 'Infinity'",
        [rows],
    ).fetchone()
    assert counts == (0, 0, 50, 100)


@pytest.mark.parametrize(
    ("call", "sqlstate"),
    [
        ("ml.roc_curve('size', 'cancer')", "ML020"),
        ("ml.lift_curve('svm', 'cancer')", "ML020"),
        ("ml.roc_curve('iris', 'iris')", "ML009"),
        ("ml.roc_curve('iris', 'iris', class => 'rose')", "ML009"),
        ("ml.roc_curve('iris', $$select * from iris where kind = 'setosa'$$, 'setosa')", "ML005"),
        ("ml.precision_recall_curve('iris', $$select * from iris where kind = 'setosa'$$, 'virginica')", "ML005"),
        ("ml.calibration_curve('cancer', 'cancer', n_bins => 0)", "ML009"),
        ("ml.calibration_curve('cancer', 'cancer', n_bins => null)", "ML009"),
        ("ml.calibration_curve('cancer', 'select * from cancer where false')", "ML005"),
        ("ml.thresholds('cancer', 'cancer', '{\"tq\": 1}')", "ML009"),
        ("ml.thresholds('cancer', 'cancer', '[1]')", "ML009"),
        ("ml.thresholds('cancer', 'cancer', '{\"fp\": \"1\"}')", "ML009"),
        ("ml.thresholds('cancer', 'cancer', version => '9.0.0')", "ML014"),
        ("ml.thresholds('cancer', 'cancer', target => 'a')", "ML009"),
        ("ml.roc_curve(null, 'cancer')", "ML009"),
        ("ml.roc_curve('cancer', null)", "ML009"),
    ],
)
def test_what_has_no_curve_says_why(trained: Session, call: str, sqlstate: str) -> None:
    with pytest.raises(psycopg.Error) as caught:
        trained.execute(f"select * from {call}".encode())
    assert caught.value.sqlstate == sqlstate
    assert caught.value.diag.message_hint


@pytest.fixture
def system(trained: Session) -> Iterator[MLSystem]:
    """A system of the client on a connection of its own."""
    info = trained.info
    with DatabaseConnection(DatabaseConfig(info.host, info.port, info.dbname, info.user, None)) as db:
        yield create_ml_system(db)


def test_the_client_draws_the_same_curves_of_rows_in_memory(system: MLSystem, trained: Session) -> None:
    rows = trained.execute("select a, b, malignant from cancer where held").fetchall()
    X, y = np.array([row[:2] for row in rows]), np.array([row[2] for row in rows])
    assert system.roc_curve("cancer", (X, y)) == system.roc_curve("cancer", HELD)
    assert len(system.precision_recall_curve("cancer", (X, y), class_name=False)) > 10
    assert sum(row["rows"] for row in system.calibration_curve("cancer", (X, y), n_bins=4)) == len(rows)
    assert system.lift_curve("cancer", HELD)[-1]["lift"] == pytest.approx(1.0)
    best = [row for row in system.thresholds("cancer", HELD, {"fn": 20}) if row["best"]]
    assert [row["cost"] for row in best] == [best[0]["fp"] + 20 * best[0]["fn"]]


def test_the_client_raises_what_the_server_says(system: MLSystem) -> None:
    with pytest.raises(errors.UnsupportedOperationError):
        system.roc_curve("size", "cancer")
    with pytest.raises(errors.InvalidArgumentError):
        system.thresholds("cancer", "cancer", {"fp": float("inf")})
