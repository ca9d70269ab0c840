"""`ml.predict_batch` against the one-row functions, in every model type."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

SETUP = """
create table points as
select i as id, sin(i) as a, cos(i * 3) as b, (array['x', 'y', null])[1 + i % 3] as c,
    (sin(i) + case when i % 3 = 0 then 1 else 0 end > 0.4) as flag, 2 * sin(i) - cos(i * 3) as y, i % 4 as quarter
from generate_series(1, 300) as i
"""

MODELS = {
    "boolean": ("classification", "select a, b, c, flag from points", "flag", "decision_tree"),
    "integer": ("classification", "select a, b, c, quarter from points", "quarter", "logistic_regression"),
    "svm": ("classification", "select a, b, flag from points", "flag", "svm"),
    "number": ("regression", "select a, b, c, y from points", "y", "ridge"),
    "cluster": ("clustering", "select a, b from points", None, "kmeans"),
    "anomaly": ("anomaly", "select a, b from points", None, "isolation_forest"),
    "pca": ("decomposition", "select a, b, y from points", None, "pca"),
}


@pytest.fixture(scope="module")
def trained(module_db: psycopg.Connection[Any]) -> psycopg.Connection[Any]:
    module_db.execute(SETUP)
    for name, (model_type, source, target, algorithm) in MODELS.items():
        module_db.execute(
            "select ml.train(%s, %s, %s, %s, algorithm => %s)", [name, model_type, source, target, algorithm]
        )
    return module_db


@pytest.mark.parametrize("name", MODELS)
def test_batch_equals_one_row_at_a_time(trained: psycopg.Connection[Any], name: str) -> None:
    batch = trained.execute(
        "select id, prediction, value, confidence, probabilities from ml.predict_batch(%s, 'points', 'id')", [name]
    ).fetchall()
    ones = trained.execute("select ml.predict(%s, to_jsonb(p)) from points p", [name]).fetchall()
    assert [row[0] for row in batch] == [str(number) for number in range(1, 301)]
    for (_, prediction, value, confidence, probabilities), (one,) in zip(batch, ones, strict=True):
        if name == "pca":
            assert (prediction, value, confidence) == (None, None, None)
            assert probabilities == pytest.approx(one["prediction"], rel=1e-9, abs=1e-12)
            continue
        if name == "number":
            assert value == pytest.approx(one["prediction"], rel=1e-9, abs=1e-12)
            assert float(prediction) == value
        else:
            expected = one["prediction"]
            assert prediction == (str(expected).lower() if isinstance(expected, bool) else str(expected))
        if one["probabilities"] is None:
            assert (confidence, probabilities) == (None, None)
        else:
            assert probabilities == pytest.approx(list(one["probabilities"].values()), abs=1e-9) or sorted(
                probabilities
            ) == pytest.approx(sorted(one["probabilities"].values()), abs=1e-9)
            assert confidence == pytest.approx(one["confidence"], abs=1e-9)


@pytest.mark.parametrize("name", ["boolean", "integer", "number", "cluster", "anomaly"])
def test_typed_functions_agree_with_batch(trained: psycopg.Connection[Any], name: str) -> None:
    rows = trained.execute(
        "select b.value, ml.predict_value(%s, to_jsonb(p)), b.prediction, ml.predict_label(%s, to_jsonb(p)) "
        "from ml.predict_batch(%s, 'points', 'id') b join points p on p.id = b.id::int",
        [name, name, name],
    ).fetchall()
    assert len(rows) == 300
    for value, expected_value, label, expected_label in rows:
        assert value == pytest.approx(expected_value, rel=1e-9, abs=1e-12)
        if name != "number":
            assert label == expected_label


def test_rows_keep_the_order_of_the_query_and_are_numbered(trained: psycopg.Connection[Any]) -> None:
    rows = trained.execute(
        "select id, value from ml.predict_batch('number', 'select * from points order by y desc')"
    ).fetchall()
    expected = trained.execute(
        "select ml.predict_value('number', to_jsonb(p)) from points p order by y desc"
    ).fetchall()
    assert [row[0] for row in rows] == [str(number) for number in range(1, 301)]
    assert [row[1] for row in rows] == pytest.approx([row[0] for row in expected])


def test_empty_input_gives_no_row(trained: psycopg.Connection[Any]) -> None:
    assert (
        trained.execute("select * from ml.predict_batch('number', 'select * from points where false')").fetchall() == []
    )


def test_null_id_and_null_input_stay_null(trained: psycopg.Connection[Any]) -> None:
    rows = trained.execute(
        "select id, prediction is not null from ml.predict_batch('number', "
        "'select null::text as id, null::float8 as a, null::float8 as b, null::text as c', 'id')"
    ).fetchall()
    assert rows == [(None, True)]
    for function in ("predict", "predict_value", "predict_label", "predict_proba"):
        assert trained.execute(f"select ml.{function}('number', null::jsonb)").fetchone() == (None,)


def test_calls_resolve_without_a_cast(trained: psycopg.Connection[Any]) -> None:
    for argument in (
        "ARRAY[1, 2]",
        "ARRAY[1.5, 2]",
        '\'{"a": 1, "b": 2}\'',
        "'{1, 2}'",
        "'[1, 2]'",
        "jsonb_build_object('a', 1, 'b', 2)",
        "(select to_jsonb(p) from points p limit 1)",
    ):
        for tail in ("", ", tenant_id => 'default'", ", version => '1.0.0'", ", null, 'default'"):
            for function in ("predict", "predict_value", "predict_label"):
                row = trained.execute(f"select ml.{function}('cluster', {argument}{tail})").fetchone()
                assert row is not None
                assert row[0] is not None


def test_large_input_crosses_chunks_without_a_seam(trained: psycopg.Connection[Any]) -> None:
    row = trained.execute(
        "select count(*), count(distinct id), bool_and(abs(p.value - ml.predict_value('number', "
        "jsonb_build_object('a', p.id::float8 / 25000, 'b', 0.5, 'c', 'x'))) < 1e-9) from ml.predict_batch('number', "
        "'select i as id, i::float8 / 25000 as a, 0.5 as b, ''x'' as c from generate_series(1, 25000) i', 'id') p"
    ).fetchone()
    assert row == (25000, 25000, True)


def test_error_of_a_set_returning_function_keeps_its_message_and_hint(trained: psycopg.Connection[Any]) -> None:
    for statement in ("ml.predict_batch('nothing', 'points')", "ml.predict_batch('number', 'select a from points')"):
        with pytest.raises(psycopg.Error) as caught:
            trained.execute(f"select * from {statement}".encode())
        said = caught.value.diag.message_primary or ""
        assert "there is no model" in said or "lacks the features" in said
        assert caught.value.diag.message_hint


def test_chunks_are_predicted_when_their_rows_are_asked_for(trained: psycopg.Connection[Any]) -> None:
    def rows() -> int:
        found = trained.execute(
            "select coalesce(sum(rows), 0) from ml.stat_models where model_id = 'number'"
        ).fetchone()
        assert found is not None
        return int(found[0])

    trained.execute("create temp table many as select a, b, c from points, generate_series(1, 200)")
    before = rows()
    assert len(trained.execute("select * from ml.predict_batch('number', 'many') limit 3").fetchall()) == 3
    assert 0 < rows() - before < 30_000
    assert trained.execute("select count(*) from ml.predict_batch('number', 'many')").fetchone() == (60_000,)


def test_a_cursor_over_predictions_outlives_a_redeploy(trained: psycopg.Connection[Any]) -> None:
    with trained.transaction():
        trained.execute("create temp table more on commit drop as select a, b, c from points, generate_series(1, 100)")
        expected = trained.execute("select value from ml.predict_batch('number', 'more')").fetchall()
        trained.execute("declare slow cursor for select value from ml.predict_batch('number', 'more')")
        first = trained.execute("fetch 10 from slow").fetchall()
        trained.execute("select ml.delete_model('number')")
        assert first + trained.execute("fetch all from slow").fetchall() == expected
        raise psycopg.Rollback
