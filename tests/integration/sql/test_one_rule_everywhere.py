"""One rule for values of any type in all that predicts and explains: a row and a table agree, or both refuse."""

from __future__ import annotations

import json
import math
from typing import Any

import psycopg
import pytest
from hypothesis import Phase, given, settings

from tests.integration.sql.values import SETTINGS, set_all

Session = psycopg.Connection[Any]

TWICE = settings(deadline=None, max_examples=2, phases=[Phase.generate])  # to shrink takes minutes

TABLE = """
create table t as select i as id, i % 3 as k, (i % 3)::text as word, ((i % 3) * 0.5)::float8 as part, i % 2 = 0 as flag,
    timestamptz '2026-01-01Z' + (i % 3) * interval '1 day' as at, date '2026-01-01' + i % 3 as day,
    (i % 3) * interval '1 hour' as span, i % 5 as n, (i % 3)::numeric(8, 2) as amount,
    array[i % 3, i % 5]::float8[] as v, sin(i) + (i % 3) * 3 as y
from generate_series(1, 150) i
"""

FEATURES = ("k", "word", "part", "flag", "at", "day", "span", "v", "amount")
ROLES = ("plain", "category", "group", "free")

GIVEN = (
    "k", "k::numeric(6,2)", "k::float8", "k::real", "k::text", "k::char(3)", "k::bigint", "k = 1", "k::oid",
    "k::bit(2)", "flag", "flag::int", "flag::text", "part", "part::text", "part::real", "part::numeric", "at",
    "at::text", "at at time zone 'UTC'", "day", "day::text", "day::timestamp", "span", "span::text",
    "date_part('epoch', span)", "span::time", "v", "v::int[]", "v::text", "array[1]", "array['a', 'b']", "amount",
    "amount::text", "word", "word::varchar", "word::name", "upper(word)", "'x'::text", "''::text", "null::text",
    "null::int", "null::jsonb", "null::float8[]", "1e300::float8", "-0.0::float8", "1e15::float8", "'NaN'::float8",
    "'NaN'::text", "'Infinity'::float8", "1e-400", "1e400", "10::numeric ^ 5000", "'1e-400'::text",
    "'infinity'::timestamptz", "'24:00:00'::time", "'10:00+02'::timetz", "'2026-01-02T00:00:00+05:45'::text",
    "'P1DT2H'::text", "(k || ' hours')::text", "row(1, 2)", "to_jsonb(k)", "to_jsonb(word)", "to_jsonb(flag)",
    "to_jsonb(part)", "to_json(v)", "to_jsonb(at)", "to_jsonb(span)", "'null'::jsonb", "jsonb_build_object('a', 1)",
    "jsonb_build_array(1, 2)", "to_jsonb(1e-400)", "to_jsonb(array[1, null])",
)  # fmt: skip
"""Values of all kinds but those that only a table tells from texts, such as ranges."""

Found = tuple[str, Any]


@pytest.fixture(scope="module")
def rows(module_db: Session) -> Session:
    module_db.execute(TABLE.encode())
    return module_db


def asked(session: Session, query: str) -> Found:
    """Return what a query answers, or the code and the text of its error."""
    try:
        with session.transaction():
            return "rows", session.execute(query.encode()).fetchall()
    except psycopg.Error as error:
        return "error", (error.sqlstate, str(error))


def close(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9)
    return bool(one == other)


def agree(one: Found, other: Found) -> bool:
    if one[0] == other[0] == "error":
        return bool(one[1][0] == other[1][0] == "ML011")
    return one[0] == other[0] and len(one[1]) == len(other[1]) and all(
        len(first) == len(second) and all(map(close, first, second))
        for first, second in zip(one[1], other[1], strict=True)
    )  # fmt: skip


CASES = [(feature, role) for feature in FEATURES if feature != "v" for role in ROLES[:3]]
CASES += [("word", "free"), ("v", "plain")]


