"""`ml.partial_dependence`, `ml.cluster_profile` and `ml.counterfactual`: a model looked at by changing its input."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import numpy as np
import psycopg
import pytest
from psycopg.types.json import Jsonb

SETUP = """
create table homes as
select i as id, 10 * sin(i * 0.7) as area, (i * 7 % 40)::integer as age, (array['x', 'y', 'z'])[1 + i % 3] as place,
    i % 2 = 0 as garden, date '2026-01-01' + i % 300 as built, array[sin(i), cos(i)] as v,
    10 * sin(i * 0.7) + case when i % 3 = 0 then 6 else 0 end - (i * 7 % 40) * 0.1 as price,
    sin(i * 0.7) + case when i % 3 = 0 then 0.5 else 0 end > 0.3 as dear
from generate_series(1, 600) as i
"""

MODELS = {
    "price": ("regression", "area, age, place, price", "price", "linear_regression"),
    "dear": ("classification", "area, age, place, garden, built, dear", "dear", "random_forest"),
    "near": ("classification", "area, age, dear", "dear", "knn"),
    "odd": ("anomaly", "area, age", None, "isolation_forest"),
    "groups": ("clustering", "area, age, place, garden", None, "kmeans"),
    "vectors": ("regression", "v, area, price", "price", "ridge"),
}


@pytest.fixture(scope="module")
def trained(module_db: psycopg.Connection[Any]) -> psycopg.Connection[Any]:
    module_db.execute(SETUP)
    for name, (model_type, columns, target, algorithm) in MODELS.items():
        few = {"n_clusters": 3} if algorithm == "kmeans" else {}
        module_db.execute(
            "select ml.train(%s, %s, %s, %s, algorithm => %s, hyperparameters => %s)",
            [name, model_type, f"select {columns} from homes", target, algorithm, json.dumps(few)],
        )
    return module_db


def listed(session: psycopg.Connection[Any], call: str) -> list[dict[str, Any]]:
    with session.cursor(row_factory=psycopg.rows.dict_row) as cursor:
        return cursor.execute(f"select * from {call}".encode()).fetchall()


def changed(session: psycopg.Connection[Any], call: str) -> Any:
    row = session.execute(f"select ml.counterfactual({call}) from homes h where id = 5".encode()).fetchone()
    assert row is not None
    return row[0]


def test_partial_dependence_is_the_mean_prediction_with_the_value_in_every_row(
    trained: psycopg.Connection[Any],
) -> None:
    for value in (0, 12.5):
        (found,) = listed(trained, f"ml.partial_dependence('dear', 'area', 'homes', '[{value}]', class => 'true')")
        row = trained.execute(
            "select avg((ml.predict_proba('dear', to_jsonb(h) || jsonb_build_object('area', %s::float8)))[2]) "
            "from homes h",
            [value],
        ).fetchone()
        assert row is not None
        assert found["average"] == pytest.approx(row[0], rel=1e-9)
        assert (found["class"], found["value"], found["rows"]) == ("true", str(value), 600)


def test_partial_dependence_is_that_of_scikit_learn(trained: psycopg.Connection[Any]) -> None:
    from sklearn.inspection import partial_dependence
    from sklearn.linear_model import LinearRegression

    trained.execute(
        """select ml.train('numbers', 'regression', 'select area, age, price from homes', 'price',
        algorithm => 'linear_regression', test_size => 0)"""
    )
    data = np.array(trained.execute("select area, age, price from homes order by id").fetchall(), dtype=float)
    estimator = LinearRegression().fit(data[:, :2], data[:, 2])
    expected = partial_dependence(estimator, data[:, :2], [0], custom_values={0: np.array([-5.0, 0.0, 7.5])})
    found = listed(trained, "ml.partial_dependence('numbers', 'area', 'homes', '[-5, 0, 7.5]')")
    assert [row["average"] for row in found] == pytest.approx(expected["average"][0].tolist(), rel=1e-9)


def test_a_grid_that_is_not_given_is_of_values_that_rows_have(trained: psycopg.Connection[Any]) -> None:
    found = listed(trained, "ml.partial_dependence('price', 'area', 'homes')")
    numbers = [float(row["value"]) for row in found]
    assert len(numbers) == 20
    assert numbers == sorted(numbers)
    assert -10 <= numbers[0] < numbers[-1] <= 10
    assert {row["value"] for row in listed(trained, "ml.partial_dependence('price', 'place', 'homes')")} == set("xyz")
    rows = listed(trained, "ml.partial_dependence('price', 'place', 'homes')")
    averages = sorted(float(row["average"]) for row in rows)
    assert averages[2] - averages[0] == pytest.approx(6, abs=0.5)
    gardens = listed(trained, "ml.partial_dependence('dear', 'garden', 'homes', class => 'true')")
    assert [row["value"] for row in gardens] == ["false", "true"]
    dates = listed(trained, "ml.partial_dependence('dear', 'built', 'homes', class => 'false')")
    assert [row["value"] for row in dates] == sorted(row["value"] for row in dates)
    assert str(dates[0]["value"]).startswith("2026-01")


def test_all_classes_are_told_and_their_chances_are_one(trained: psycopg.Connection[Any]) -> None:
    found = listed(trained, "ml.partial_dependence('near', 'age', 'homes', '[3, null]')")
    assert [(row["value"], row["class"]) for row in found] == [
        ("3", "false"),
        ("3", "true"),
        (None, "false"),
        (None, "true"),
    ]
    assert found[0]["average"] + found[1]["average"] == pytest.approx(1)
    assert len(listed(trained, "ml.partial_dependence('odd', 'age', 'homes')")) == 20


def test_clusters_are_described_by_means_and_shares(trained: psycopg.Connection[Any]) -> None:
    found = listed(trained, "ml.cluster_profile('groups', 'homes')")
    expected = {
        row[0]: row[1:]
        for row in trained.execute(
            """select ml.predict_value('groups', to_jsonb(h))::integer, count(*), avg(area), avg(age)::float8,
            avg(garden::integer)::float8, avg((place = 'x')::integer)::float8 from homes h group by 1"""
        ).fetchall()
    }
    assert {row["cluster"]: row["rows"] for row in found} == {cluster: one[0] for cluster, one in expected.items()}
    whole = trained.execute(
        """select avg(area), avg(age)::float8, avg(garden::integer)::float8, avg((place = 'x')::integer)::float8
        from homes"""
    ).fetchone()
    assert whole is not None
    for cluster, (_, *means) in expected.items():
        for (feature, level), mean, overall in zip(
            [("area", None), ("age", None), ("garden", None), ("place", "x")], means, whole, strict=True
        ):
            (row,) = [
                row for row in found if (row["cluster"], row["feature"], row["level"]) == (cluster, feature, level)
            ]
            assert row["value"] == pytest.approx(mean, abs=1e-12)
            assert row["overall"] == pytest.approx(overall, abs=1e-12)


def test_a_change_makes_the_model_answer_what_is_wanted(trained: psycopg.Connection[Any]) -> None:
    for number in range(1, 25):
        row = trained.execute(
            """select p, ml.counterfactual('dear', to_jsonb(h), (not p)::text, vary => array['area', 'place'])
            from homes h, lateral (select ml.predict_label('dear', to_jsonb(h))::boolean as p) l where id = %s""",
            [number],
        ).fetchone()
        assert row is not None
        before, change = row
        assert change
        assert set(change) <= {"area", "place"}
        after = trained.execute(
            "select ml.predict_label('dear', to_jsonb(h) || %s) from homes h where id = %s",
            [Jsonb(change), number],
        ).fetchone()
        assert after == (str(not before).lower(),)


def test_the_change_of_a_number_is_the_smallest_that_does(trained: psycopg.Connection[Any]) -> None:
    change = changed(trained, "'price', to_jsonb(h), '>= 4', vary => array['area']")
    row = trained.execute("select ml.predict_value('price', to_jsonb(h)), area from homes h where id = 5").fetchone()
    slope = trained.execute("select coefficient from ml.coefficients('price') where term = 'area'").fetchone()
    assert row is not None
    assert slope is not None
    exact = row[1] + (4 - row[0]) / slope[0]
    assert exact <= change["area"] <= exact + 0.02 * abs(exact - row[1])
    whole = changed(trained, "'price', to_jsonb(h), '< -8', vary => array['area', 'age']")
    assert isinstance(whole.get("age", 0), int)


def test_a_row_that_is_answered_so_needs_no_change_and_where_none_does_there_is_none(
    trained: psycopg.Connection[Any],
) -> None:
    assert changed(trained, "'price', to_jsonb(h), '> -1000'") == {}
    assert changed(trained, "'price', to_jsonb(h), '> 1e6'") is None
    assert changed(trained, "'price', null, '> 1'") is None
    for wanted in ("true", "false"):
        change = changed(trained, f"'odd', to_jsonb(h), '{wanted}'")
        assert isinstance(change, dict)
        row = trained.execute(
            "select ml.predict_label('odd', to_jsonb(h) || %s) from homes h where id = 5", [Jsonb(change)]
        ).fetchone()
        assert row == (wanted,)


def test_a_search_answers_a_cancel(trained: psycopg.Connection[Any]) -> None:
    """Neighbours among many rows, and an answer that no change gives."""
    trained.execute(
        """create table many as select i, sin(i) as a, cos(i) as b, sin(i * 2) as c, cos(i * 3) as d, sin(i) as y
        from generate_series(1, 40000) as i"""
    )
    trained.execute(
        "select ml.train('slow', 'regression', 'select a, b, c, d, y from many', 'y', algorithm => 'knn', "
        "execution => '{\"importance\": false}')"
    )
    trained.execute("select ml.predict_value('slow', array[0, 0, 0, 0])")
    asked: list[float] = []

    def cancel() -> None:
        time.sleep(0.5)
        asked.append(time.monotonic())
        trained.cancel()

    thread = threading.Thread(target=cancel)
    thread.start()
    with pytest.raises(psycopg.errors.QueryCanceled):
        trained.execute(
            """select ml.counterfactual('slow', '{"a": 0, "b": 0, "c": 0, "d": 0}', '> 1000')
            from generate_series(1, 100)"""
        )
    ended = time.monotonic()
    thread.join()
    assert ended - asked[0] < 1.0


@pytest.mark.parametrize(
    ("call", "sqlstate", "part"),
    [
        ("ml.partial_dependence('price', 'nothing', 'homes')", "ML009", "no feature"),
        ("ml.partial_dependence('price', null, 'homes')", "ML009", "feature must not be NULL"),
        ("ml.partial_dependence('price', 'area', null)", "ML009", "input_data must not be NULL"),
        ("ml.partial_dependence('price', 'area', 'homes', '[]')", "ML009", "grid must be an array"),
        ("ml.partial_dependence('price', 'area', 'homes', '7')", "ML009", "grid must be an array"),
        ("ml.partial_dependence('price', 'area', 'homes', '[\"wide\"]')", "ML011", "area"),
        ("ml.partial_dependence('price', 'area', 'homes', class => 'true')", "ML009", "class must be NULL"),
        ("ml.partial_dependence('dear', 'area', 'homes', class => 'perhaps')", "ML009", "class must be one of"),
        ("ml.partial_dependence('price', 'area', 'select * from homes limit 0')", "ML005", "no rows"),
        ("ml.partial_dependence('price', 'area', 'select area from homes')", "ML011", "lacks the features"),
        ("ml.partial_dependence('groups', 'area', 'homes')", "ML020", "no score"),
        ("ml.partial_dependence('vectors', 'v', 'homes')", "ML009", "grid must be given"),
        ("ml.cluster_profile('price', 'homes')", "ML020", "makes no clusters"),
        ("ml.cluster_profile('groups', 'select * from homes limit 0')", "ML005", "no rows"),
        ("ml.cluster_profile('groups', null)", "ML009", "input_data must not be NULL"),
        ("ml.counterfactual('dear', '{}', 'true')", "ML011", "lacks the features"),
        ("ml.counterfactual('dear', '{}', null)", "ML009", "wanted must not be NULL"),
        ("ml.counterfactual('dear', '{}', 'perhaps')", "ML009", "wanted must be one of"),
        ("ml.counterfactual('price', '{}', 'high')", "ML009", "wanted must be a bound"),
        ("ml.counterfactual('price', '{}', '> 1.2.3')", "ML009", "wanted must be a bound"),
        ("ml.counterfactual('odd', '{}', 'perhaps')", "ML009", "wanted must be 'true'"),
        ("ml.counterfactual('groups', '{}', '1')", "ML020", "no answer that could be wanted"),
        ("ml.counterfactual('price', '{}', '> 1', array['nothing'])", "ML009", "no feature"),
        ("ml.counterfactual('price', '{}', '> 1', array[null::text])", "ML009", "no feature"),
        ("ml.counterfactual('price', '{}', '> 1', '{}')", "ML009", "vary must name"),
        ("ml.counterfactual('vectors', '{}', '> 1', array['v'])", "ML009", "vary must name features"),
    ],
)
def test_what_cannot_be_answered_says_why(
    trained: psycopg.Connection[Any], call: str, sqlstate: str, part: str
) -> None:
    with pytest.raises(psycopg.Error) as caught:
        listed(trained, call)
    assert caught.value.sqlstate == sqlstate
    assert part in str(caught.value.diag.message_primary)
    assert caught.value.diag.message_hint


def test_mean_sizes_of_contributions_stand_beside_importances(trained: psycopg.Connection[Any]) -> None:
    found = {row["feature"]: row for row in listed(trained, "ml.importance('dear', 'select * from homes order by id')")}
    expected = trained.execute(
        """select feature, avg(abs(attribution)) from ml.explain_batch('dear', 'select * from homes order by id')
        group by feature"""
    ).fetchall()
    assert {name: row["mean_abs_attribution"] for name, row in found.items()} == pytest.approx(
        dict(expected), rel=1e-9, abs=1e-15
    )
    assert {row["mean_abs_attribution"] for row in listed(trained, "ml.importance('near', 'homes')")} == {None}
    assert {row["mean_abs_attribution"] for row in listed(trained, "ml.importance('dear')")} == {None}
