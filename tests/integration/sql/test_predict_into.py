"""`ml.predict_into`: input columns beside predictions, and what happens to a table that is there."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

Session = psycopg.Connection[Any]

SETUP = """
create domain money_amount as numeric(8, 2);
create table rows as
select i as id, date '2026-01-01' + i as day, (i * 1.5)::money_amount as amount, ('n' || i)::varchar(12) as name,
    jsonb_build_object('i', i) as extra, sin(i) as a, i % 4 as k
from generate_series(1, 500) as i;
create table taken (id integer, prediction text, value float8, confidence float8, probabilities float8[]);
"""


@pytest.fixture(scope="module")
def session(module_db: Session) -> Session:
    module_db.execute(SETUP)
    module_db.execute("select ml.train('m', 'regression', 'select a, k, k * 2 + a as y from rows', 'y')")
    return module_db


def into(session: Session, table: str, rest: str = "", source: str = "rows") -> int:
    row = session.execute(f"select ml.predict_into('m', %s, %s{rest})".encode(), [source, table]).fetchone()
    assert row
    return int(row[0])


def refused(session: Session, table: str, rest: str, source: str = "rows") -> psycopg.Error:
    with pytest.raises(psycopg.Error) as caught, session.transaction():
        into(session, table, rest, source)
    return caught.value


def columns(session: Session, table: str) -> dict[str, str]:
    return dict(
        session.execute(
            "select attname::text, format_type(atttypid, atttypmod) from pg_attribute "
            "where attrelid = %s::regclass and attnum > 0 order by attnum",
            [table],
        ).fetchall()
    )


PREDICTED = {
    "prediction": "text",
    "value": "double precision",
    "confidence": "double precision",
    "probabilities": "double precision[]",
}


def test_kept_columns_have_their_types_and_their_rows(session: Session) -> None:
    assert into(session, "chosen", ", keep => array['day', 'amount', 'name'], mode => 'create'") == 500
    assert columns(session, "chosen") == {
        "id": "text", "day": "date", "amount": "money_amount", "name": "character varying(12)", **PREDICTED
    }  # fmt: skip
    wrong = session.execute(
        "select count(*) from chosen c full join rows r on r.day = c.day and r.amount = c.amount and r.name = c.name "
        "where c.value is null or r.id is null or c.id <> r.id::text "
        "or abs(c.value - ml.predict_value('m', to_jsonb(r))) > 1e-9"
    ).fetchone()
    assert wrong == (0,)


@pytest.mark.parametrize("name", ["ctid", "xmin", "tableoid"])
def test_a_column_named_like_a_systems_is_refused_with_a_remedy(session: Session, name: str) -> None:
    with pytest.raises(psycopg.Error) as caught:
        into(session, "renamed", f", keep => array['{name}']", f'select *, a as "{name}" from rows')
    assert caught.value.sqlstate == "ML009"
    assert f"'{name}'" in str(caught.value)
    assert f"as input_{name}" in (caught.value.diag.message_hint or "")


def test_all_columns_are_kept_and_the_id_in_its_type(session: Session) -> None:
    assert into(session, "everything", ", keep => array['*']") == 500
    assert columns(session, "everything") == {**columns(session, "rows"), **PREDICTED}
    row = session.execute("select count(*) from everything e join rows r using (id) where e.extra = r.extra").fetchone()
    assert row == (500,)


def test_rows_of_an_unordered_query_keep_their_own_prediction(session: Session) -> None:
    query = "select random() as draw, a, k, id from rows order by random()"
    assert into(session, "drawn", ", 'id', keep => array['draw', 'a', 'k']", query) == 500
    wrong = session.execute(
        "select count(*) from drawn where abs(value - ml.predict_value('m', jsonb_build_object('a', a, 'k', k))) > 1e-9"
    ).fetchone()
    assert wrong == (0,)
    assert session.execute("select count(distinct id::integer) from drawn").fetchone() == (500,)


def test_replacing_twice_leaves_the_rows_once_and_the_table_as_it_was(session: Session) -> None:
    into(session, "daily", ", keep => array['id', 'day']")
    session.execute("alter table daily add primary key (id), add note text default 'none'")
    session.execute("create index on daily (day)")
    oid = session.execute("select 'daily'::regclass::oid").fetchone()
    for _ in range(2):
        assert into(session, "daily", ", keep => array['id', 'day'], mode => 'replace'") == 500
    assert session.execute("select count(*), count(distinct id), min(note) from daily").fetchone() == (500, 500, "none")
    assert session.execute("select 'daily'::regclass::oid").fetchone() == oid
    assert into(session, "daily", ", keep => array['id', 'day'], mode => 'replace'", "select * from rows limit 3") == 3
    assert session.execute("select count(*) from daily").fetchone() == (3,)


@pytest.mark.parametrize("keep", ["", ", keep => array['id', 'a', 'k']"])
def test_a_table_can_be_replaced_by_predictions_of_its_own_rows(session: Session, keep: str) -> None:
    session.execute("drop table if exists own")
    if keep:
        into(session, "own", keep)
        query = "select * from own where id <= 20"
    else:
        into(session, "own", ", 'id'")
        query = "select r.a, r.k, o.id from own o join rows r on r.id::text = o.id where r.id <= 20"
    rest = f", {'null' if keep else chr(39) + 'id' + chr(39)}{keep}, mode => 'replace'"
    assert into(session, "own", rest, query) == 20
    assert session.execute("select count(*) from own").fetchone() == (20,)


def test_a_failed_replacement_leaves_the_old_rows(session: Session) -> None:
    into(session, "safe", ", 'id'")
    assert refused(session, "safe", ", 'id', mode => 'replace'", "select 1 / (id - 400) as a, k, id from rows")
    assert session.execute("select count(*) from safe").fetchone() == (500,)


def test_two_replacements_at_once_leave_one_set_of_rows(session: Session, module_dsn: str) -> None:
    session.execute("create table raced (like taken)")
    failures: list[BaseException] = []

    def replace() -> None:
        try:
            with psycopg.connect(module_dsn, autocommit=True) as other:
                for _ in range(3):
                    into(other, "raced", ", 'id', mode => 'replace'")
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=replace) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert session.execute("select count(*) from raced").fetchone() == (500,)


def test_appending_adds_and_casts_the_id_to_the_tables_type(session: Session) -> None:
    assert into(session, "taken", ", 'id'") == 500
    assert into(session, "taken", ", 'id'") == 500
    assert session.execute("select count(*), sum(id) from taken").fetchone() == (1000, 500 * 501)


@pytest.mark.parametrize(
    ("rest", "sqlstate", "said"),
    [
        (", mode => 'create'", "ML009", "exists"),
        (", keep => array['day']", "ML003", "'day'"),
        (", keep => array['*']", "ML003", "'day', 'amount'"),
        (", keep => array['missing']", "ML003", "'missing'"),
        (", keep => array[null]", "ML003", "keep"),
        (", mode => 'upsert'", "ML009", "append, create, replace"),
        (", mode => 'Replace'", "ML009", "append, create, replace"),
        (", 'day', keep => array['id']", "ML009", "id_column"),
        (", 'missing'", "ML003", "'missing'"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(session: Session, rest: str, sqlstate: str, said: str) -> None:
    error = refused(session, "taken", rest)
    assert error.sqlstate == sqlstate
    assert said in str(error)
    assert error.diag.message_hint


def test_a_column_called_as_one_of_predictions_is_refused(session: Session) -> None:
    error = refused(session, "clash", ", keep => array['*']", "select *, 1 as value from rows")
    assert (error.sqlstate, "'value'" in str(error)) == ("ML009", True)
    assert "input_value" in str(error.diag.message_hint)


def test_columns_that_would_stay_empty_or_have_other_types_are_refused(session: Session) -> None:
    into(session, "two_kept", ", keep => array['id', 'day']")
    error = refused(session, "two_kept", ", keep => array['id']")
    assert (error.sqlstate, "'day'" in str(error)) == ("ML009", True)
    error = refused(session, "two_kept", ", keep => array['id', 'day']", "select id, extra as day, a, k from rows")
    assert (error.sqlstate, "type date" in str(error)) == ("ML009", True)
    assert session.execute("select count(*) from two_kept").fetchone() == (500,)


def test_a_view_is_written_through_and_never_replaced(session: Session) -> None:
    session.execute("create table below (like taken)")
    session.execute("create view above as select * from below")
    assert into(session, "above", ", 'id'") == 500
    assert session.execute("select count(*) from below").fetchone() == (500,)
    assert refused(session, "above", ", 'id', mode => 'replace'").sqlstate == "ML009"
    session.execute("create materialized view frozen as select * from below")
    session.execute("create sequence counter")
    for name in ("frozen", "counter"):
        for mode in ("append", "replace"):
            assert refused(session, name, f", mode => '{mode}'").sqlstate == "ML009"


def test_triggers_and_partitions_see_ordinary_rows(session: Session) -> None:
    session.execute("create table parted (like taken) partition by range (id)")
    session.execute("create table parted_low partition of parted for values from (0) to (250)")
    session.execute("create table parted_high partition of parted for values from (250) to (1000)")
    session.execute("create table seen (what text)")
    session.execute(
        "create function note() returns trigger language plpgsql as "
        "$$ begin insert into seen values (tg_op); return null; end $$"
    )
    session.execute("create trigger noted after insert or delete on parted for each row execute function note()")
    for _ in range(2):
        assert into(session, "parted", ", 'id', mode => 'replace'") == 500
    assert session.execute("select count(*) from parted_low").fetchone() == (249,)
    assert session.execute("select what, count(*) from seen group by what order by what").fetchall() == [
        ("DELETE", 500),
        ("INSERT", 1000),
    ]


def test_the_callers_rights_decide(session: Session, module_dsn: str, module_role_factory: Callable[..., str]) -> None:
    role = module_role_factory("writer")
    session.execute("select ml.grant_usage(%s)", [role])
    session.execute(f"grant select on rows to {role}; create table guarded (like taken)".encode())
    with psycopg.connect(module_dsn, user=role, autocommit=True) as own:
        for keep in ("", ", keep => array['id']"):
            for mode in ("append", "replace"):
                assert refused(own, "guarded", f"{keep}, mode => '{mode}'").sqlstate == "42501"
        session.execute(f"grant insert on guarded to {role}".encode())
        assert into(own, "guarded", ", 'id'") == 500
        assert refused(own, "guarded", ", 'id', mode => 'replace'").sqlstate == "42501"
        session.execute(f"grant delete on guarded to {role}".encode())
        assert into(own, "guarded", ", keep => array['id'], mode => 'replace'") == 500
        left = own.execute("select count(*) from pg_class where relname like 'motadata_ml%' and relpersistence = 't'")
        assert left.fetchone() == (0,)
    assert session.execute("select count(*) from guarded").fetchone() == (500,)