@pytest.mark.parametrize(("feature", "role"), CASES)
def test_values_of_any_type_mean_one_by_one_what_they_mean_in_a_table(rows: Session, feature: str, role: str) -> None:
    preprocess = {"category": {feature: {"type": "category"}}, "free": {feature: {"type": "text"}}}.get(role, {})
    rows.execute(
        "select ml.train('m', 'regression', 't', 'y', %s, 'ridge', preprocess => %s, group_by => %s, "
        "intervals => '{}', test_size => 0.4)",
        [["n"] if role == "group" else [feature, "n"], json.dumps(preprocess), feature if role == "group" else None],
    )

    @TWICE
    @given(SETTINGS)
    def alike(chosen: dict[str, str]) -> None:
        with rows.transaction(force_rollback=True):
            rows.execute(set_all({**chosen, "client_encoding": "UTF8"}))
            # such digits are lost in what to_jsonb prints, before a function sees them
            rows.execute(set_all({"extra_float_digits": "1"}))
            for expression in GIVEN:
                others = "n, " if feature != "n" else ""
                source = f"select id, {others}{expression} as {feature} from t where id < 20"
                batch = asked(
                    rows,
                    "select id, value, lower, upper from "
                    f"ml.predict_batch('m', $q${source}$q$, id_column => 'id', level => 0.9) order by id::int",
                )
                one = asked(
                    rows,
                    "select id::text, (p).value, (p).lower, (p).upper from (select id, ml.predict_interval('m', "
                    f"to_jsonb(r)) as p from ({source}) r) as answers order by answers.id",
                )
                assert agree(batch, one), (expression, batch, one)
                many = asked(
                    rows,
                    f"select id, feature, value, attribution from ml.explain_batch('m', $q${source}$q$, 'id') "
                    "order by id::int, feature",
                )
                single = asked(
                    rows,
                    f"select r.id::text, e.feature, e.value, e.attribution from ({source}) r, "
                    "ml.explain('m', to_jsonb(r)) e where e.rank > 0 order by r.id, e.feature",
                )
                assert agree(many, single), (expression, many, single)
                for found in (batch, one, many, single):
                    if found[0] == "error":
                        assert f"'{feature}'" in found[1][1], (expression, found)

    alike()


def test_a_number_so_near_zero_that_no_double_is_left_is_refused_everywhere(rows: Session) -> None:
    rows.execute("select ml.train('near', 'regression', 't', 'y', array['amount', 'n'], 'ridge')")
    calls = (
        """select ml.predict_value('near', '{"amount": 1e-400, "n": 1}')""",
        """select ml.predict_value('near', '{"amount": "1e-400", "n": 1}')""",
        "select ml.predict_value('near', jsonb_build_object('amount', 1e-400, 'n', 1))",
        "select ml.predict_value('near', '[1e-400, 1]'::text)",
        "select * from ml.predict_batch('near', 'select 1e-400 as amount, 1 as n')",
        "select * from ml.predict_batch('near', 'select to_jsonb(1e-400) as amount, 1 as n')",
    )
    for call in calls:
        with pytest.raises(psycopg.Error, match="amount") as caught:
            rows.execute(call.encode())
        assert caught.value.sqlstate == "ML011", call
    taken = rows.execute(
        """select ml.predict_value('near', '{"amount": 0e-400, "n": 1}') = ml.predict_value('near',
        '{"amount": 0, "n": 1}'), ml.predict_value('near', '{"amount": 1e-300, "n": 1}') is not null"""
    ).fetchone()
    assert taken == (True, True)


