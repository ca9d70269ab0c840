"""Objects that are handed over to another role, and relations that change their shape under a model."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from tests.faults.conftest import Estate, Session, remove_tenant, said

TRAIN = "select ml.train('m', 'regression', '{source}', 'y', algorithm => 'linear', tenant_id => 'ours')"
VALUE = "select round(ml.predict_value('m', array[1.0, 2.0], tenant_id => 'ours'))"


@pytest.fixture
def eve(estate: Estate) -> Iterator[tuple[Session, Session]]:
    """Make a role with a model, a table and a function of it; yields the superuser's session and hers."""
    with estate.connect() as session:
        session.execute("create role eve login; create role finn login")
        session.execute("create schema own authorization eve; grant usage, create on schema own to finn")
        for role in ("eve", "finn"):
            session.execute("select ml.grant_usage(%s, 'ours')", [role])
        with estate.cluster.connect("shop", "eve") as hers:
            hers.execute("create table own.points as select sin(i) as a, cos(i) as b, 2 * sin(i) + 3 * cos(i) as y "
                         "from generate_series(1, 100) as i")  # fmt: skip
            hers.execute(TRAIN.format(source="own.points").encode())
            hers.execute("select ml.create_sql_function('m', 'own.answer')")
            yield session, hers
        session.execute("drop schema own cascade")
        remove_tenant(session, "ours", "m", "eve", "finn")
    estate.check()


def error_of(session: Session, statement: str) -> psycopg.Error:
    with pytest.raises(psycopg.Error) as caught:
        session.execute(statement.encode())
    return caught.value


def test_reassigned_objects_go_on_under_their_new_owner(eve: tuple[Session, Session], estate: Estate) -> None:
    session, hers = eve
    session.execute("reassign owned by eve to finn")
    refused = error_of(hers, TRAIN.format(source="own.points"))
    assert said(refused) == "42501"
    assert hers.execute(VALUE.encode()).fetchone() == (8,)
    with estate.cluster.connect("shop", "finn") as his:
        his.execute(TRAIN.format(source="own.points").encode())
        assert his.execute(VALUE.encode()).fetchone() == (8,)
        assert his.execute("select round(own.answer(1, 2))").fetchone() == (8,)
        assert his.execute(
            "select version, trained_by from ml.model_versions where model_id = 'm' order by version"
        ).fetchall() == [("1.0.0", "eve"), ("1.1.0", "finn")]
    hers.close()
    session.execute("drop owned by eve; drop role eve")
    assert session.execute(VALUE.encode()).fetchone() == (8,)
    assert session.execute("select round(own.answer(1, 2))").fetchone() == (8,)


def test_a_dropped_role_takes_its_function_and_leaves_its_model(eve: tuple[Session, Session], estate: Estate) -> None:
    session, hers = eve
    hers.close()
    session.execute("alter schema own owner to finn")
    session.execute("drop owned by eve; drop role eve")
    assert session.execute("select to_regproc('own.answer'), to_regclass('own.points')").fetchone() == (None, None)
    with estate.cluster.connect("shop", "finn") as his:
        assert his.execute(VALUE.encode()).fetchone() == (8,)
        info = his.execute(
            "select i ->> 'trained_by', i -> 'source_tables' ->> 0 from ml.get_model_info('m') as i"
        ).fetchone()
        assert info == ("eve", "own.points")
        his.execute("select ml.create_sql_function('m', 'own.answer')")
        assert said(error_of(his, TRAIN.format(source="own.points"))) == "ML002"
        assert his.execute("select model_id from ml.list_models('ours')").fetchall() == [("m",)]
        his.execute("select ml.delete_model('m')")
        his.execute("create table own.points as select sin(i) as a, cos(i) as b, sin(i) as y "
                    "from generate_series(1, 100) as i")  # fmt: skip
        his.execute(TRAIN.format(source="own.points").encode())


def test_a_column_that_is_renamed_or_dropped_or_of_another_type(eve: tuple[Session, Session]) -> None:
    _, hers = eve
    calls = [
        "select * from ml.predict_batch('m', 'own.points')",
        "select ml.evaluate('m', 'own.points', 'y')",
        "select * from ml.drift('m', 'own.points')",
        "select ml.predict_value('m', to_jsonb(p)) from own.points p",
        "select ml.predict_into('m', 'own.points', 'own.predicted')",
    ]
    for change in ("alter table own.points rename column a to alpha", "alter table own.points drop column alpha"):
        hers.execute(change.encode())
        for call in calls:
            refused = error_of(hers, call)
            assert said(refused) == "ML011", (change, call, refused)
            assert "'a'" in (refused.diag.message_primary or ""), (change, call, refused)
            assert refused.diag.message_hint
        named = error_of(hers, TRAIN.format(source="own.points").replace("'y',", "'y', array['a', 'b'],"))
        assert said(named) == "ML003"
    assert hers.execute("select to_regclass('own.predicted')").fetchone() == (None,)
    hers.execute("alter table own.points add column a text default 'one'")
    for call in calls[:4]:
        assert said(error_of(hers, call)) == "ML011", call
    hers.execute("alter table own.points rename column y to target")
    assert said(error_of(hers, TRAIN.format(source="own.points"))) == "ML003"
    assert hers.execute(VALUE.encode()).fetchone() == (8,)
    hers.execute("alter table own.points drop column a")
    hers.execute("alter table own.points add column a double precision default 1")
    assert hers.execute("select count(*) from ml.predict_batch('m', 'own.points')").fetchone() == (100,)


def test_a_table_that_changes_under_a_session_that_has_read_it(eve: tuple[Session, Session]) -> None:
    """Plans that a session keeps follow the table: a column added before the others, another table of its name."""
    session, hers = eve
    query = b"select count(*), round(sum(value)) from ml.predict_batch('m', 'own.points')"
    before = hers.execute(query).fetchone()
    assert before is not None
    assert hers.execute(query).fetchone() == before
    session.execute("alter table own.points drop column a; alter table own.points add column a real default 0")
    session.execute("update own.points set b = 1")
    assert hers.execute(query).fetchone() == (100, 300)
    session.execute("alter table own.points rename to former")
    session.execute("create view own.points as select 1 as b, 1 as a, 'x' as more from generate_series(1, 7)")
    session.execute("grant select on own.points to eve")
    assert hers.execute(query).fetchone() == (7, 35)
    session.execute("drop view own.points")
    assert said(error_of(hers, query.decode())) == "ML002"


def test_a_right_taken_from_a_role_stops_its_session_at_once(eve: tuple[Session, Session]) -> None:
    session, hers = eve
    assert hers.execute(VALUE.encode()).fetchone() == (8,)
    session.execute("create role crew; grant crew to eve; select ml.grant_usage('crew', 'ours')")
    try:
        session.execute("select ml.revoke_usage('eve', 'ours')")
        assert hers.execute(VALUE.encode()).fetchone() == (8,)
        session.execute("revoke crew from eve")
        assert said(error_of(hers, VALUE)) == "42501"
        session.execute("select ml.grant_usage('eve', 'elsewhere')")
        assert said(error_of(hers, VALUE)) == "ML012"
    finally:
        session.execute("select ml.revoke_usage('crew', 'ours'); drop role crew")
        session.execute("delete from ml.tenant where tenant_id = 'elsewhere'")
