"""Views, functions, policies, indexes and triggers that run code while the extension reads or writes for somebody."""

from __future__ import annotations

import re

import psycopg
import pytest

from tests.security.conftest import Actors, Session, state, train
from tests.sessions import messages_of

# What hostile code tries whenever it runs; it tells who it runs as.
PROBE = """
create function blue_own.probe(n integer) returns integer language plpgsql immutable as $f$
declare attempt text; attempts text[] := array[
    'alter role current_user superuser', 'insert into ml.tenant_role values (''rouge'', current_user::regrole)',
    'update ml.model set tenant_id = ''blue''', 'select data from ml.artifact', 'select ml._run_write()',
    'select ml._run_read()', 'select ml.set_option(''threads'', ''64'')', 'create role intruder superuser'];
begin
    raise notice 'probe ran as % (session %)', current_user, session_user;
    foreach attempt in array attempts loop
        begin execute attempt; raise notice 'probe succeeded: %', attempt;
        exception when others then null; end;
    end loop;
    return n;
end $f$;
grant usage on schema blue_own to public;
create table blue_own.rows as select i as x, sin(i) as w, (i > 20)::text as y from generate_series(1, 40) as i;
"""

HOSTILE = {
    "view": "create view blue_own.hostile as select blue_own.probe(x) as x, w, y from blue_own.rows",
    "security barrier view": "create view blue_own.hostile with (security_barrier) as "
    "select * from blue_own.rows where blue_own.probe(x) = x",
    "policy": "create table blue_own.hostile as table blue_own.rows; alter table blue_own.hostile enable row level "
    "security; alter table blue_own.hostile force row level security; "
    "create policy p on blue_own.hostile using (blue_own.probe(x) = x)",
    "index expression": "create table blue_own.hostile as table blue_own.rows; "
    "create index on blue_own.hostile (blue_own.probe(x)); create statistics blue_own.s on (blue_own.probe(x)), w "
    "from blue_own.hostile",
    "constant folded by the planner": "create view blue_own.hostile as "
    "select x, w, y from blue_own.rows where blue_own.probe(1) = 1",
    "set-returning function": "create function blue_own.many() returns setof blue_own.rows "
    "language sql as 'select blue_own.probe(x), w, y from blue_own.rows'; "
    "create view blue_own.hostile as select * from blue_own.many()",
    "domain": "create domain blue_own.d as integer check (blue_own.probe(value) = value); "
    "create view blue_own.hostile as select x::blue_own.d as x, w, y from blue_own.rows",
    "cast": "create type blue_own.n as (v integer); create function blue_own.to_text(blue_own.n) returns text "
    "language sql as 'select blue_own.probe(($1).v)::text'; create cast (blue_own.n as text) with function "
    "blue_own.to_text(blue_own.n); create view blue_own.hostile as "
    "select row(x)::blue_own.n::text::integer as x, w, y from blue_own.rows",
    "operator": "create function blue_own.same(integer, integer) returns boolean language sql as "
    "'select blue_own.probe($1) is not distinct from $2'; create operator blue_own.=== (function = blue_own.same, "
    "leftarg = integer, rightarg = integer); create view blue_own.hostile as "
    "select * from blue_own.rows where x operator(blue_own.===) x",
    "aggregate": "create aggregate blue_own.agg(integer) (sfunc = blue_own.pick, stype = integer); "
    "create view blue_own.hostile as select blue_own.agg(x) as x, w, y from blue_own.rows group by w, y",
}

SERIES = "'select date ''2024-01-01'' + x::integer as d, * from blue_own.hostile', 'd', 'w'"

READERS = {
    "train": "ml.train('hostile', 'classification', 'blue_own.hostile', 'y', algorithm => 'decision_tree')",
    "validation": "ml.train('hostile', 'classification', 'blue_own.rows', 'y', algorithm => 'decision_tree', "
    "validation_data => 'blue_own.hostile')",
    "predict_batch": "ml.predict_batch('m', 'blue_own.hostile')",
    "predict_into": "ml.predict_into('m', 'blue_own.hostile', 'blue_own.written')",
    "evaluate": "ml.evaluate('m', 'blue_own.hostile', 'y')",
    "drift": "ml.drift('m', 'blue_own.hostile')",
    "confusion_matrix": "ml.confusion_matrix('m', 'blue_own.hostile', 'y')",
    "roc_curve": "ml.roc_curve('m', 'blue_own.hostile', target => 'y')",
    "precision_recall_curve": "ml.precision_recall_curve('m', 'blue_own.hostile', target => 'y')",
    "calibration_curve": "ml.calibration_curve('m', 'blue_own.hostile', target => 'y')",
    "lift_curve": "ml.lift_curve('m', 'blue_own.hostile', target => 'y')",
    "thresholds": "ml.thresholds('m', 'blue_own.hostile', target => 'y')",
    "compare": "ml.compare('m', '{1.0.0,1.1.0}', 'blue_own.hostile', target => 'y')",
    "explain_batch": "ml.explain_batch('m', 'blue_own.hostile')",
    "importance": "ml.importance('m', 'blue_own.hostile', 'y')",
    "forecast": f"ml.forecast({SERIES})",
    "backtest": f"ml.backtest({SERIES})",
    "decompose": f"ml.decompose({SERIES})",
    "series_anomalies": f"ml.series_anomalies({SERIES})",
}
"""Each function that reads a relation of the caller's."""

