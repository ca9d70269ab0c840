"""`ml.train(group_by => ...)`: a model per group, trained, stored and asked as one."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import psycopg
import pytest
from sklearn.linear_model import Ridge

Session = psycopg.Connection[Any]

SETUP = """
create table sales as
select i as id, 'store ' || i % 40 as "Store", i % 40 as number, (i * 37 % 101) / 10.0 as price,
    i % 3 = 0 as promo, (i % 40) * 10.0 - (i % 40) * (i * 37 % 101) / 10.0 + (i % 3 = 0)::int * 5 as units,
    case when (i * 37 % 101) > 20 + i % 40 then 'low' else 'high' end as demand
from generate_series(1, 4000) as i;
insert into sales values
    (5001, 'lonely', 90, 1, true, 3, 'low'),
    (5002, 'uniform', 91, 1, true, 3, 'low'), (5003, 'uniform', 91, 2, false, 4, 'low'),
    (5004, 'uniform', 91, 3, true, 5, 'low'), (5005, null, null, 1, true, 3, 'low')
"""


@pytest.fixture(scope="module")
def sales(module_db: Session) -> Session:
    for statement in SETUP.split(";\n"):
        module_db.execute(statement.encode())
    module_db.execute("set client_min_messages = error")
    train(module_db, "units", "regression", "units", "ridge", "Store")
    train(module_db, "demand", "classification", "demand", "logistic_regression", "Store")
    return module_db


def train(session: Session, model: str, kind: str, target: str, algorithm: str, group: str, **more: Any) -> Any:
    row = session.execute(
        "select metrics from ml.train(%s, %s, 'sales', %s, array['price', 'promo'], %s, group_by => %s)",
        [model, kind, target, algorithm, group],
    ).fetchone()
    assert row
    return row[0]


def one(session: Session, query: str, *arguments: Any) -> Any:
    row = session.execute(query.encode(), arguments).fetchone()
    assert row
    return row[0]


def test_each_group_has_the_model_that_its_own_rows_make(sales: Session) -> None:
    rows = sales.execute(
        "select price::float8, promo::int, units::float8 from sales where \"Store\" = 'store 7' order by id"
    ).fetchall()
    info = one(sales, "select ml.get_model_info('units')")
    assert info["runtime"]["groups"] == 41
    x, y = np.array([row[:2] for row in rows]), np.array([row[2] for row in rows])
    own = Ridge().fit((x - x.mean(0)) / x.std(0), y).predict((x - x.mean(0)) / x.std(0))
    found = sales.execute(
        "select value from ml.predict_batch('units', 'select * from sales where \"Store\" = ''store 7'' order by id')"
    ).fetchall()
    # all rows of every group, not the 80 in 100 that the stored models learned from
    assert np.abs(np.array(found)[:, 0] - own).max() < 2.0
    assert np.abs(np.array(found)[:, 0] - y).mean() < 2.0


def test_groups_that_fail_are_reported_and_the_rest_stand(db: Session) -> None:
    for statement in SETUP.split(";\n"):
        db.execute(statement.encode())
    said: list[str] = []
    db.add_notice_handler(lambda notice: said.append(f"{notice.severity}: {notice.message_primary}"))
    metrics = train(db, "demand", "classification", "demand", "logistic_regression", "Store")
    assert (metrics["groups"], metrics["groups_failed"]) == (40, 2)
    warning = next(text for text in said if text.startswith("WARNING"))
    assert warning == (
        "WARNING: 2 of 42 groups have no model: 'lonely' (it has one row only), "
        "'uniform' (its target has one class only)"
    )
    assert "NOTICE: 1 rows with a NULL 'Store' belong to no group and were left out" in said
    assert one(db, "select ml.get_model_info('demand') -> 'runtime' -> 'failed_groups'") == {
        "lonely": "it has one row only",
        "uniform": "its target has one class only",
    }


@pytest.mark.parametrize("store", ["lonely", "uniform", "nowhere", None])
def test_a_row_of_a_group_without_a_model_has_no_prediction(sales: Session, store: str | None) -> None:
    row = json.dumps({"price": 1, "promo": True, "Store": store})
    answer = one(sales, "select ml.predict('demand', %s::jsonb)", row)
    assert answer["prediction"] is answer["probabilities"] is answer["confidence"] is None
    found = sales.execute(
        "select ml.predict_label('demand', %(row)s::jsonb), ml.predict_proba('demand', %(row)s::jsonb)", {"row": row}
    ).fetchone()
    assert found == (None, None)
    batch = sales.execute(
        "select prediction, value, confidence, probabilities from ml.predict_batch('demand', %s)",
        [f'select 1 as price, true as promo, {"null" if store is None else repr(store)}::text as "Store"'],
    ).fetchall()
    assert batch == [(None, None, None, None)]


def test_rows_and_tables_agree_in_every_column(sales: Session) -> None:
    query = "select * from sales order by id desc limit 300"
    batch = sales.execute(
        "select prediction, confidence, probabilities from ml.predict_batch('demand', %s)", [query]
    ).fetchall()
    single = sales.execute(
        "select ml.predict_label('demand', to_jsonb(s)), (ml.predict('demand', to_jsonb(s)) ->> 'confidence')::float8, "
        f"ml.predict_proba('demand', to_jsonb(s)) from ({query}) as s"
    ).fetchall()
    assert [row[0] for row in batch] == [row[0] for row in single]
    for (_, sure, chances), (_, sure_single, chances_single) in zip(batch, single, strict=True):
        assert (sure is None) == (sure_single is None)
        if sure is not None:
            assert sure == pytest.approx(sure_single, abs=1e-12)
            assert chances == pytest.approx(chances_single, abs=1e-12)
    values = sales.execute("select value from ml.predict_batch('units', %s)", [query]).fetchall()
    single_values = sales.execute(f"select ml.predict_value('units', to_jsonb(s)) from ({query}) as s").fetchall()
    assert [value for (value,) in values if value is None] == [value for (value,) in single_values if value is None]
    assert [v for (v,) in values if v is not None] == pytest.approx([v for (v,) in single_values if v is not None])


def test_a_class_that_a_group_lacks_has_probability_zero(db: Session) -> None:
    db.execute(
        "create table parts as select i % 2 as side, i % 7 as x, "
        "case when i % 2 = 0 then (array['a', 'b'])[1 + (i % 7 > 3)::int] "
        "else (array['b', 'c'])[1 + (i % 7 > 3)::int] end as y from generate_series(1, 400) as i"
    )
    db.execute("select ml.train('parts', 'classification', 'parts', 'y', algorithm => 'tree', group_by => 'side')")
    found = dict(
        db.execute(
            "select side, ml.predict_proba('parts', jsonb_build_object('side', side, 'x', 6)) "
            "from generate_series(0, 1) as side"
        ).fetchall()
    )
    assert found == {0: [0.0, 1.0, 0.0], 1: [0.0, 0.0, 1.0]}


@pytest.mark.parametrize("algorithm", ["random_forest", "hist_gradient_boosting", "KNeighborsRegressor"])
def test_groups_of_every_runtime(sales: Session, algorithm: str) -> None:
    metrics = train(sales, algorithm, "regression", "units", algorithm, "number")
    # two rows are not enough for five neighbours
    assert metrics["groups"] == (40 if algorithm.startswith("KNeighbors") else 41)
    assert metrics["r2"] > 0.7
    query = "select * from sales where number < 90 order by id limit 200"
    batch = sales.execute("select value from ml.predict_batch(%s, %s)", [algorithm, query]).fetchall()
    single = sales.execute(f"select ml.predict_value(%s, to_jsonb(s)) from ({query}) as s", [algorithm]).fetchall()
    assert np.allclose(np.array(batch, float), np.array(single, float))


def test_an_anomaly_model_per_group(sales: Session) -> None:
    sales.execute(
        "select ml.train('odd', 'anomaly', 'sales', features => array['price', 'units'], group_by => 'Store')"
    )
    strange = one(sales, 'select ml.predict_label(\'odd\', \'{"price": 90, "units": -9000, "Store": "store 3"}\')')
    usual = one(sales, 'select ml.predict_label(\'odd\', \'{"price": 5, "units": 15, "Store": "store 3"}\')')
    assert (strange, usual) == ("true", "false")


@pytest.mark.parametrize(
    ("arguments", "sqlstate", "message"),
    [
        ("'regression', 'sales', 'units', group_by => 'shop'", "ML003", "shop"),
        ("'regression', 'sales', 'units', group_by => 'units'", "ML009", "is the target"),
        ("'regression', 'sales', 'units', array['Store', 'price'], group_by => 'Store'", "ML009", "'Store'"),
        ("'clustering', 'sales', group_by => 'Store'", "ML020", "model_type 'clustering'"),
        ("'regression', 'sales', 'units', group_by => 'Store', cv => 3", "ML020", "cv"),
        (
            "'regression', 'sales', 'units', algorithm => 'SGDRegressor', group_by => 'Store', "
            'execution => \'{"mode": "stream"}\'',
            "ML020",
            "stream",
        ),
        ("'regression', 'select * from sales where number is null', 'units', group_by => 'Store'", "ML005", ""),
        ("'regression', 'sales', 'units', array['price'], group_by => 'id'", "ML015", "none of the"),
    ],
)
def test_what_a_group_cannot_be(sales: Session, arguments: str, sqlstate: str, message: str) -> None:
    with pytest.raises(psycopg.Error) as caught:
        sales.execute(f"select ml.train('refused', {arguments})".encode())
    assert caught.value.sqlstate == sqlstate
    assert message in str(caught.value.diag.message_primary)
    assert caught.value.diag.message_hint
    assert one(sales, "select count(*) from ml.models where model_id = 'refused'") == 0


def test_a_damaged_index_is_refused(sales: Session) -> None:
    sales.execute(
        "update ml.artifact set data = set_byte(data, 3, 255) where kind = 'grouped' and version_id = "
        "(select deployed_version_id from ml.model where model_id = 'odd')"
    )
    sales.execute("select ml.cache_clear()")
    with pytest.raises(psycopg.Error) as caught:
        sales.execute('select ml.predict_label(\'odd\', \'{"price": 5, "units": 15, "Store": "store 3"}\')')
    assert caught.value.sqlstate == "ML018"
