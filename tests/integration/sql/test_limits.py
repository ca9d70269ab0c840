"""Limits without surprises: as many columns as a table has, texts of tens of megabytes, functions of many features."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tests.integration.sql.test_predict_into import columns

Session = psycopg.Connection[Any]


def wide_table(session: Session, name: str, expressions: list[str], rows: int = 60) -> None:
    """Make a table of many columns and a target y; i numbers the rows."""
    named = ", ".join(f"{expression} as c{number}" for number, expression in enumerate(expressions))
    session.execute(
        f"create table {name} as select {named}, (i % 2)::text as y from generate_series(1, {rows}) i".encode()
    )


@pytest.mark.parametrize("count", [831, 832, 1_599])
def test_as_many_columns_of_text_as_a_table_can_have(db: Session, count: int) -> None:
    wide_table(db, "wide", [f"(array['a', 'b', null])[1 + (i + {n}) % 3]" for n in range(count)])
    db.execute("select ml.train('m', 'classification', 'wide', 'y', algorithm => 'decision_tree')")
    for source in ("wide", "select * from wide"):
        row = db.execute(
            "select count(*), bool_and(p.prediction = ml.predict_label('m', to_jsonb(w))) "
            "from (select w, row_number() over () as n from wide w) w "
            "join ml.predict_batch('m', %s, null, id_type => null::bigint) p on p.id = w.n",
            [source],
        ).fetchone()
        assert row == (60, True)
    assert db.execute("select count(id) from ml.predict_batch('m', 'wide', 'y')").fetchone() == (60,)
    assert db.execute("select count(*) > 0 from ml.evaluate('m', 'wide', 'y')").fetchone() == (True,)
    assert db.execute("select ml.predict_into('m', 'wide', 'kept', 'c3', keep => array['c1', 'c2'])").fetchone() == (
        60,
    )
    assert list(columns(db, "kept"))[:3] == ["id", "c1", "c2"]


def test_texts_of_tens_of_megabytes_are_trained_on_and_predicted(db: Session) -> None:
    db.execute(
        "create table long as select i as id, i % 2 as y, case i % 2 when 0 then 'good ' else 'bad ' end "
        "|| case when i in (3, 1500, 2996) then repeat('word ', 2400000) else 'word' end as txt "
        "from generate_series(1, 3000) i"
    )
    db.execute(
        "select ml.train('m', 'classification', 'select txt, y from long where id > 3', 'y', "
        'algorithm => \'logistic_regression\', preprocess => \'{"txt": {"type": "text"}}\')'
    )
    for source in ("long", "select * from long order by id"):
        rows = db.execute(
            "select p.id, p.value = l.y from ml.predict_batch('m', %s, 'id', id_type => null::integer) p "
            "join long l using (id)",
            [source],
        ).fetchall()
        assert [key for key, _ in rows] == list(range(1, 3001))
        assert [key for key, right in rows if not right and key not in (3, 1500, 2996)] == []


@pytest.mark.slow
def test_a_first_chunk_of_large_rows_stays_below_what_one_value_can_be(db: Session) -> None:
    db.execute("select ml.train('m', 'regression', 'select i as x, 2.0 * i as y from generate_series(1, 50) i', 'y')")
    query = "select i as x, repeat('x', 30000000) || i as txt from generate_series(1, 45) i"
    row = db.execute(
        "select count(*), sum(length(id)::bigint), sum(value) from ml.predict_batch('m', %s, 'txt')", [query]
    ).fetchone()
    assert row
    assert row[:2] == (45, 45 * 30_000_000 + 9 + 36 * 2)
    assert row[2] == pytest.approx(45 * 46, rel=0.02)


@pytest.mark.parametrize("count", [100, 101, 150])
def test_a_function_of_more_features_than_arguments_takes_them_as_jsonb(db: Session, count: int) -> None:
    kinds = ["sin(i * {n})", "(array['a', 'b', '\"c\"'])[1 + (i + {n}) % 3]", "(i + {n}) % 2 = 0"]
    kinds.append("timestamp '2026-01-01' + i * {n} * interval '1 hour'")
    expressions = [f"case when (i + {n}) % 17 > 0 then {kinds[n % 4].format(n=n)} end" for n in range(count)]
    wide_table(db, "wide", expressions, 200)
    db.execute("alter table wide rename column c0 to input")
    db.execute("alter table wide drop column y, add column y float8")
    db.execute("update wide set y = coalesce(input, 0) + coalesce(length(c1), 0)")
    db.execute("select ml.train('m', 'regression', 'wide', 'y', algorithm => 'ridge')")
    signature = db.execute("select ml.create_sql_function('m', 'public.own')").fetchone()
    assert signature
    if count > 100:
        assert signature == ('"public"."own"(jsonb)',)
        call = "own(to_jsonb(w))"
    else:
        names = [name for name in columns(db, "wide") if name != "y" and "dropped" not in name]
        call = f"own({', '.join(f'w.{name}' for name in names)})"
    row = db.execute(
        f"select count(*), max(abs({call} - ml.predict_value('m', to_jsonb(w)))) from wide w".encode()
    ).fetchone()
    assert row
    assert (row[0], row[1] < 1e-8) == (200, True)
