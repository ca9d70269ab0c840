"""Names and relations that trip others."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

ROWS = "select i as x, i % 7 as z, case when i > 50 then 'b' else 'a' end as y from generate_series(1, 100) as i"

RELATIONS = {
    "mixed case": ('create table "My Tickets" as ' + ROWS, '"My Tickets"'),
    "mixed case without quotes": ('create table "Tickets" as ' + ROWS, "Tickets"),
    "schema off the search path": ("create schema away; create table away.t as " + ROWS, "away.t"),
    "quoted schema": ('create schema "A b"; create table "A b"."C.d" as ' + ROWS, '"A b"."C.d"'),
    "view": ("create view v as " + ROWS, "v"),
    "materialised view": ("create materialized view mv as " + ROWS, "mv"),
    "partitioned table": (
        "create table p (x int, z int, y text) partition by range (x); "
        "create table p1 partition of p for values from (0) to (60); "
        "create table p2 partition of p default; insert into p " + ROWS,
        "p",
    ),
    "temporary table": ("create temp table tmp as " + ROWS, "tmp"),
    "generated column": (
        "create table g (x int, z int generated always as (x % 7) stored, y text); "
        "insert into g (x, y) select x, y from (" + ROWS + ") as r",
        "g",
    ),
    "query with a trailing semicolon": ("create table q as " + ROWS, "select * from q order by x desc;"),
    "query with a comment": ("create table c as " + ROWS, "select * from c -- all of it"),
    "values of a domain and an enum": (
        "create domain positive as integer check (value > 0); create type colour as enum ('a', 'b'); "
        "create table de (x positive, z numeric(10, 2), y colour); insert into de select x, z, y::colour from ("
        + ROWS
        + ") as r",
        "de",
    ),
    "column named like a keyword": (
        'create table k as select x as "select", z as "order", y from (' + ROWS + ") as r",
        "k",
    ),
    "column with odd characters": (
        'create table o as select x as "a ""b"" $1 %s {c}", z as "naïve;--", y from (' + ROWS + ") as r",
        "o",
    ),
}


@pytest.mark.parametrize(("setup", "relation"), RELATIONS.values(), ids=RELATIONS)
def test_relation_trains_and_predicts(db: psycopg.Connection[Any], setup: str, relation: str) -> None:
    for statement in setup.split("; "):
        db.execute(statement)
    row = db.execute("select * from ml.train('m', 'classification', %s, 'y')", [relation]).fetchone()
    assert row is not None
    assert row[1] == "completed"
    predictions = db.execute("select count(*), count(prediction) from ml.predict_batch('m', %s)", [relation]).fetchone()
    assert predictions == (100, 100)


def test_foreign_table_trains(db: psycopg.Connection[Any], tmp_path_factory: pytest.TempPathFactory) -> None:
    db.execute("create extension file_fdw")
    path = db.execute("select current_setting('data_directory') || '/rows.csv'").fetchone()
    assert path is not None
    db.execute(f"copy ({ROWS}) to '{path[0]}' with (format csv)")
    db.execute("create server files foreign data wrapper file_fdw")
    db.execute(
        f"create foreign table f (x int, z int, y text) server files options (filename '{path[0]}', format 'csv')"
    )
    db.execute("select ml.train('m', 'classification', 'f', 'y')")
    assert db.execute("select count(*) from ml.predict_batch('m', 'f')").fetchone() == (100,)


def test_label_comes_back_as_it_was_in_the_table(db: psycopg.Connection[Any]) -> None:
    for name, expression, expected in (
        ("t", "case when i > 50 then 'b' else 'a' end", "b"),
        ("i", "case when i > 50 then 7 else -3 end", 7),
        ("b", "i > 50", True),
    ):
        db.execute(
            "select ml.train(%s, 'classification', "
            f"'select i as x, {expression.replace(chr(39), chr(39) * 2)} as y from generate_series(1, 100) as i', 'y')",
            [name],
        )
        row = db.execute("select ml.predict(%s, ARRAY[99])", [name]).fetchone()
        assert row is not None
        assert row[0]["prediction"] == expected
        assert type(row[0]["prediction"]) is type(expected)


def test_every_feature_type_needs_no_declaration(db: psycopg.Connection[Any]) -> None:
    db.execute(
        """create table kinds as select i, i::smallint as s, i::bigint as b, i::real as r, i::float8 as f,
            i::numeric as n, i % 2 = 0 as flag, (array['x', 'y', null])[1 + i % 3] as category,
            'the quick brown fox number ' || i || ' jumps over ' || (i % 9) || ' lazy dogs' as words,
            date '2024-01-01' + i as day, timestamp '2024-01-01' + i * interval '1 hour' as moment,
            now() - i * interval '1 day' as zoned, time '00:00' + i * interval '1 minute' as clock,
            i * interval '1 minute' as span, array[i, i * 2, 3]::real[] as embedding, gen_random_uuid() as uuid,
            case when i % 5 > 0 then i * 1.5 end as holes, i > 100 as y
        from generate_series(1, 200) as i"""
    )
    db.execute("select ml.train('m', 'classification', 'kinds', 'y')")
    one = db.execute("select ml.predict('m', to_jsonb(kinds)) from kinds where i = 190").fetchone()
    batch = db.execute(
        "select prediction, confidence from ml.predict_batch('m', 'select * from kinds where i = 190')"
    ).fetchone()
    assert one is not None
    assert batch is not None
    assert one[0]["prediction"] is True
    assert batch[0] == "true"
    assert batch[1] == pytest.approx(one[0]["confidence"], abs=1e-6)
    assert one[0]["probabilities"].keys() == {"true", "false"}
