"""Bad input through SQL: a SQLSTATE, a hint, nothing stored, and a session that goes on."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tests.sessions import messages_of

TRAIN = "select * from ml.train("

CASES = [
    ("unknown table", TRAIN + "'m', 'classification', 'nowhere', 'label')", "ML002"),
    ("unknown target", TRAIN + "'m', 'classification', 'people', 'nowhere')", "ML003"),
    ("unknown feature", TRAIN + "'m', 'classification', 'people', 'label', ARRAY['nowhere'])", "ML003"),
    (
        "unknown column in a query",
        TRAIN + "'m', 'classification', 'select nowhere from people', 'label')",
        "ML003",
    ),
    ("two statements", TRAIN + "'m', 'classification', 'select 1; drop table people', 'label')", "ML004"),
    ("a delete", TRAIN + "'m', 'classification', 'delete from people returning *', 'label')", "ML004"),
    (
        "a modifying cte",
        TRAIN + "'m', 'classification', 'with d as (delete from people returning *) select * from d', 'label')",
        "ML004",
    ),
    ("a utility statement", TRAIN + "'m', 'classification', 'show all', 'label')", "ML004"),
    ("broken syntax", TRAIN + "'m', 'classification', 'selekt 1 from', 'label')", "ML004"),
    ("empty source", TRAIN + "'m', 'classification', '', 'label')", "ML009"),
    ("empty table", TRAIN + "'m', 'classification', 'select * from people where false', 'label')", "ML005"),
    ("one row", TRAIN + "'m', 'classification', 'select * from people limit 1', 'label')", "ML005"),
    (
        "one class",
        TRAIN + "'m', 'classification', $$select * from people where label = 'yes'$$, 'label')",
        "ML005",
    ),
    (
        "target all null",
        TRAIN + "'m', 'classification', 'select age, null::text as label from people', 'label')",
        "ML005",
    ),
    ("text target for regression", TRAIN + "'m', 'regression', 'people', 'label')", "ML006"),
    (
        "array as label",
        TRAIN + "'m', 'classification', 'select age, array[age] as label from people', 'label')",
        "ML006",
    ),
    (
        "unknown algorithm",
        TRAIN + "'m', 'classification', 'people', 'label', algorithm => 'random_florest')",
        "ML007",
    ),
    (
        "algorithm of another type",
        TRAIN + "'m', 'regression', 'people', 'age', algorithm => 'LogisticRegression')",
        "ML007",
    ),
    (
        "unknown hyperparameter",
        TRAIN + "'m', 'classification', 'people', 'label', null, 'random_forest', '{\"depth\": 3}')",
        "ML008",
    ),
    (
        "hyperparameter of a wrong type",
        TRAIN + "'m', 'classification', 'people', 'label', null, 'random_forest', '{\"max_depth\": \"deep\"}')",
        "ML008",
    ),
    (
        "hyperparameter out of range",
        TRAIN + "'m', 'classification', 'people', 'label', null, 'random_forest', '{\"max_depth\": -3}')",
        "ML008",
    ),
    (
        "hyperparameters not an object",
        TRAIN + "'m', 'classification', 'people', 'label', hyperparameters => '[1]')",
        "ML009",
    ),
    ("unknown model type", TRAIN + "'m', 'guessing', 'people', 'label')", "ML009"),
    ("no target", TRAIN + "'m', 'classification', 'people')", "ML009"),
    ("target for clustering", TRAIN + "'m', 'clustering', 'people', 'label')", "ML009"),
    ("no model id", TRAIN + "'', 'classification', 'people', 'label')", "ML009"),
    ("null model id", TRAIN + "null, 'classification', 'people', 'label')", "ML009"),
    ("test size of one", TRAIN + "'m', 'classification', 'people', 'label', test_size => 1)", "ML009"),
    ("unknown split", TRAIN + "'m', 'classification', 'people', 'label', split => 'fair')", "ML009"),
    ("one fold", TRAIN + "'m', 'classification', 'people', 'label', cv => 1)", "ML009"),
    (
        "unknown execution key",
        TRAIN + "'m', 'classification', 'people', 'label', execution => '{\"speed\": 1}')",
        "ML009",
    ),
    (
        "memory above the option",
        TRAIN + "'m', 'classification', 'people', 'label', execution => '{\"max_memory_mb\": 1000000}')",
        "ML009",
    ),
    (
        "json feature",
        TRAIN + "'m', 'classification', 'select *, to_jsonb(people) as j from people', 'label')",
        "ML010",
    ),
    (
        "column twice",
        TRAIN + "'m', 'classification', 'select age, age, label from people', 'label')",
        "ML004",
    ),
    (
        "infinite number",
        TRAIN + "'m', 'classification', $$select 'infinity'::float8 as x, label from people$$, 'label')",
        "ML010",
    ),
    ("model not found", "select ml.predict('nothing', '{\"age\": 1}')", "ML001"),
    ("version not found", "select ml.predict('known', '{\"age\": 1}', version => '9.9.9')", "ML014"),
    ("features missing", "select ml.predict('known', '{\"age\": 1}')", "ML011"),
    ("array for text features", "select ml.predict('known', ARRAY[1, 2])", "ML011"),
    ("array of a wrong length", "select ml.predict('numbers', ARRAY[1.5])", "ML011"),
    ("input is not json", "select ml.predict('known', 'hello')", "ML011"),
    ("text for a number", 'select ml.predict(\'numbers\', \'{"age": "old", "height": 1}\')', "ML011"),
    (
        "value of a text label",
        'select ml.predict_value(\'known\', \'{"age": 1, "height": 2, "city": null}\')',
        "ML020",
    ),
    ("batch without a feature", "select * from ml.predict_batch('known', 'select age from people')", "ML011"),
    ("batch on an unknown table", "select * from ml.predict_batch('known', 'nowhere')", "ML002"),
    ("batch with an unknown id", "select * from ml.predict_batch('known', 'people', 'nowhere')", "ML003"),
    ("info of no model", "select ml.get_model_info('nothing')", "ML001"),
    ("delete of no model", "select ml.delete_model('nothing')", "ML001"),
    ("delete of the deployed version", "select ml.delete_model('known', '1.0.0')", "ML009"),
    ("deploy of no version", "select ml.deploy('known', '2.0.0')", "ML014"),
    ("rollback of a first version", "select ml.rollback('known')", "ML014"),
    ("grant to no role", "select ml.grant_usage('nobody at all')", "ML009"),
    ("revoke from no grantee", "select ml.revoke_usage(current_user)", "ML009"),
    ("unknown option", "select ml.set_option('speed', '1')", "ML009"),
    ("option out of bounds", "select ml.set_option('threads', '0')", "ML009"),
    ("internal function called directly", "select ml._run_write()", "42501"),
]


@pytest.fixture(scope="module")
def trained(module_db: psycopg.Connection[Any]) -> psycopg.Connection[Any]:
    module_db.execute(
        """create table people as
        select 20 + i % 50 as age, 150 + (i * 7) % 40 as height, (array['Pune', 'Oslo', 'Lima'])[1 + i % 3] as city,
            case when (20 + i % 50) > 40 then 'yes' else 'no' end as label
        from generate_series(1, 200) as i"""
    )
    module_db.execute("select ml.train('known', 'classification', 'people', 'label')")
    module_db.execute("select ml.train('numbers', 'regression', 'select age, height, age * 2.0 as y from people', 'y')")
    return module_db


@pytest.mark.parametrize(("statement", "sqlstate"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_bad_input_is_a_clear_error(trained: psycopg.Connection[Any], statement: str, sqlstate: str) -> None:
    before = trained.execute("select count(*) from ml.model_version").fetchone()
    with pytest.raises(psycopg.Error) as caught:
        trained.execute(statement)
    diagnosis = caught.value.diag
    assert diagnosis.sqlstate == sqlstate, diagnosis.message_primary
    assert diagnosis.message_hint
    assert "Traceback" not in (diagnosis.message_primary or "")
    assert trained.execute("select count(*) from ml.model_version").fetchone() == before
    assert trained.execute(
        'select ml.predict_label(\'known\', \'{"age": 60, "height": 170, "city": "Pune"}\')'
    ).fetchone() == ("yes",)


def test_rows_with_null_target_are_left_out_and_counted(db: psycopg.Connection[Any]) -> None:
    db.execute(
        "create table t as select i as x, case when i % 4 > 0 then (i > 50)::text end as y "
        "from generate_series(1, 100) as i"
    )
    notices = messages_of(db)
    db.execute("select ml.train('m', 'classification', 't', 'y')")
    assert "25 rows with a NULL target were left out" in notices
    assert db.execute("select training_rows, dropped_rows from ml.model_versions").fetchone() == (75, 25)
