"""`ml.importance`: what a model's scores lose without a feature, at training and on rows of today."""

from __future__ import annotations

from typing import Any

import numpy as np
import psycopg
import pytest

SETUP = """
create table houses as
select i as id, 10 * sin(i * 0.7) as area, cos(i * 3) as noise, (array['x', 'y', 'z'])[1 + i % 3] as place,
    10 * sin(i * 0.7) + case when i % 3 = 0 then 6 else 0 end + 0.1 * sin(i * i) as price,
    sin(i * 0.7) + case when i % 3 = 0 then 0.5 else 0 end > 0.3 as dear
from generate_series(1, 900) as i
"""


@pytest.fixture(scope="module")
def trained(module_db: psycopg.Connection[Any]) -> psycopg.Connection[Any]:
    module_db.execute(SETUP)
    for name, model_type, target, algorithm in (
        ("price", "regression", "price", "linear_regression"),
        ("dear", "classification", "dear", "random_forest"),
        ("near", "classification", "dear", "knn"),
        ("far", "regression", "price", "knn"),
    ):
        module_db.execute(
            "select ml.train(%s, %s, %s, %s, algorithm => %s)",
            [name, model_type, f"select area, noise, place, {target} from houses", target, algorithm],
        )
    return module_db


def listed(session: psycopg.Connection[Any], call: str) -> list[dict[str, Any]]:
    with session.cursor(row_factory=psycopg.rows.dict_row) as cursor:
        return cursor.execute(f"select * from ml.importance({call})".encode()).fetchall()


@pytest.mark.parametrize(
    ("name", "metric"), [("price", "r2"), ("dear", "accuracy"), ("near", "accuracy"), ("far", "r2")]
)
def test_training_measures_what_features_add_on_rows_held_out(
    trained: psycopg.Connection[Any], name: str, metric: str
) -> None:
    rows = listed(trained, f"'{name}'")
    assert [row["rank"] for row in rows] == [1, 2, 3]
    assert rows[0]["feature"] == "area"
    assert {row["metric"] for row in rows} == {metric}
    assert {row["rows"] for row in rows} <= set(range(30, 226))
    sizes = {row["feature"]: row["importance"] for row in rows}
    assert sizes["area"] > 0.2
    assert abs(sizes["noise"]) < 0.1
    info = trained.execute("select ml.get_model_info(%s) -> 'runtime' -> 'importance' ->> 'metric'", [name]).fetchone()
    assert info == (metric,)


def test_importances_on_given_rows_are_those_of_scikit_learn(trained: psycopg.Connection[Any]) -> None:
    """Its own function, on the same rows and an estimator that predicts by the same coefficients."""
    from sklearn.inspection import permutation_importance
    from sklearn.linear_model import LinearRegression

    trained.execute(
        """select ml.train('numbers', 'regression', 'select area, noise, price from houses', 'price',
        algorithm => 'linear_regression', test_size => 0)"""
    )
    found = {row["feature"]: row for row in listed(trained, "'numbers', 'select * from houses'")}
    data = np.array(trained.execute("select area, noise, price from houses order by id").fetchall(), dtype=float)
    estimator = LinearRegression().fit(data[:, :2], data[:, 2])
    expected = permutation_importance(estimator, data[:, :2], data[:, 2], n_repeats=50, random_state=1)
    assert found["area"]["importance"] == pytest.approx(
        expected.importances_mean[0], abs=4 * expected.importances_std[0]
    )
    assert found["noise"]["importance"] == pytest.approx(
        expected.importances_mean[1], abs=4 * expected.importances_std[1] + 1e-4
    )
    assert found["area"]["rows"] == 900


def test_rows_of_today_may_name_another_target(trained: psycopg.Connection[Any]) -> None:
    rows = listed(trained, "'dear', 'select area, noise, place, dear as seen from houses', target => 'seen'")
    assert rows[0]["feature"] == "area"
    again = listed(trained, "'dear', 'select area, noise, place, dear as seen from houses', target => 'seen'")
    assert rows == again


def test_a_model_per_group_is_measured_on_given_rows(trained: psycopg.Connection[Any]) -> None:
    trained.execute(
        """select ml.train('by place', 'regression', 'select area, noise, place, price from houses', 'price',
        algorithm => 'linear_regression', group_by => 'place')"""
    )
    rows = listed(trained, "'by place', 'houses'")
    assert [row["feature"] for row in rows] == ["area", "noise"]
    assert rows[0]["importance"] > 1
    with pytest.raises(psycopg.Error, match="model per group") as caught:
        listed(trained, "'by place'")
    assert caught.value.sqlstate == "ML020"


def test_turned_off_nothing_is_measured(trained: psycopg.Connection[Any]) -> None:
    trained.execute(
        """select ml.train('off', 'regression', 'select area, noise, price from houses', 'price', algorithm => 'ridge',
        execution => '{"importance": false}')"""
    )
    with pytest.raises(psycopg.Error, match="without importances") as caught:
        listed(trained, "'off'")
    assert caught.value.sqlstate == "ML020"
    assert "input_data" in str(caught.value.diag.message_hint)
    assert listed(trained, "'off', 'houses'")[0]["feature"] == "area"


@pytest.mark.parametrize(
    ("call", "sqlstate", "part"),
    [
        ("'price', 'select * from houses limit 20'", "ML005", "importances need 30"),
        ("'price', 'select area from houses'", "ML011", "lacks the features"),
        ("'price', 'houses', target => 'nothing'", "ML003", "nothing"),
        ("'price', target => 'price'", "ML009", "target must be NULL"),
        ("'clusters', 'houses'", "ML020", "no score"),
    ],
)
def test_what_cannot_be_measured_says_why(
    trained: psycopg.Connection[Any], call: str, sqlstate: str, part: str
) -> None:
    if "clusters" in call:
        trained.execute("select ml.train('clusters', 'clustering', 'select area from houses', algorithm => 'kmeans')")
    with pytest.raises(psycopg.Error) as caught:
        listed(trained, call)
    assert caught.value.sqlstate == sqlstate
    assert part in str(caught.value.diag.message_primary)


def test_a_switch_is_true_or_false(trained: psycopg.Connection[Any]) -> None:
    with pytest.raises(psycopg.Error, match="importance must be true or false") as caught:
        trained.execute(
            """select ml.train('switch', 'regression', 'select area, price from houses', 'price',
            execution => '{"importance": "no"}')"""
        )
    assert caught.value.sqlstate == "ML009"
