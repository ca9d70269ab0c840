"""One value has one text and one meaning: from a table, one by one, in SQL, under every setting of the session."""

from __future__ import annotations

import json
from itertools import combinations
from typing import Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motadata_ml_server.prediction.row_input import decode
from motadata_ml_server.values.sql_text import sql_text
from motadata_ml_server.values.text_forms import completed_in_python, text_form
from tests.integration.sql.values import EDGES, EXAMPLES, LITERALS, ONLY_FEATURES, SETTINGS, TYPES, set_all

Session = psycopg.Connection[Any]

FEW = settings(deadline=None, max_examples=3)
MANY = settings(deadline=None, max_examples=50)
QUICK = settings(deadline=None, max_examples=8)
LONG = settings(deadline=None, max_examples=1000)

LABELS = [name for name in EXAMPLES if name not in ONLY_FEATURES]

OFTEN: tuple[str, ...] = ("numeric", "numeric(6,2)", "double precision", "boolean", "character(5)", "date", "timestamp")
OFTEN += ("timestamptz", "interval", "inet", "grade", "citext")
"""Types with a rule of their own, which every run tries as a group and a label too."""

OTHER_SETTINGS = {"datestyle": "German", "timezone": "Asia/Kathmandu", "intervalstyle": "iso_8601"}


@pytest.fixture(scope="module")
def database(module_db: Session) -> Session:
    module_db.execute(TYPES.encode())
    return module_db


def label_of(session: Session, sql_type: str) -> str:
    found = session.execute(
        "select format_type(case typtype when 'd' then typbasetype else oid end, null) from pg_type "
        "where oid = %s::regtype",
        [sql_type],
    ).fetchone()
    assert found is not None
    return str(found[0])


def texts_of(
    session: Session, sql_type: str, literals: list[str], chosen: dict[str, str]
) -> tuple[list[tuple[str, str]], set[tuple[int, int]]]:
    """Return each value as JSON and as the text that it has in a table, and the positions of those that are equal."""
    written = sql_text(label_of(session, sql_type), "v.v")
    with session.transaction(force_rollback=True):
        session.execute(f"create temp table v (n integer, v {sql_type})".encode())
        session.execute(
            f"insert into v select n, t::{sql_type} from unnest(%s::text[]) with ordinality as u (t, n)".encode(),
            [literals],
        )
        session.execute(set_all({**chosen, "client_encoding": "UTF8"}))
        rows = session.execute(f"select to_jsonb(v.v)::text, {written} from v order by n".encode()).fetchall()
        equal = session.execute("select a.n, b.n from v a join v b on a.v = b.v and a.n < b.n").fetchall()
    return rows, {(first - 1, second - 1) for first, second in equal}


def printed_in_full(literal: str, sql_type: str, chosen: dict[str, str]) -> bool:
    """Tell whether JSON has all digits that a text keeps: without extra ones, large whole numbers have lost some."""
    most = {"real": 1e6, "double precision": 1e15}.get(sql_type)
    return most is None or chosen["extra_float_digits"] != "0" or not most <= abs(float(literal)) < 2.0**63


def check_texts(session: Session, sql_type: str, literals: list[str], chosen: dict[str, str]) -> None:
    label = label_of(session, sql_type)
    form, finish = text_form(label), completed_in_python(label)
    literals = [literal for literal in literals if printed_in_full(literal, sql_type, chosen)]
    rows, equal = texts_of(session, sql_type, literals, chosen)
    found = []
    for document, text in rows:
        from_table = form(text) if finish else text
        [value] = decode(f"[{document}]", exact=label == "numeric")
        assert form(value) == from_table
        assert form(from_table) == from_table, "the text is its own text"
        found.append(from_table)
    same = {(at, other) for at, other in combinations(range(len(found)), 2) if found[at] == found[other]}
    if label in ("real", "double precision"):
        assert equal <= same, "equal numbers have one text"
    else:
        assert equal == same, "equal values have one text, others have another"


@pytest.mark.parametrize("sql_type", LITERALS)
def test_a_value_has_one_text_in_json_and_in_a_table(database: Session, sql_type: str) -> None:
    @QUICK
    @given(st.lists(LITERALS[sql_type], min_size=1, max_size=20), SETTINGS)
    def one_text(literals: list[str], chosen: dict[str, str]) -> None:
        check_texts(database, sql_type, literals, chosen)

    one_text()


@pytest.mark.parametrize("digits", ["0", "1", "3"])
@pytest.mark.parametrize("sql_type", EDGES)
def test_the_largest_and_the_smallest_numbers_have_one_text(database: Session, sql_type: str, digits: str) -> None:
    check_texts(database, sql_type, EDGES[sql_type], {"extra_float_digits": digits})


@pytest.mark.parametrize("sql_type", ["real", "double precision"])
def test_a_label_keeps_the_largest_and_the_smallest_numbers(database: Session, sql_type: str) -> None:
    form, written = text_form(sql_type, label=True), sql_text(sql_type, "v", label=True)
    query = f"select v, {written} from (select unnest(%s::text[])::{sql_type} as v) as u"
    for value, text in database.execute(query.encode(), [EDGES[sql_type]]).fetchall():
        label = form(text)
        assert form(label) == label, "the text is its own text"
        assert form(value) == label
        same = f"select %s::{sql_type} operator(pg_catalog.=) %s::{sql_type}"
        assert database.execute(same.encode(), [label, value]).fetchone() == (True,)


