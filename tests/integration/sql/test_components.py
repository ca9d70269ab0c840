"""Decomposition and anomaly detection in their own words."""

from __future__ import annotations

from typing import Any

import numpy as np
import psycopg
import pytest
from sklearn.decomposition import PCA

Session = psycopg.Connection[Any]


@pytest.fixture(scope="module")
def rows(module_db: Session) -> Session:
    module_db.execute(
        "create table points as select i as id, sin(i) as a, sin(i) * 2 + cos(i * 7) * 0.1 as b, cos(i * 3) as c, "
        "(array['x', 'y'])[1 + i % 2] as kind from generate_series(1, 400) as i"
    )
    module_db.execute("set client_min_messages = warning")
    for algorithm in ("PCA", "TruncatedSVD", "NMF", "FastICA", "KernelPCA", "FactorAnalysis"):
        module_db.execute(
            "select ml.train(%s, 'decomposition', 'points', features => array['a', 'b', 'c'], algorithm => %s, "
            "hyperparameters => '{\"n_components\": 2}')",
            [algorithm, algorithm],
        )
    module_db.execute("select ml.train('odd', 'anomaly', 'points', features => array['a', 'b', 'c'])")
    return module_db


def one(session: Session, query: str, *values: Any) -> Any:
    row = session.execute(query.encode(), values).fetchone()
    assert row
    return row[0]


def test_the_info_lists_components_with_what_they_explain(rows: Session) -> None:
    info = one(rows, "select ml.get_model_info('PCA')")
    points = np.array(rows.execute("select a, b, c from points order by id").fetchall(), dtype=np.float64)
    pca = PCA(2).fit((points - points.mean(0)) / points.std(0))
    assert [component["component"] for component in info["components"]] == [1, 2]
    for component, ratio, weights in zip(
        info["components"], pca.explained_variance_ratio_, pca.components_, strict=True
    ):
        assert component["explained_variance_ratio"] == pytest.approx(ratio, rel=1e-6)
        found = {loading["feature"]: abs(loading["loading"]) for loading in component["loadings"]}
        assert found == pytest.approx(dict(zip("abc", np.abs(weights), strict=True)), abs=1e-6)
    assert "components" not in info["runtime"]


@pytest.mark.parametrize("algorithm", ["TruncatedSVD", "NMF", "FastICA", "KernelPCA", "FactorAnalysis"])
def test_each_algorithm_says_what_it_knows(rows: Session, algorithm: str) -> None:
    found = one(rows, "select ml.get_model_info(%s) -> 'components'", algorithm)
    assert len(found) == 2
    assert ("loadings" in found[0]) == (algorithm != "KernelPCA")


def test_components_come_as_numbers(rows: Session) -> None:
    listed = one(rows, "select ml.predict('PCA', to_jsonb(p)) -> 'prediction' from points p where id = 7")
    typed = one(rows, "select probabilities from ml.predict_batch('PCA', 'points', 'id') where id = '7'")
    assert typed == pytest.approx(listed)


@pytest.mark.parametrize("function", ["predict_value", "predict_label", "predict_proba"])
def test_hints_name_a_call_that_works(rows: Session, function: str) -> None:
    with pytest.raises(psycopg.Error) as raised:
        rows.execute(f"select ml.{function}('PCA', to_jsonb(p)) from points p limit 1".encode())
    assert raised.value.sqlstate == "ML020"
    assert "ml.predict," in str(raised.value.diag.message_hint)
    with pytest.raises(psycopg.Error) as raised:
        rows.execute("select ml.predict_proba('odd', to_jsonb(p)) from points p limit 1")
    assert "ml.predict_value" in str(raised.value.diag.message_hint)


def test_an_outlier_has_a_score_below_zero(rows: Session) -> None:
    rows.execute("create temp table far as select 50.0::float8 as a, -50.0::float8 as b, 9.0::float8 as c")
    answer = one(rows, "select ml.predict('odd', to_jsonb(f)) from far f")
    assert answer["prediction"] is True
    assert answer["score"] < 0
    assert answer["score"] == one(rows, "select ml.predict_value('odd', to_jsonb(f)) from far f")
    assert answer["score"] == pytest.approx(one(rows, "select value from ml.predict_batch('odd', 'far')"))
    told = one(rows, "select ml.get_model_info('odd') -> 'anomaly_score'")
    assert "lower" in told["meaning"]
    assert answer["score"] <= told["training_rows"]["lowest"]
