"""A value of another type than at training: taken where nothing is lost, else refused, for one row as for many."""

from __future__ import annotations

import json
from typing import Any

import psycopg
import pytest

Session = psycopg.Connection[Any]

TABLE = """
create table t as select i as id, (i % 3) * 100.0 + i % 5 as y, i % 5 as n, i % 3 as k, i % 2 as bit01,
    i % 2 = 0 as flag, (i % 4)::float8 / 4 as part, timestamptz '2026-01-01 00:00Z' + i * interval '7 hours' as at,
    array[i % 3, i % 7]::float8[] as v, (i % 3 / 10.0)::real as single, (i % 3) * 0.12345678 as thirds,
    (i % 3)::text as digit, i * interval '90 seconds' as span,
    time '00:00' + i * interval '61 seconds' as clock, (array['a', 'b', 'c'])[1 + i % 3] as word
from generate_series(1, 300) i
"""

MODELS = {
    "integer": ("n", {}),
    "zero_one": ("bit01", {}),
    "boolean": ("flag", {}),
    "timestamptz": ("at", {}),
    "vector": ("v", {}),
    "real": ("single", {}),
    "interval": ("span", {}),
    "time": ("clock", {}),
    "double precision": ("part", {}),
    "text": ("word", {}),
    "numeric category": ("thirds", {"thirds": {"type": "category"}}),
    "text category": ("digit", {"digit": {"type": "category"}}),
    "integer category": ("k", {"k": {"type": "category"}}),
    "boolean category": ("flag", {"flag": {"type": "category"}}),
}
"""A model of one feature for each way a column travels: the feature, and preprocess."""


@pytest.fixture(scope="module")
def trained(module_db: Session) -> Session:
    module_db.execute(TABLE.encode())
    for name, (feature, preprocess) in MODELS.items():
        module_db.execute(
            "select ml.train(%s, 'regression', 't', 'y', array[%s], 'ridge', preprocess => %s, test_size => 0)",
            [name, feature, json.dumps(preprocess)],
        )
    return module_db


def both(session: Session, model: str, expression: str) -> list[tuple[Any, ...]]:
    """Return for each row the value of a batch, that of one row, and that of what was trained on."""
    feature = MODELS[model][0]
    rows = f"select id, {expression} as {feature} from t"
    return session.execute(
        f"select b.value, ml.predict_value('{model}', to_jsonb(r)), ml.predict_value('{model}', to_jsonb(t)) "
        f"from ({rows}) r join t using (id) join ml.predict_batch('{model}', $q${rows}$q$, 'id') b "
        "on b.id = t.id::text".encode()
    ).fetchall()


TAKEN = [
    ("integer", "n::text"),
    ("integer", "n::numeric(9,2)"),
    ("integer", "n::float8"),
    ("integer", "to_char(n, 'FM0.00')"),
    ("zero_one", "bit01 = 1"),
    ("zero_one", "(bit01 = 1)::text"),
    ("boolean", "flag::integer"),
    ("boolean", "flag::integer::float8"),
    ("boolean", "flag::text"),
    ("boolean", "case when flag then 'on' else 'off' end"),
    ("timestamptz", "at at time zone 'UTC'"),
    ("timestamptz", "to_char(at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"),
    ("timestamptz", "date_part('epoch', at)"),
    ("vector", "v::numeric[]"),
    ("vector", "v::real[]"),
    ("vector", "v::text"),
    ("vector", "replace(replace(v::text, '{', '['), '}', ']')"),
    ("real", "single::text::float8"),
    ("real", "single::text"),
    ("interval", "date_part('epoch', span)"),
    ("interval", "span::text"),
    ("time", "clock::timetz"),
    ("time", "clock::text"),
    ("text", "word::varchar"),
    ("text", "word::char(7)::text"),
    ("integer category", "k::float8"),
    ("integer category", "k::numeric(6,2)"),
    ("integer category", "k::text"),
    ("integer category", "to_char(k, 'FM0.0')"),
    ("boolean category", "flag::integer"),
    ("boolean category", "flag::text"),
]


@pytest.mark.parametrize(("model", "expression"), TAKEN)
def test_what_converts_without_loss_is_taken(trained: Session, model: str, expression: str) -> None:
    with trained.transaction(force_rollback=True):
        trained.execute("set local timezone = 'UTC'")
        found = both(trained, model, expression)
    assert len(found) == 300
    assert all(batch == pytest.approx(known, rel=1e-12) == one for batch, one, known in found)


