"""`ml.explain` and `ml.explain_batch`: what each feature adds, which adds up to what the model says."""

from __future__ import annotations

import json
import math
from itertools import combinations
from typing import Any

import numpy as np
import psycopg
import pytest

SETUP = """
create table trips as
select i as id, 10 * sin(i * 0.7) as a, (cos(i * 3) * 4)::numeric(6, 2) as b, (array['x', 'y', null])[1 + i % 3] as c,
    timestamp '2026-01-01' + i * interval '7 hours' as at, array[sin(i), cos(i * 1.3)] as v,
    (array['late and slow', 'on time', 'late again', 'quick ride'])[1 + i % 4] || ' ' || (i % 7) as note,
    i % 5 = 0 as holiday, (array['east', 'west'])[1 + i % 2] as region,
    (array['low', 'middle', 'high'])[1 + (abs(sin(i * 0.7)) * 2.9)::integer % 3] as level,
    sin(i * 0.7) + cos(i * 3) * 0.4 + case when i % 3 = 0 then 1 else 0 end > 0.4 as flag,
    abs(2 * sin(i * 0.7) - cos(i * 3) + sin(i * i) * 0.2 + 4)::float8 as y
from generate_series(1, 600) as i
"""

COLUMNS = {
    "flag": "a, b, c, at, v, holiday, flag",
    "level": "a, b, c, at, v, holiday, level",
    "y": "a, b, c, at, v, holiday, y",
    None: "a, b, holiday",
}

MODELS: dict[str, tuple[str, str | None, str, str, str]] = {
    "linear": ("regression", "y", "linear_regression", "exact", "value"),
    "poisson": ("regression", "y", "PoissonRegressor", "exact", "log of value"),
    "logistic": ("classification", "flag", "logistic_regression", "exact", "log-odds"),
    "multinomial": ("classification", "level", "logistic_regression", "exact", "log-odds"),
    "tree": ("classification", "flag", "decision_tree", "exact", "probability"),
    "tree of three": ("classification", "level", "decision_tree", "exact", "probability"),
    "forest": ("classification", "flag", "random_forest", "exact", "probability"),
    "forest of three": ("classification", "level", "random_forest", "exact", "probability"),
    "forest of values": ("regression", "y", "random_forest", "exact", "value"),
    "extra trees": ("regression", "y", "extra_trees", "exact", "value"),
    "boosting": ("classification", "flag", "gradient_boosting", "exact", "log-odds"),
    "boosting of three": ("classification", "level", "gradient_boosting", "exact", "log-odds"),
    "histogram": ("classification", "flag", "hist_gradient_boosting", "exact", "log-odds"),
    "histogram of values": ("regression", "y", "hist_gradient_boosting", "exact", "value"),
    "xgboost": ("classification", "flag", "xgboost", "exact", "log-odds"),
    "lightgbm": ("regression", "y", "lightgbm", "exact", "value"),
    "isolation": ("anomaly", None, "isolation_forest", "exact", "path length"),
    "neighbours": ("classification", "flag", "knn", "sampled", "probability"),
    "bayes": ("classification", "level", "naive_bayes", "sampled", "probability"),
    "machine": ("regression", "y", "SVR", "sampled", "value"),
}
"""By name: model type, target, algorithm, and the method and unit of its explanations."""

ROW = "select to_jsonb(t) from trips t where id = %s"


def has(algorithm: str) -> bool:
    try:
        __import__(algorithm)
    except ImportError:
        return False
    return True


@pytest.fixture(scope="module")
def trained(module_db: psycopg.Connection[Any]) -> psycopg.Connection[Any]:
    module_db.execute(SETUP)
    return module_db


def train(session: psycopg.Connection[Any], name: str) -> None:
    """Train a model of `MODELS`, once."""
    model_type, target, algorithm, _, _ = MODELS[name]
    if algorithm in ("xgboost", "lightgbm") and not has(algorithm):
        pytest.skip(f"{algorithm} is not installed")
    if session.execute("select from ml.list_models() where model_id = %s", [name]).fetchone() is None:
        few = {"n_estimators": 12} if "forest" in algorithm or "trees" in algorithm or "boosting" in algorithm else {}
        few = {} if algorithm == "hist_gradient_boosting" else few
        session.execute(
            "select ml.train(%s, %s, %s, %s, algorithm => %s, hyperparameters => %s)",
            [name, model_type, f"select {COLUMNS[target]} from trips", target, algorithm, json.dumps(few)],
        )