RELATION = re.compile(r"'(?:[^']|'')*\bblue_own\.(?:hostile|rows)\b(?:[^']|'')*'")
"""A literal that names a relation, or a query of one."""


@pytest.fixture
def notices(own_actors: Actors) -> list[str]:
    heard = messages_of(own_actors.blue)
    own_actors.blue.execute("set client_min_messages = notice")
    own_actors.blue.execute(PROBE.encode())
    own_actors.blue.execute(
        "create function blue_own.pick(integer, integer) returns integer language sql as 'select blue_own.probe($2)'"
    )
    return heard


def rights(db: Session) -> list[object]:
    """Return everything the probe tries to change."""
    roles = db.execute("select rolname, rolsuper from pg_roles order by 1").fetchall()
    shown = db.execute("select t::text from ml.tenant_role t order by 1").fetchall()
    owners = db.execute("select id, tenant_id from ml.model where tenant_id = 'rouge' order by 1").fetchall()
    return [roles, shown, owners, db.execute("select * from ml.option").fetchall()]


def sqlstate_of(session: Session, statement: str) -> str | None:
    """Run a statement that may fail, and return its SQLSTATE."""
    try:
        with session.transaction():
            session.execute(statement.encode())
    except psycopg.Error as error:
        return error.sqlstate or "none"
    return None


def test_every_function_that_reads_a_relation_is_tried(actors: Actors) -> None:
    found = actors.superuser.execute(
        """select distinct proname::text from pg_proc where pronamespace = 'ml'::regnamespace and proname !~ '^_'
        and proargnames && array['input_data', 'training_data']"""
    ).fetchall()
    assert {name for (name,) in found} <= READERS.keys()


def test_hostile_code_runs_with_the_callers_rights_alone(own_actors: Actors, notices: list[str]) -> None:
    blue = own_actors.blue
    train(blue, "m", "blue")
    blue.execute("set client_min_messages = notice")
    before = rights(own_actors.superuser)
    ran = 0
    for kind, script in HOSTILE.items():
        with blue.transaction(force_rollback=True):
            blue.execute(script.encode())
            for name, call in READERS.items():
                notices.clear()
                sqlstate = sqlstate_of(blue, f"select {call}")
                assert sqlstate not in ("ML000", "XX000", "38000", "none"), f"{kind}, {name}"
                told = [text for text in notices if text.startswith("probe")]
                own = f"probe ran as {blue.info.user} (session {blue.info.user})"
                assert set(told) <= {own}, f"{kind}, {name}: {set(told) - {own}}"
                ran += own in told
    assert ran >= 150, ran
    assert rights(own_actors.superuser) == before


def test_a_trigger_on_the_table_written_to_runs_as_its_writer(own_actors: Actors, notices: list[str]) -> None:
    blue = own_actors.blue
    blue.execute(
        "create table blue_own.written (id text, prediction text, value float8, confidence float8, "
        "probabilities float8[]); create function blue_own.fire() returns trigger language plpgsql as "
        "'begin perform blue_own.probe(1); return new; end'; create trigger t before insert on blue_own.written "
        "for each row execute function blue_own.fire()"
    )
    notices.clear()
    blue.execute("select ml.predict_into('m', 'blue_own.rows', 'blue_own.written')")
    assert set(notices) == {f"probe ran as {blue.info.user} (session {blue.info.user})"}


def test_another_tenants_rows_stay_unread(own_actors: Actors) -> None:
    """What a caller may not select, it neither trains on nor predicts over, by table, view or function."""
    blue = own_actors.blue
    train(blue, "m", "blue")
    own_actors.superuser.execute("create schema closed; create table closed.rows as select 1 as x, 2.0 as w, 'a' as y")
    before = state(own_actors.superuser)
    for name in ("closed.rows", "select * from closed.rows", "table closed.rows"):
        for call in READERS.values():
            statement = "select " + RELATION.sub("%s", call)
            assert "%s" in statement
            with pytest.raises(psycopg.Error) as caught:
                blue.execute(statement.encode(), [name] * statement.count("%s"))
            assert caught.value.sqlstate == "42501"
    assert state(own_actors.superuser) == before


def test_a_view_of_another_gives_its_maker_nothing_of_the_owners(own_actors: Actors, notices: list[str]) -> None:
    """As in any SELECT from it, a view's functions have the rights of who reads; never those of the extension."""
    chief = own_actors.chief
    heard = messages_of(chief)
    own_actors.blue.execute(HOSTILE["view"].encode())
    own_actors.blue.execute("grant select on blue_own.hostile to public")
    chief.execute("set client_min_messages = notice")
    chief.execute("select ml.train('seen', 'classification', 'blue_own.hostile', 'y', algorithm => 'decision_tree')")
    told = {text for text in heard if text.startswith("probe")}
    assert told == {f"probe ran as {chief.info.user} (session {chief.info.user})"}
