"""`ml.evaluate`, `ml.confusion_matrix` and `ml.drift` against the training's own scores and rows that moved."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import psycopg
import pytest

from tests.scores import flat
from tests.sessions import messages_of

SETUP = """
create table rows_of_old as
select i as id, sin(i * 0.7) as a, cos(i * 3) as b, (array['x', 'y', null])[1 + i % 3] as c,
    timestamp '2026-01-01' + i * interval '1 hour' as at, array[sin(i), cos(i)] as v,
    (sin(i * 0.7) + cos(i) * 0.4 + case when i % 3 = 0 then 1 else 0 end > 0.4) as flag,
    (array['low', 'middle', 'high'])[1 + (abs(sin(i * 0.7)) * 2.9)::integer % 3] as level,
    2 * sin(i * 0.7) - cos(i * 3) + sin(i * i) * 0.2 as y
from generate_series(1, 900) as i
"""

MODELS = {
    "flag": ("classification", "a, b, c, v, flag", "flag", "logistic_regression"),
    "level": ("classification", "a, b, c, at, level", "level", "random_forest"),
    "svm": ("classification", "a, b, flag", "flag", "svm"),
    "fallback": ("classification", "a, b, level", "level", "gaussian_process"),
    "y": ("regression", "a, b, c, y", "y", "ridge"),
    "cluster": ("clustering", "a, b", None, "kmeans"),
    "anomaly": ("anomaly", "a, b", None, "isolation_forest"),
    "pca": ("decomposition", "a, b, y", None, "pca"),
}
HELD = "select * from rows_of_old where id % 2 = 0"


@pytest.fixture(scope="module")
def trained(module_db: psycopg.Connection[Any]) -> psycopg.Connection[Any]:
    module_db.execute(SETUP)
    for name, (model_type, columns, target, algorithm) in MODELS.items():
        module_db.execute(
            "select ml.train(%s, %s, %s, %s, algorithm => %s, validation_data => %s)",
            [
                name,
                model_type,
                f"select {columns} from rows_of_old where id % 2 = 1",
                target,
                algorithm,
                HELD if target else None,
            ],
        )
    return module_db


def evaluate(session: psycopg.Connection[Any], name: str, rows: str, **more: Any) -> dict[str, float]:
    named = "".join(f", {key} => %({key})s" for key in more)
    found = session.execute(
        f"select ml.evaluate(%(name)s, %(rows)s{named})".encode(), {"name": name, "rows": rows, **more}
    ).fetchone()
    assert found is not None
    return dict(found[0])


@pytest.mark.parametrize("name", ["flag", "level", "fallback", "y", "svm"])
def test_evaluation_of_the_held_out_rows_equals_the_training_scores(
    trained: psycopg.Connection[Any], name: str
) -> None:
    row = trained.execute("select metrics from ml.models where model_id = %s", [name]).fetchone()
    assert row is not None
    expected = {key: value for key, value in row[0].items() if key != "n_train"}
    if name == "svm":
        del expected["roc_auc"]
    assert flat(evaluate(trained, name, HELD)) == pytest.approx(flat(expected), rel=1e-9, abs=1e-12)


def test_small_chunks_give_the_same_scores(trained: psycopg.Connection[Any]) -> None:
    whole = evaluate(trained, "level", "rows_of_old")
    trained.execute("select ml.set_option('chunk_rows', '100')")
    assert flat(evaluate(trained, "level", "rows_of_old")) == pytest.approx(flat(whole), rel=1e-9)
    trained.execute("select ml.set_option('chunk_rows', null)")


def test_unsupervised_models_have_the_scores_that_rows_allow(trained: psycopg.Connection[Any]) -> None:
    assert evaluate(trained, "cluster", "rows_of_old") == {"clusters": 8.0, "n_test": 900}
    anomaly = evaluate(trained, "anomaly", "rows_of_old")
    shares = trained.execute(
        "select avg((prediction = 'true')::integer)::float8 from ml.predict_batch('anomaly', 'rows_of_old')"
    ).fetchone()
    assert shares is not None
    assert anomaly == {"outlier_share": pytest.approx(shares[0]), "n_test": 900}


def test_confusion_matrix_counts_what_predictions_say(trained: psycopg.Connection[Any]) -> None:
    found = trained.execute("select * from ml.confusion_matrix('level', %s)", [HELD]).fetchall()
    expected = trained.execute(
        """select r.level, p.prediction, count(*) from ml.predict_batch('level', %s, 'id') p
        join rows_of_old r on r.id = p.id::integer group by 1, 2 order by 1, 2""",
        [HELD],
    ).fetchall()
    assert sorted(found) == expected
    assert sum(row[2] for row in found) == 450


def test_rows_without_a_target_are_left_out_and_told(trained: psycopg.Connection[Any]) -> None:
    said = messages_of(trained)
    query = "select a, b, c, v, case when id % 2 = 0 then flag end as other from rows_of_old"
    assert evaluate(trained, "flag", query, target="other")["n_test"] == 450
    assert said == ["450 rows with a NULL target were left out"]


@pytest.mark.parametrize(
    ("statement", "sqlstate"),
    [
        ("select ml.evaluate('pca', 'rows_of_old')", "ML020"),
        ("select ml.evaluate('cluster', 'rows_of_old', 'flag')", "ML009"),
        ("select ml.evaluate('flag', 'select a, b, c, v from rows_of_old')", "ML003"),
        ("select ml.evaluate('flag', 'select a, flag from rows_of_old')", "ML011"),
        ("select ml.evaluate('flag', 'rows_of_old', 'a')", "ML009"),
        ("select ml.evaluate('y', 'select a, b, c, c as y from rows_of_old')", "ML006"),
        ("select ml.evaluate('flag', 'select * from rows_of_old where false')", "ML005"),
        ("select ml.evaluate('flag', 'delete from rows_of_old returning *')", "ML004"),
        ("select ml.evaluate('nothing', 'rows_of_old')", "ML001"),
        ("select ml.evaluate('flag', 'rows_of_old', version => '9.0.0')", "ML014"),
        ("select * from ml.confusion_matrix('y', 'rows_of_old')", "ML020"),
        ("select * from ml.drift('flag', 'select a from rows_of_old')", "ML011"),
        ("select * from ml.drift('flag', 'select * from rows_of_old where false')", "ML005"),
    ],
)
def test_wrong_calls_say_what_is_wrong(trained: psycopg.Connection[Any], statement: str, sqlstate: str) -> None:
    with pytest.raises(psycopg.Error) as caught:
        trained.execute(statement.encode())
    assert caught.value.diag.sqlstate == sqlstate
    assert caught.value.diag.message_hint


def test_evaluation_reads_with_the_rights_of_the_caller(
    trained: psycopg.Connection[Any], role_factory: Any, connect: Any
) -> None:
    role = role_factory("evaluator")
    trained.execute("select ml.grant_usage(%s)", [role])
    session = connect(role, trained.info.dbname)
    for function in ("evaluate", "confusion_matrix", "drift"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute(f"select ml.{function}('flag', 'rows_of_old')")
    stranger = connect(role_factory("stranger"), trained.info.dbname)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        stranger.execute("select ml.evaluate('flag', 'rows_of_old')")


def test_same_rows_do_not_drift_and_moved_ones_do(trained: psycopg.Connection[Any]) -> None:
    same = trained.execute("select feature, kind, drifted from ml.drift('level', 'rows_of_old')").fetchall()
    assert same == [
        ("a", "number", False),
        ("b", "number", False),
        ("c", "category", False),
        ("at", "timestamp", False),
    ]
    moved = trained.execute(
        """select feature, drifted, value > threshold, null_share_trained, null_share, rows
        from ml.drift('level', 'select id, a + 1.5 as a, b, coalesce(c, ''new'') as c, at from rows_of_old')"""
    ).fetchall()
    assert [(row[0], row[1], row[2]) for row in moved] == [
        ("a", True, True),
        ("b", False, False),
        ("c", True, True),
        ("at", False, False),
    ]
    assert moved[2][3] == pytest.approx(1 / 3)
    assert moved[2][4:] == (0.0, 900)


def test_streamed_training_profiles_all_of_its_rows(trained: psycopg.Connection[Any]) -> None:
    trained.execute(
        """select ml.train('streamed', 'classification', 'select a, b, flag from rows_of_old', 'flag',
        algorithm => 'SGDClassifier', execution => '{"mode": "stream", "chunk_rows": 100}')"""
    )
    rows = trained.execute("select drifted, value from ml.drift('streamed', 'rows_of_old')").fetchall()
    assert rows == [(False, 0.0), (False, 0.0)]


def test_version_stored_without_a_profile_says_so(trained: psycopg.Connection[Any]) -> None:
    """As a version of release 0.1.0 lies in the tables: no profile among its artifacts, nor in its digest."""
    with trained.transaction(force_rollback=True):
        trained.execute(
            """delete from ml.artifact a using ml.model_version v join ml.model m on m.id = v.model
            where a.version_id = v.id and m.model_id = 'flag' and a.kind = 'profile'"""
        )
        kinds = trained.execute(
            """select a.kind, a.digest from ml.artifact a join ml.model m on m.deployed_version_id = a.version_id
            where m.model_id = 'flag' and a.chunk = 0"""
        ).fetchall()
        digest = hashlib.sha256(json.dumps(sorted(map(list, kinds))).encode()).hexdigest()
        trained.execute(
            """update ml.model_version v set digest = %s from ml.model m
            where m.deployed_version_id = v.id and m.model_id = 'flag'""",
            [digest],
        )
        with pytest.raises(psycopg.Error) as caught, trained.transaction():
            trained.execute("select * from ml.drift('flag', 'rows_of_old')")
        assert caught.value.diag.sqlstate == "ML020"
        assert "without a profile" in (caught.value.diag.message_primary or "")
        assert evaluate(trained, "flag", HELD)["n_test"] == 450


def test_rows_of_a_group_without_a_model_are_left_out(trained: psycopg.Connection[Any]) -> None:
    trained.execute(
        """select ml.train('grouped', 'classification', 'select a, b, id % 4 as shop, flag from rows_of_old', 'flag',
        algorithm => 'decision_tree', group_by => 'shop')"""
    )
    said = messages_of(trained)
    query = "select a, b, case when id % 10 = 0 then 77 else id % 4 end as shop, flag from rows_of_old"
    scores = evaluate(trained, "grouped", query)
    expected = trained.execute(
        """select avg((p.prediction = r.flag::text)::integer)::float8, count(*) from rows_of_old r
        join ml.predict_batch('grouped', 'select a, b, id % 4 as shop, id from rows_of_old', 'id') p
        on p.id::integer = r.id where r.id % 10 > 0"""
    ).fetchone()
    assert expected is not None
    assert scores["accuracy"] == pytest.approx(expected[0])
    assert scores["n_test"] == expected[1] == 810
    assert said == ["90 rows whose group has no model were left out"]
    drifted = trained.execute("select feature from ml.drift('grouped', %s) where drifted", [query]).fetchall()
    assert drifted == [("shop",)]