ALIKE = [
    ("double precision", "part::real / 3"),
    ("double precision", "part::real"),
    ("vector", "array[id / 3.0, id / 7.0]::real[]"),
    ("vector", "array[case when id % 2 = 0 then id % 3 end, id % 7]"),
    ("vector", "array[case when id % 2 = 0 then 'NaN'::float8 else 1 end, id % 7]::float8[]"),
    ("vector", "case when id % 3 > 0 then array[null, case when id % 2 = 0 then 4 end] end::float8[]"),
    ("real", "part / 3"),
    ("numeric category", "thirds::real"),
    ("numeric category", "thirds::float8"),
    ("numeric category", "thirds::numeric(20,10)"),
    ("numeric category", "(thirds * 3 / 3)::float8"),
    ("text category", "(id % 3)::numeric(6,2)"),
    ("text category", "(id % 3)::float8"),
    ("text category", "(id % 3)::char(4)"),
    ("text category", "id % 3 = 1"),
    ("text category", "date '2026-01-01' + id % 3"),
    ("text category", "timestamptz '2026-01-01Z' + id % 3 * interval '1 hour'"),
    ("text category", "id % 3 * interval '1 hour'"),
    ("text category", "(id % 3 / 7.0)::numeric"),
    ("text", "word::char(7)"),
    ("text", "upper(word)::name"),
    ("integer category", "k::real"),
    ("integer category", "k * 1e18::float8"),
    ("boolean category", "k::numeric(5,2)"),
]
"""Values of other types, known or not, that have to mean the same one by one as in a batch."""


@pytest.mark.parametrize("digits", ["0", "1"])
@pytest.mark.parametrize(("model", "expression"), ALIKE)
def test_another_type_means_the_same_one_by_one(trained: Session, model: str, expression: str, digits: str) -> None:
    with trained.transaction(force_rollback=True):
        trained.execute("set local datestyle = 'German'; set local intervalstyle = 'iso_8601'")
        trained.execute(f"set local extra_float_digits = {digits}".encode())
        found = both(trained, model, expression)
    assert len(found) == 300
    assert all(batch is not None and batch == pytest.approx(one, rel=1e-12) for batch, one, _ in found)


@pytest.mark.parametrize("number", ["10::numeric ^ 400", "-(10::numeric ^ 400)", "10::numeric ^ 5000"])
def test_a_numeric_beyond_double_precision_is_refused_with_its_column(trained: Session, number: str) -> None:
    rows = f"select y, k, {number} as n from t"
    calls = (
        f"select ml.predict_value('integer', to_jsonb(r)) from ({rows}) r",
        f"select * from ml.predict_batch('integer', $q${rows}$q$)",
        f"select ml.train('wide', 'regression', $q${rows}$q$, 'y', array['n'], 'ridge')",
    )
    for call in calls:
        with pytest.raises(psycopg.Error) as caught:
            trained.execute(call.encode())
        assert caught.value.sqlstate == "ML011"
        assert "'n'" in str(caught.value)
        assert len(str(caught.value.diag.message_primary)) < 200
        assert caught.value.diag.message_hint


def test_a_number_of_a_batch_is_the_one_that_is_printed(trained: Session) -> None:
    found = both(trained, "double precision", "part::real + 0.1::real")
    again = both(trained, "double precision", "(part::real + 0.1::real)::text::float8")
    assert [batch for batch, _, _ in found] == [batch for batch, _, _ in again]


NULLS = ("text", "integer", "boolean", "date", "float8[]", "interval", "bytea", "jsonb", "int4range", "text[]", "money")


@pytest.mark.parametrize("null", NULLS)
@pytest.mark.parametrize("model", MODELS)
def test_null_of_any_type_is_null(trained: Session, model: str, null: str) -> None:
    feature = MODELS[model][0]
    expected = trained.execute(f"select ml.predict_value('{model}', '{{\"{feature}\": null}}')".encode()).fetchone()
    found = trained.execute(
        f"select distinct value from ml.predict_batch('{model}', 'select null::{null} as {feature} from t')".encode()
    ).fetchall()
    assert found == [expected]


