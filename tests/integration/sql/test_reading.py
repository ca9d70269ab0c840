"""A table read by its name gives the rows that a SELECT of it gives, whatever kind of relation it is."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

Session = psycopg.Connection[Any]

ROWS = """
select i, sin(i) as a, case when i % 7 > 0 then i % 5 end as b,
    (array['x', 'longer than eight', null])[1 + i % 3] as c,
    timestamptz '2024-01-01 00:00Z' + i * interval '1 hour' as t, array[i, i / 2.0] as v, i % 2 = 0 as y
from generate_series(1, 5000) as i"""

ODD = '"My Data"."Given \'""\\ Rows"'

RELATIONS = {
    "plain": f"create table given as {ROWS}",
    "empty pages": f"create table given as {ROWS}; delete from given where i between 100 and 4000",
    "moved rows": f"create table given as {ROWS}; update given set a = a + 1 where i % 3 = 0",
    "toasted": f"create table given as {ROWS}; update given set c = (select string_agg(md5(n::text), '') "
    "from generate_series(1, 400) as n) where i % 500 = 0",
    "parent": f"create table given as {ROWS}; create table child () inherits (given); "
    "insert into child select * from given where i < 50",
    "partitioned": "create table given (i int, a float8, b int, c text, t timestamptz, v numeric[], y boolean) "
    "partition by range (i); create table low partition of given for values from (minvalue) to (2000); "
    f"create table high partition of given default; insert into given {ROWS}",
    "view": f"create view given as {ROWS}",
    "materialized view": f"create materialized view given as {ROWS}",
    "temporary": f"create temp table given as {ROWS}",
    "mixed-case": f'create schema "My Data"; create table {ODD} as {ROWS}; create view given as select * from {ODD}',
}

MODEL = f"select ml.train('m', 'classification', $q$select a, b, c, t, v, y from ({ROWS}) as r$q$, 'y', \
algorithm => 'decision_tree')"
PREDICT = "select id, prediction, confidence from ml.predict_batch('m', %s, 'i')"


@pytest.fixture(scope="module")
def trained(module_db: Session) -> Session:
    module_db.execute(MODEL.encode())
    return module_db


@pytest.mark.parametrize("kind", RELATIONS)
def test_a_relation_reads_like_its_select(trained: Session, kind: str) -> None:
    with trained.transaction(force_rollback=True):
        trained.execute(RELATIONS[kind].encode())
        expected = trained.execute(PREDICT, ["select * from given"]).fetchall()
        assert trained.execute(PREDICT, ["given"]).fetchall() == expected
        count = trained.execute("select count(*) from given").fetchone()
        assert count == (len(expected),)
        if kind == "mixed-case":
            assert trained.execute(PREDICT, [ODD]).fetchall() == expected


def test_a_table_without_rows_gives_none(trained: Session) -> None:
    with trained.transaction(force_rollback=True):
        trained.execute(f"create table given as {ROWS} limit 0".encode())
        assert trained.execute(PREDICT, ["given"]).fetchall() == []


def test_small_chunks_read_the_same(trained: Session) -> None:
    with trained.transaction(force_rollback=True):
        trained.execute(RELATIONS["plain"].encode())
        expected = trained.execute(PREDICT, ["given"]).fetchall()
        for rows in (100, 300, 1_000_000):
            trained.execute("select ml.set_option('chunk_rows', %s)", [str(rows)])
            assert trained.execute(PREDICT, ["given"]).fetchall() == expected


def test_planner_settings_of_the_session_do_not_matter(trained: Session) -> None:
    with trained.transaction(force_rollback=True):
        trained.execute(RELATIONS["plain"].encode())
        expected = trained.execute(PREDICT, ["given"]).fetchall()
        trained.execute("set local enable_tidscan = off; set local jit_above_cost = 0; set local cpu_tuple_cost = 1e6")
        assert trained.execute(PREDICT, ["given"]).fetchall() == expected
        assert trained.execute("show enable_tidscan").fetchone() == ("off",)


def test_each_page_is_read_once(trained: Session) -> None:
    trained.execute(RELATIONS["plain"].encode())
    try:
        trained.execute(PREDICT, ["given"])
        trained.execute("select pg_stat_force_next_flush()")
        before = trained.execute("select seq_scan from pg_stat_user_tables where relname = 'given'").fetchone()
        trained.execute("select ml.train('n', 'classification', 'given', 'y', algorithm => 'decision_tree')")
        trained.execute("select pg_stat_force_next_flush()")
        after = trained.execute("select seq_scan from pg_stat_user_tables where relname = 'given'").fetchone()
        assert before == after
    finally:
        trained.execute("drop table given")


def test_row_security_and_column_rights_hold(
    trained: Session, role_factory: Callable[..., str], connect: Callable[..., Session]
) -> None:
    reader = role_factory("reader")
    trained.execute("select ml.grant_usage(%s)", [reader])
    trained.execute(RELATIONS["plain"].encode())
    try:
        trained.execute("alter table given enable row level security")
        trained.execute("create policy low on given using (i <= 1000)")
        trained.execute(f'grant select on given to "{reader}"'.encode())
        with connect(reader, trained.info.dbname) as session:
            assert len(session.execute(PREDICT, ["given"]).fetchall()) == 1000
            trained.execute("alter table given disable row level security")
            trained.execute(f'revoke select on given from "{reader}"'.encode())
            trained.execute(f'grant select (a, b, c, t, v, i) on given to "{reader}"'.encode())
            columns = "select i, a, b, c, t, v from given"
            assert len(session.execute(PREDICT, [columns]).fetchall()) == 5000
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                session.execute(PREDICT, ["given"])
    finally:
        trained.execute("drop table given")


def test_rows_that_move_meanwhile_are_read_once(trained: Session, connect: Callable[..., Session]) -> None:
    """Another session moves every row to other pages again and again: all ranges are of one snapshot."""
    trained.execute(RELATIONS["plain"].encode())
    ended = threading.Event()
    other = connect(dbname=trained.info.dbname)

    def move() -> None:
        while not ended.is_set():
            other.execute("update given set b = 1 - b")

    mover = threading.Thread(target=move)
    mover.start()
    try:
        for _ in range(20):
            ids = [int(row[0]) for row in trained.execute(PREDICT, ["given"])]
            assert sorted(ids) == list(range(1, 5001))
    finally:
        ended.set()
        mover.join()
        trained.execute("drop table given")