def test_a_row_may_hold_a_number_of_thousands_of_digits(database: Session) -> None:
    with database.transaction(force_rollback=True):
        database.execute(
            "create table huge as select i as id, i % 5 as n, (i % 3)::numeric * 10::numeric ^ 5000 as k, "
            "case when i % 2 = 0 then 1.7976931348623157e308 else -1.7976931348623157e308 end::float8 as edge, "
            "i % 5 * 2.0 + i % 2 as y from generate_series(1, 60) i"
        )
        kinds = json.dumps({"k": {"type": "category"}, "edge": {"type": "category"}})
        database.execute(
            "select ml.train('m', 'regression', 'huge', 'y', array['n', 'k', 'edge'], 'ridge', preprocess => %s)",
            [kinds],
        )
        for digits in ("0", "1"):
            database.execute(set_all({"extra_float_digits": digits}))
            different = database.execute(
                "select count(*) filter (where abs(b.value - t.y) < 1), count(*) filter (where b.value <> "
                "ml.predict_value('m', to_jsonb(t))) from huge t join ml.predict_batch('m', 'huge', 'id') b "
                "on b.id = t.id::text"
            ).fetchone()
            assert different == (60, 0)


@pytest.mark.slow
@pytest.mark.parametrize("sql_type", LITERALS)
def test_many_more_values_have_one_text(database: Session, sql_type: str) -> None:
    @LONG
    @given(st.lists(LITERALS[sql_type], min_size=1, max_size=60), SETTINGS)
    def one_text(literals: list[str], chosen: dict[str, str]) -> None:
        check_texts(database, sql_type, literals, chosen)

    one_text()


COLUMNS = {f"c{number}": sql_type for number, sql_type in enumerate(EXAMPLES)}


@pytest.fixture(scope="module")
def trained(database: Session) -> Session:
    """Train on a table with a column of each type, and NULLs; `in_sql` is a model that has a form in SQL."""
    columns = []
    for number, (name, sql_type) in enumerate(COLUMNS.items()):
        value = f"(array{list(EXAMPLES[sql_type])!r})[1 + (i + i / {number + 2}) % 3]::{sql_type}"
        columns.append(f"case when i % 7 <> {number % 7} then {value} end as {name}")
    database.execute(
        f"create table given as select i as id, {', '.join(columns)}, sin(i * i) as y "
        "from generate_series(1, 90) i".encode()
    )
    kinds = {name: {"type": "category"} for name in COLUMNS}
    for model, left_out in (("all", ()), ("in_sql", ("interval",))):
        features = [name for name, sql_type in COLUMNS.items() if sql_type not in left_out]
        database.execute(
            "select ml.train(%s, 'regression', 'given', 'y', %s, 'ridge', preprocess => %s)",
            [model, features, json.dumps({name: kinds[name] for name in features})],
        )
    return database


@pytest.mark.parametrize("examples", [FEW, pytest.param(MANY, marks=pytest.mark.slow)], ids=["few", "many"])
def test_every_type_answers_alike_from_a_table_one_by_one_and_in_sql(trained: Session, examples: settings) -> None:
    expression = trained.execute("select ml.to_sql('in_sql')").fetchone()
    assert expression is not None

    @examples
    @given(SETTINGS)
    def alike(chosen: dict[str, str]) -> None:
        with trained.transaction(force_rollback=True):
            trained.execute(set_all({**chosen, "client_encoding": "UTF8"}))
            for model, written in (("all", "null::float8"), ("in_sql", expression[0])):
                different = trained.execute(
                    f"select t.id, b.value, ml.predict_value(%s, to_jsonb(t)), {written} as in_sql "
                    "from given t join ml.predict_batch(%s, 'given', 'id') b on b.id = t.id::text "
                    "where abs(b.value - ml.predict_value(%s, to_jsonb(t))) > 1e-12 or abs(b.value - "
                    f"({written})) > 1e-12".encode(),
                    [model] * 3,
                ).fetchall()
                assert different == []

    alike()


@pytest.mark.parametrize(
    "sql_type", [name if name in OFTEN else pytest.param(name, marks=pytest.mark.slow) for name in LABELS]
)
def test_a_type_is_a_feature_a_group_and_a_label(database: Session, sql_type: str) -> None:
    values = list(EXAMPLES[sql_type])
    with database.transaction(force_rollback=True):
        database.execute(
            f"create table t as select i as id, (array{values!r})[1 + i % 3]::{sql_type} as f, "
            f"(array{values!r})[1 + i / 3 % 3]::{sql_type} as g, (array{values!r})[1 + i % 3]::{sql_type} as y "
            "from generate_series(1, 60) i".encode()
        )
        database.execute(
            "select ml.train('m', 'classification', 't', 'y', array['f'], 'decision_tree', group_by => 'g', "
            """test_size => 0, preprocess => '{"f": {"type": "category"}}')"""
        )
        for chosen in ({}, OTHER_SETTINGS):
            if chosen:
                database.execute(set_all(chosen))
            rows = database.execute(
                f"select b.prediction, ml.predict_label('m', to_jsonb(t)), b.prediction::text::{sql_type} = t.y "
                "from t join ml.predict_batch('m', 't', 'id') b on b.id = t.id::text".encode()
            ).fetchall()
            assert len(rows) == 60
            assert all(batch is not None and batch == one and right for batch, one, right in rows)
            scores = database.execute("select ml.evaluate('m', 't')").fetchone()
            assert scores is not None
            assert scores[0]["accuracy"] == 1.0