REFUSED = [
    ("integer", "word", "was integer at training, got text"),
    ("integer", "at", "was integer at training, got timestamp with time zone"),
    ("integer", "v", "was integer at training, got double precision[]"),
    ("integer", "'\\x00'::bytea", "was integer at training, got bytea"),
    ("boolean", "n", "was boolean at training, got integer"),
    ("boolean", "word", "was boolean at training, got text"),
    ("timestamptz", "word", "was timestamp with time zone at training, got text"),
    ("timestamptz", "flag", "was timestamp with time zone at training, got boolean"),
    ("timestamptz", "'infinity'::timestamptz", "must be"),
    ("vector", "n", "was double precision[] at training, got integer"),
    ("vector", "array[1.0, 2, 3]", "must be an array of 2 numbers"),
    ("vector", "array['a', 'b']", "was double precision[] at training, got text[]"),
    ("text", "v", "was text at training, got double precision[]"),
    ("text", "jsonb_build_object('a', 1)", "was text at training, got jsonb"),
    ("real", "1e300", "must be"),
]


@pytest.mark.parametrize(("model", "expression", "said"), REFUSED)
def test_what_does_not_convert_is_refused_with_the_column_and_both_types(
    trained: Session, model: str, expression: str, said: str
) -> None:
    feature = MODELS[model][0]
    rows = f"select {expression} as {feature} from t limit 3"
    with pytest.raises(psycopg.Error) as one:
        trained.execute(f"select ml.predict_value('{model}', to_jsonb(r)) from ({rows}) r".encode())
    with pytest.raises(psycopg.Error) as batch:
        trained.execute(f"select * from ml.predict_batch('{model}', $q${rows}$q$)".encode())
    for caught in (one, batch):
        assert caught.value.sqlstate == "ML011"
        assert f"feature '{feature}'" in str(caught.value)
        assert caught.value.diag.message_hint
    assert said in str(batch.value)
    assert " at training" in str(one.value)


def test_a_boolean_is_a_target_of_regression(module_db: Session, trained: Session) -> None:
    trained.execute("select ml.train('r', 'regression', 't', 'flag', array['n', 'bit01'], 'linear_regression')")
    rows = trained.execute("select ml.predict_value('r', to_jsonb(t)), flag::int from t").fetchall()
    assert all(abs(value - flag) < 1e-6 for value, flag in rows)
    scores = trained.execute("select ml.evaluate('r', 't')").fetchone()
    assert scores is not None
    assert scores[0]["r2"] > 0.999


def test_equal_numbers_are_one_class(trained: Session) -> None:
    trained.execute(
        "create table scales as select i % 2 as f, (array['1', '1.0', '2.0', '2.00', '-0', '0.0'])[1 + i % 6]::numeric "
        "as y from generate_series(1, 120) i"
    )
    trained.execute("select ml.train('scales', 'classification', 'scales', 'y', null, 'decision_tree')")
    info = trained.execute("select ml.get_model_info('scales')").fetchone()
    assert info is not None
    assert info[0]["classes"] == ["0", "1", "2"]


def test_a_whole_number_is_one_category_however_it_is_written(trained: Session) -> None:
    for given in ("2", "2.0", "2e0", '"2"', '"2.00"'):
        row = trained.execute(
            "select ml.predict_value('integer category', %s::jsonb)", [f'{{"k": {given}}}']
        ).fetchone()
        known = trained.execute("select ml.predict_value('integer category', '{\"k\": 2}')").fetchone()
        assert row == known


def test_labels_keep_all_digits_of_a_double(trained: Session) -> None:
    with trained.transaction(force_rollback=True):
        trained.execute(
            "create table thirds as select i % 3 as f, i % 3 / 3::float8 as y from generate_series(1, 90) i"
        )
        trained.execute("select ml.train('thirds', 'classification', 'thirds', 'y', null, 'decision_tree')")
        trained.execute("set local extra_float_digits = 0")
        rows = trained.execute("select ml.predict_value('thirds', to_jsonb(t)) = y from thirds t").fetchall()
        assert all(equal for (equal,) in rows)
        assert trained.execute("select (ml.evaluate('thirds', 'thirds') ->> 'accuracy')::float8").fetchone() == (1.0,)