def explain(session: psycopg.Connection[Any], name: str, number: int, **more: Any) -> list[dict[str, Any]]:
    named = "".join(f", {key} => %({key})s" for key in more)
    with session.cursor(row_factory=psycopg.rows.dict_row) as cursor:
        cursor.execute(
            f"select e.* from trips t, ml.explain(%(name)s, to_jsonb(t){named}) e where t.id = %(id)s".encode(),
            {"name": name, "id": number, **more},
        )
        return cursor.fetchall()


def batch(session: psycopg.Connection[Any], name: str, rows: str, **more: Any) -> list[dict[str, Any]]:
    named = "".join(f", {key} => %({key})s" for key in more)
    with session.cursor(row_factory=psycopg.rows.dict_row) as cursor:
        cursor.execute(
            f"select * from ml.explain_batch(%(name)s, %(rows)s{named})".encode(), {"name": name, "rows": rows, **more}
        )
        return cursor.fetchall()


def said(session: psycopg.Connection[Any], name: str, number: int, label: str | None, unit: str) -> float | None:
    """Return what the model itself says, in the unit of the explanation; None where it has no such number."""
    row = session.execute("select ml.predict(%s, to_jsonb(t)) from trips t where id = %s", [name, number]).fetchone()
    assert row is not None
    answer = row[0]
    if unit == "value":
        return float(answer["prediction"])
    if unit == "log of value":
        return math.log(answer["prediction"])
    if unit == "path length":
        # the score is -2 ** -length - offset, and the offset -0.5
        return -math.log2(0.5 - answer["score"])
    chance = answer["probabilities"][label]
    if unit == "probability":
        return float(chance)
    return math.log(chance / (1 - chance)) if len(answer["probabilities"]) == 2 else None


@pytest.mark.parametrize("name", MODELS)
def test_base_and_contributions_add_up_to_the_score(trained: psycopg.Connection[Any], name: str) -> None:
    train(trained, name)
    _, target, _, method, unit = MODELS[name]
    names = [part.strip() for part in COLUMNS[target].split(",") if part.strip() != target]
    for number in (3, 77):
        rows = explain(trained, name, number)
        assert {(row["method"], row["unit"]) for row in rows} == {(method, unit)}
        assert [row["rank"] for row in rows] == list(range(len(names) + 1))
        assert sorted(row["feature"] for row in rows[1:]) == sorted(names)
        assert rows[0]["feature"] is None
        sizes = [abs(row["attribution"]) for row in rows[1:]]
        assert sizes == sorted(sizes, reverse=True)
        assert sizes[0] > 0
        total = sum(row["attribution"] for row in rows)
        expected = said(trained, name, number, rows[0]["class"], unit)
        if expected is not None:
            assert total == pytest.approx(expected, rel=1e-6, abs=1e-9)
        if method == "sampled":
            assert all(row["std_error"] >= 0 for row in rows)
            assert max(row["std_error"] for row in rows[1:]) > 0
        else:
            assert all(row["std_error"] is None for row in rows)


@pytest.mark.parametrize("name", ["multinomial", "boosting of three"])
def test_log_odds_of_several_classes_are_those_between_them(trained: psycopg.Connection[Any], name: str) -> None:
    train(trained, name)
    totals = {
        label: sum(row["attribution"] for row in explain(trained, name, 77, **{"class": label}))
        for label in ("low", "middle", "high")
    }
    row = trained.execute("select ml.predict(%s, to_jsonb(t)) from trips t where id = 77", [name]).fetchone()
    assert row is not None
    chances = row[0]["probabilities"]
    expected = math.log(chances["high"] / chances["low"])
    assert totals["high"] - totals["low"] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("name", ["forest", "boosting", "neighbours", "logistic"])
def test_the_other_class_is_explained_by_the_opposite(trained: psycopg.Connection[Any], name: str) -> None:
    train(trained, name)
    yes = {row["feature"]: row["attribution"] for row in explain(trained, name, 5, **{"class": "true"})}
    no = {row["feature"]: row["attribution"] for row in explain(trained, name, 5, **{"class": "false"})}
    whole = 1.0 if MODELS[name][4] == "probability" else 0.0
    assert yes.pop(None) + no.pop(None) == pytest.approx(whole, abs=1e-9)
    for feature, part in yes.items():
        assert part == pytest.approx(-no[feature], abs=1e-9), feature