@pytest.mark.parametrize("label", ["NaN", "Infinity", "-Infinity"])
@pytest.mark.parametrize("sql_type", ["float8", "real", "numeric"])
def test_a_label_that_is_no_number_is_refused_unless_it_is_a_text(rows: Session, label: str, sql_type: str) -> None:
    source = f"select k, (array['{label}', '1.5', '2'])[1 + k]::{sql_type} as y from t"
    with pytest.raises(psycopg.Error, match=f"holds {label}") as caught:
        rows.execute("select ml.train('odd', 'classification', %s, 'y', null, 'decision_tree')", [source])
    assert caught.value.sqlstate == "ML006"
    assert "text" in (caught.value.diag.message_hint or "")
    source = f"select k, y::text as y from ({source}) as s"
    rows.execute("select ml.train('odd', 'classification', %s, 'y', null, 'decision_tree')", [source])
    row = rows.execute("select ml.predict('odd', '{\"k\": 0}') -> 'prediction'").fetchone()
    assert row == (label,)


def test_numeric_labels_keep_their_digits_in_json(rows: Session) -> None:
    labels = ["12345678901234567890.5", "12345678901234567890.25", "0.1"]
    rows.execute(
        "create table long_labels as select i %% 3 as k, (%s::numeric[])[1 + i %% 3] as y "
        "from generate_series(1, 90) i",
        [labels],
    )
    rows.execute("select ml.train('long', 'classification', 'long_labels', 'y', null, 'decision_tree')")
    found = rows.execute(
        "select bool_and(ml.predict('long', to_jsonb(t)) -> 'prediction' = to_jsonb(y)) from long_labels t"
    ).fetchone()
    assert found == (True,)


@pytest.mark.parametrize("algorithm", ["ridge", "random_forest", "linear_regression"])
def test_a_target_whose_squares_no_double_holds_is_refused(rows: Session, algorithm: str) -> None:
    for number in ("1.7976931348623157e308", "1e200"):
        source = f"select k, case when k = 1 then {number} else -{number} end::float8 as y from t"
        with pytest.raises(psycopg.Error, match="target 'y'") as caught:
            rows.execute("select ml.train('far', 'regression', %s, 'y', null, %s)", [source, algorithm])
        assert caught.value.sqlstate == "ML006"
        assert "Divide" in (caught.value.diag.message_hint or "")


@pytest.mark.parametrize("algorithm", ["linear_regression", "random_forest", "hist_gradient_boosting"])
def test_large_numbers_are_features_that_say_what_small_ones_do(rows: Session, algorithm: str) -> None:
    source = "select id, case when flag then 1e300 else -1e300 end::float8 as f, flag::int::float8 as y from t"
    rows.execute("select ml.train('large', 'regression', %s, 'y', array['f'], %s)", [source, algorithm])
    found = rows.execute(
        "select bool_and(abs(b.value - s.y) < 0.05), bool_and(abs(b.value - ml.predict_value('large', to_jsonb(s))) "
        f"< 1e-9) from ({source}) s join ml.predict_batch('large', %s, 'id') b on b.id = s.id::text".encode(),
        [source],
    ).fetchone()
    assert found == (True, True)
    with pytest.raises(psycopg.Error, match="column 'f' holds numbers beyond") as caught:
        rows.execute("select ml.train('larger', 'regression', 'select id * 1e306::float8 as f, y from t', 'y')")
    assert caught.value.sqlstate == "ML010"
    assert caught.value.diag.message_hint


@pytest.mark.parametrize("truth", ["'Infinity'::float8", "'-Infinity'::float8", "1e200::float8", "1e400 * id"])
def test_a_truth_that_no_score_can_be_of_is_refused_with_its_column(rows: Session, truth: str) -> None:
    rows.execute("select ml.train('scored', 'regression', 't', 'y', array['n'], 'ridge')")
    query = f"select n, case when id = 3 then {truth} else y{'::numeric' if 'id' in truth else ''} end as y from t"
    with pytest.raises(psycopg.Error, match="'y'") as caught:
        rows.execute("select ml.evaluate('scored', %s)", [query])
    assert caught.value.sqlstate in ("ML006", "ML011")
    assert caught.value.diag.message_hint