def test_moments_keep_microseconds_and_reach_as_far_as_postgresql(trained: Session) -> None:
    values = [
        "2026-01-01 00:00:00.000001", "9999-12-31 23:59:59.999999", "12026-02-28 01:02:03.4", "0044-03-15 10:20 BC",
        "294276-12-31 23:59:59", "4713-01-01 00:00 BC", "1969-12-31 23:59:59.999999",
    ]  # fmt: skip
    with trained.transaction(force_rollback=True):
        trained.execute("create table moments (id int, at timestamp, y float8)")
        trained.execute(
            "insert into moments select i, (%s::timestamp[])[1 + i %% 7] + (i / 7) * interval '61 microseconds', i "
            "from generate_series(0, 139) i",
            [values],
        )
        trained.execute("select ml.train('moments', 'regression', 'moments', 'y', array['at'], 'ridge')")
        rows = trained.execute(
            "select b.value, ml.predict_value('moments', to_jsonb(m)) from moments m "
            "join ml.predict_batch('moments', 'moments', 'id') b on b.id = m.id::text"
        ).fetchall()
    assert len(rows) == 140
    assert all(batch == pytest.approx(one, rel=1e-9) for batch, one in rows)


REFUSED_TYPES = {
    "int4range(1, 1 + i)": "int4range",
    "i::numeric::money": "money",
    "int4send(i)": "bytea",
    "jsonb_build_array(i)": "jsonb",
    "array['a', i::text]": "text[]",
    "point(i, i)": "point",
    "row(i, 'a')::pair": "pair",
    "array[i, 2]": "integer[]",
}


@pytest.mark.parametrize("expression", REFUSED_TYPES)
def test_a_type_without_one_text_is_refused_as_a_category(trained: Session, expression: str) -> None:
    with trained.transaction(force_rollback=True):
        trained.execute("create type pair as (a int, b text)")
        with pytest.raises(psycopg.Error) as caught:
            trained.execute(
                "select ml.train('x', 'regression', %s, 'y', preprocess => '{\"f\": {\"type\": \"category\"}}')",
                [f"select {expression} as f, i as y from generate_series(1, 20) i"],
            )
    assert caught.value.sqlstate == "ML010"
    assert "'f'" in str(caught.value)
    assert '"f"' in (caught.value.diag.message_hint or "")


@pytest.mark.parametrize("role", ["feature", "group", "label"])
def test_a_nondeterministic_collation_is_refused_with_a_hint(trained: Session, role: str) -> None:
    with trained.transaction(force_rollback=True):
        trained.execute("create collation nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false)")
        trained.execute("create table odd as select i % 2 as n, i % 3 as g, i % 2 as y from generate_series(1, 60) i")
        column = {"feature": "n", "group": "g", "label": "y"}[role]
        trained.execute(f"alter table odd alter {column} type text collate nocase using {column}::text".encode())
        with pytest.raises(psycopg.Error) as caught:
            trained.execute("select ml.train('x', 'classification', 'odd', 'y', array['n'], group_by => 'g')")
    assert caught.value.sqlstate == "ML010"
    assert f"'{column}'" in str(caught.value)
    assert "lower(" in (caught.value.diag.message_hint or "")


def test_a_group_of_timestamptz_works_one_by_one(trained: Session) -> None:
    with trained.transaction(force_rollback=True):
        trained.execute(
            "create table daily as select timestamptz '2026-01-01 12:00Z' + i % 3 * interval '1 day' as day, "
            "i % 5 as n, i % 3 * 100.0 + i % 5 as y, i as id from generate_series(1, 300) i"
        )
        trained.execute("select ml.train('daily', 'regression', 'daily', 'y', array['n'], 'ridge', group_by => 'day')")
        trained.execute("set local timezone = 'Asia/Kathmandu'")
        rows = trained.execute(
            "select b.value, ml.predict_value('daily', to_jsonb(d)) from daily d "
            "join ml.predict_batch('daily', 'daily', 'id') b on b.id = d.id::text"
        ).fetchall()
    assert len(rows) == 300
    assert all(batch is not None and batch == one for batch, one in rows)


def test_an_id_is_what_a_cast_to_text_gives(trained: Session) -> None:
    found = trained.execute(
        "select bool_and(b.id = t.y::text), count(*) from (select distinct on (y) * from t) t join "
        "ml.predict_batch('integer', 'select distinct on (y) * from t', 'y') b on b.id::numeric = t.y"
    ).fetchone()
    assert found is not None
    assert found[0]
    assert found[1] > 10