@pytest.mark.parametrize("name", ["linear", "multinomial", "forest of three", "histogram", "isolation", "neighbours"])
def test_a_table_is_explained_as_its_rows_are(trained: psycopg.Connection[Any], name: str) -> None:
    train(trained, name)
    found = batch(trained, name, "select * from trips where id <= 25 order by id", id_column="id")
    assert list(dict.fromkeys(row["id"] for row in found)) == [str(number) for number in range(1, 26)]
    for number in (1, 12, 25):
        base, *expected = explain(trained, name, number)
        own = [row for row in found if row["id"] == str(number)]
        assert [row["feature"] for row in own] == [row["feature"] for row in expected]
        for one, other in zip(own, expected, strict=True):
            assert one["base"] == pytest.approx(base["attribution"], rel=1e-12)
            assert one["attribution"] == pytest.approx(other["attribution"], rel=1e-9, abs=1e-12)
            assert (one["class"], one["rank"], one["method"], one["unit"]) == (
                other["class"],
                other["rank"],
                other["method"],
                other["unit"],
            )
            if other["std_error"] is None:
                assert one["std_error"] is None
            else:
                assert one["std_error"] == pytest.approx(other["std_error"], rel=1e-9, abs=1e-12)


def test_the_features_with_most_to_say_come_alone(trained: psycopg.Connection[Any]) -> None:
    train(trained, "forest")
    whole = batch(trained, "forest", "select * from trips where id <= 40")
    some = batch(trained, "forest", "select * from trips where id <= 40", top_k=2)
    assert [row["id"] for row in some] == [str(1 + number // 2) for number in range(80)]
    assert some == [row for row in whole if row["rank"] <= 2]
    assert explain(trained, "forest", 7, top_k=2) == explain(trained, "forest", 7)[:3]


def test_values_are_shown_alike_one_by_one_and_in_a_table(trained: psycopg.Connection[Any]) -> None:
    train(trained, "forest")
    found = {row["feature"]: row["value"] for row in batch(trained, "forest", "select * from trips where id = 2")}
    alone = {row["feature"]: row["value"] for row in explain(trained, "forest", 2)}
    assert found["c"] is None
    assert alone["c"] is None
    assert found["b"] == alone["b"] == "3.84"
    assert found["holiday"] == alone["holiday"] == "false"
    assert found["at"] == alone["at"] == "2026-01-01 14:00:00"
    assert found["v"] == alone["v"]
    assert str(found["v"]).startswith("[0.909")


def test_parts_of_columns_add_up_to_the_column(trained: psycopg.Connection[Any]) -> None:
    trained.execute(
        """select ml.train('words', 'regression', 'select a, c, at, note, v, y from trips', 'y', algorithm => 'ridge',
        preprocess => '{"note": {"type": "text"}}')"""
    )
    whole = {row["feature"]: row["attribution"] for row in explain(trained, "words", 9)}
    parts = explain(trained, "words", 9, detail=True)
    assert {row["feature"] for row in parts} >= {"c=x", "c=y", "at.hour", "note:late", "v[1]", "a", None}
    for name, start in {"a": "a", "c": "c=", "at": "at.", "note": "note:", "v": "v["}.items():
        total = sum(row["attribution"] for row in parts if row["feature"] and row["feature"].startswith(start))
        if name == "a":
            total = next(row["attribution"] for row in parts if row["feature"] == "a")
        assert total == pytest.approx(whole[name], rel=1e-9, abs=1e-12)
    hour = next(row for row in parts if row["feature"] == "at.hour")
    assert hour["value"] == "15"
    from_batch = batch(trained, "words", "select * from trips where id = 9", detail=True)
    assert {row["feature"]: row["attribution"] for row in from_batch} == pytest.approx(
        {row["feature"]: row["attribution"] for row in parts if row["feature"]}, rel=1e-9, abs=1e-12
    )


def test_a_linear_model_measures_from_the_mean_of_its_training_rows(trained: psycopg.Connection[Any]) -> None:
    trained.execute(
        """select ml.train('plain', 'regression', 'select a, b, y from trips', 'y', algorithm => 'linear_regression',
        test_size => 0)"""
    )
    rows = explain(trained, "plain", 11)
    data = trained.execute("select a, b::float8, y from trips order by id").fetchall()
    given = np.array(data, dtype=np.float64)
    design = np.column_stack([np.ones(len(given)), given[:, :2]])
    _, *weights = np.linalg.lstsq(design, given[:, 2], rcond=None)[0]
    found = {row["feature"]: row["attribution"] for row in rows}
    assert found[None] == pytest.approx(given[:, 2].mean(), rel=1e-9)
    for at, name in enumerate("ab"):
        expected = weights[at] * (given[10, at] - given[:, at].mean())
        assert found[name] == pytest.approx(expected, rel=1e-6)


def test_trees_give_shapleys_values_of_what_they_expect(trained: psycopg.Connection[Any]) -> None:
    """Every subset of three features, by the definition, over the tree that scikit-learn fits of the same rows."""
    from sklearn.tree import DecisionTreeRegressor

    trained.execute(
        """select ml.train('small tree', 'regression', 'select a, b, y from trips', 'y', algorithm => 'decision_tree',
        hyperparameters => '{"max_depth": 5}', test_size => 0)"""
    )
    given = np.array(trained.execute("select a, b::float8, y from trips order by id").fetchall(), dtype=np.float64)
    tree = DecisionTreeRegressor(max_depth=5, random_state=42).fit(given[:, :2], given[:, 2]).tree_
    row = given[122, :2].astype(np.float32)

    def expected(known: frozenset[int], node: int = 0) -> float:
        left, right = tree.children_left[node], tree.children_right[node]
        if left < 0:
            return float(tree.value[node, 0, 0])
        if tree.feature[node] in known:
            return expected(known, left if row[tree.feature[node]] <= tree.threshold[node] else right)
        share = tree.weighted_n_node_samples[left] / tree.weighted_n_node_samples[node]
        return float(share * expected(known, left) + (1 - share) * expected(known, right))

    found = {one["feature"]: one["attribution"] for one in explain(trained, "small tree", 123)}
    assert found[None] == pytest.approx(expected(frozenset()), rel=1e-6)
    for at, name in enumerate("ab"):
        others = [other for other in range(2) if other != at]
        value = 0.0
        for size in range(len(others) + 1):
            for chosen in combinations(others, size):
                weight = math.factorial(size) * math.factorial(len(others) - size) / math.factorial(2)
                value += weight * (expected(frozenset({*chosen, at})) - expected(frozenset(chosen)))
        assert found[name] == pytest.approx(value, rel=1e-6, abs=1e-12)


def test_samples_come_within_their_error_of_shapleys_values(trained: psycopg.Connection[Any]) -> None:
    """A linear model behind a kernel machine: what features add is known, and so is how far samples may be off."""
    trained.execute(
        """select ml.train('nearly linear', 'regression', 'select a, b::float8 as b, a * 2 - b::float8 * 3 as y
        from trips', 'y', algorithm => 'SVR', hyperparameters => '{"C": 1000, "epsilon": 0.001, "gamma": 0.01}',
        test_size => 0)"""
    )
    rows = trained.execute(
        "select feature, attribution, std_error from ml.explain('nearly linear', '{\"a\": 8, \"b\": -3}')"
    ).fetchall()
    found = {row[0]: row[1:] for row in rows}
    means = trained.execute("select avg(a), avg(b) from trips").fetchone()
    assert means is not None
    for name, weight, value, mean in (("a", 2, 8, means[0]), ("b", -3, -3, means[1])):
        attribution, error = found[name]
        assert 0 < error < 3
        assert abs(attribution - weight * (value - float(mean))) < 4 * error + 0.5


@pytest.mark.parametrize("algorithm", ["random_forest", "logistic_regression", "knn"])
def test_a_row_is_explained_by_the_model_of_its_group(trained: psycopg.Connection[Any], algorithm: str) -> None:
    name = f"by region {algorithm}"
    trained.execute(
        "select ml.train(%s, 'classification', 'select a, b, c, region, level from trips', 'level', algorithm => %s, "
        "group_by => 'region')",
        [name, algorithm],
    )
    rows = explain(trained, name, 21)
    assert sorted(row["feature"] for row in rows[1:]) == ["a", "b", "c"]
    own = trained.execute("select ml.predict(%s, to_jsonb(t)) from trips t where id = 21", [name]).fetchone()
    assert own is not None
    assert rows[0]["class"] == own[0]["prediction"]
    total = sum(row["attribution"] for row in rows)
    if algorithm != "logistic_regression":
        assert total == pytest.approx(own[0]["probabilities"][rows[0]["class"]], rel=1e-6)
    found = batch(trained, name, "select * from trips where id between 20 and 22", id_column="id")
    assert [row["attribution"] for row in found if row["id"] == "21"] == pytest.approx(
        [row["attribution"] for row in rows[1:]], rel=1e-9, abs=1e-12
    )
    strange = "select a, b, c, 'south' as region from trips where id < 4"
    assert batch(trained, name, strange) == []
    assert (
        trained.execute(
            'select * from ml.explain(%s, \'{"a": 1, "b": 2, "c": "x", "region": null}\')', [name]
        ).fetchall()
        == []
    )


def test_trained_on_a_stream_it_can_be_explained(trained: psycopg.Connection[Any]) -> None:
    trained.execute(
        """select ml.train('streamed', 'classification', 'select a, b, c, flag from trips', 'flag',
        algorithm => 'SGDClassifier', hyperparameters => '{"loss": "log_loss"}',
        execution => '{"mode": "stream", "chunk_rows": 200}')"""
    )
    rows = explain(trained, "streamed", 8)
    assert {row["method"] for row in rows} == {"exact"}
    expected = said(trained, "streamed", 8, rows[0]["class"], "log-odds")
    assert sum(row["attribution"] for row in rows) == pytest.approx(expected, rel=1e-6)


def test_an_input_of_null_has_no_explanation(trained: psycopg.Connection[Any]) -> None:
    train(trained, "forest")
    assert trained.execute("select * from ml.explain('forest', null)").fetchall() == []


@pytest.mark.parametrize(
    ("call", "sqlstate", "part"),
    [
        ("ml.explain('nothing', '{}')", "ML001", "no model"),
        ("ml.explain('forest', '{}')", "ML011", "lacks the features"),
        ("ml.explain('forest', '7')", "ML011", "JSON object"),
        ("ml.explain('forest', to_jsonb(t), class => 'perhaps') from trips t", "ML009", "class must be one of"),
        ("ml.explain('linear', to_jsonb(t), class => 'true') from trips t", "ML009", "class must be NULL"),
        ("ml.explain('forest', to_jsonb(t), top_k => 0) from trips t", "ML009", "top_k must be from 1"),
        ("ml.explain('forest', to_jsonb(t), version => '9.9.9') from trips t", "ML014", "no version"),
        ("ml.explain('neighbours', to_jsonb(t), detail => true) from trips t", "ML020", "detail must be false"),
        ("ml.explain('clusters', to_jsonb(t)) from trips t", "ML020", "no single score"),
        ("ml.explain_batch('forest', 'select 1 as a')", "ML011", "lacks the features"),
        ("ml.explain_batch('forest', 'trips', class => 'perhaps')", "ML009", "class must be one of"),
        ("ml.explain_batch('forest', 'trips', top_k => -1)", "ML009", "top_k must be from 1"),
        ("ml.explain_batch('forest', null)", "ML009", "input_data must not be NULL"),
        ("ml.explain_batch('forest', 'trips', id_column => 'nothing')", "ML003", "nothing"),
    ],
)
def test_what_cannot_be_explained_says_why(
    trained: psycopg.Connection[Any], call: str, sqlstate: str, part: str
) -> None:
    for name in ("forest", "linear", "neighbours"):
        train(trained, name)
    if "clusters" in call:
        trained.execute("select ml.train('clusters', 'clustering', 'select a, b from trips', algorithm => 'kmeans')")
    with pytest.raises(psycopg.Error) as caught:
        trained.execute(f"select {call}".encode())
    assert caught.value.sqlstate == sqlstate
    assert part in str(caught.value.diag.message_primary)
    assert caught.value.diag.message_hint or sqlstate == "ML001"


def test_a_version_of_before_says_train_again(trained: psycopg.Connection[Any]) -> None:
    trained.execute("select ml.train('old', 'regression', 'select a, b, y from trips', 'y', algorithm => 'ridge')")
    trained.execute(
        """delete from ml.artifact a using ml.model_version v join ml.model m on m.id = v.model
        where a.version_id = v.id and m.model_id = 'old' and a.kind = 'background'"""
    )
    digests = trained.execute(
        """select a.kind, a.digest from ml.artifact a join ml.model_version v on v.id = a.version_id
        join ml.model m on m.id = v.model where m.model_id = 'old' and a.chunk = 0"""
    ).fetchall()
    import hashlib

    whole = hashlib.sha256(json.dumps(sorted([list(one) for one in digests])).encode()).hexdigest()
    trained.execute(
        """update ml.model_version v set digest = %s from ml.model m where m.id = v.model and m.model_id = 'old'""",
        [whole],
    )
    with pytest.raises(psycopg.Error) as caught:
        explain(trained, "old", 1)
    assert caught.value.sqlstate == "ML020"
    assert "train the model again" in str(caught.value.diag.message_hint)
