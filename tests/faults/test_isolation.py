"""Isolation levels, timeouts, savepoints and what a transaction takes back."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest

from tests.faults.conftest import VALUE, Session, train, value
from tests.processes import wait_for, workers_of
from tests.sessions import messages_of


@pytest.mark.parametrize("level", ["repeatable read", "serializable"])
def test_a_snapshot_keeps_its_version(model: Callable[[], Session], level: str) -> None:
    with model() as one, model() as other:
        one.execute(f"begin isolation level {level}".encode())
        assert value(one) == 1
        other.execute("select ml.deploy('m', '1.1.0')")
        assert value(other) == 2
        assert value(one) == 1
        assert one.execute("select value from ml.predict_batch('m', 'select 0.0::float8 as x')").fetchone() == (
            pytest.approx(1),
        )
        one.execute("commit")
        assert value(one) == 2


@pytest.mark.parametrize("level", ["repeatable read", "serializable"])
@pytest.mark.parametrize("change", ["select ml.deploy('m', '1.1.0')", train(3), "select ml.delete_model('m', '1.1.0')"])
def test_changes_that_collide_end_in_40001_and_pass_when_repeated(
    model: Callable[[], Session], level: str, change: str
) -> None:
    with model() as one, model() as other:
        one.execute(f"begin isolation level {level}".encode())
        assert value(one) == 1
        other.execute("select ml.deploy('m', '1.1.0')")
        other.execute("select ml.deploy('m', '1.0.0')")
        with pytest.raises(psycopg.errors.SerializationFailure):
            one.execute(change.encode())
        one.execute("rollback")
        with one.transaction():
            one.execute(f"set transaction isolation level {level}".encode())
            one.execute(change.encode())


def add(session: Session) -> None:
    session.execute("insert into skew values (0)")
    session.execute("commit")


def test_serializable_predictions_of_a_table_notice_rows_they_did_not_see(model: Callable[[], Session]) -> None:
    """Two transactions predict all rows and add one each: one after the other, one would have seen the other's."""
    with model() as one, model() as other:
        one.execute("create table skew as select x::float8 as x from generate_series(1, 1000) as x")
        try:
            for session in (one, other):
                session.execute("begin isolation level serializable")
                count = session.execute("select count(*) from ml.predict_batch('m', 'skew')").fetchone()
                assert count == (1000,)
            add(one)
            with pytest.raises(psycopg.errors.SerializationFailure):
                add(other)
            other.execute("rollback")
        finally:
            one.execute("drop table skew")


def test_what_a_transaction_trained_is_gone_with_it(model: Callable[[], Session]) -> None:
    with model() as session:
        session.execute("begin")
        session.execute(train(5).encode())
        assert value(session) == 5
        session.execute("select ml.delete_model('m')")
        with session.transaction(force_rollback=True), pytest.raises(psycopg.Error) as caught:
            value(session)
        assert caught.value.sqlstate == "ML001"
        session.execute("rollback")
        assert value(session) == 1
        assert session.execute("select count(*) from ml.model_versions where model_id = 'm'").fetchone() == (2,)


def test_savepoints_take_back_what_came_after_them(model: Callable[[], Session]) -> None:
    with model() as session:
        session.execute("begin")
        session.execute("savepoint one")
        session.execute(train(6).encode())
        assert value(session) == 6
        session.execute("savepoint two")
        session.execute("select ml.deploy('m', '1.1.0')")
        assert value(session) == 2
        session.execute("rollback to two")
        assert value(session) == 6
        session.execute("rollback to one")
        assert value(session) == 1
        session.execute(train(7).encode())
        assert value(session) == 7
        session.execute("release one")
        session.execute("rollback")
        assert value(session) == 1


def test_an_exception_block_takes_back_what_it_did(model: Callable[[], Session]) -> None:
    with model() as session:
        found = messages_of(session)
        session.execute("set client_min_messages = notice")
        session.execute(
            f"""do $do$
            begin
                begin
                    perform ml.deploy('m', '1.1.0');
                    raise notice 'inside %', round(({VALUE})::numeric);
                    raise exception 'back';
                exception when raise_exception then
                    raise notice 'after %', round(({VALUE})::numeric);
                end;
            end $do$""".encode()
        )
        assert found == ["inside 2", "after 1"]


def test_discard_all_leaves_a_session_that_predicts(model: Callable[[], Session]) -> None:
    with model() as session:
        assert value(session) == 1
        session.execute("discard all")
        assert value(session) == 1
        session.execute("prepare p as select ml.predict_value('m', array[$1::float8])")
        session.execute("deallocate all")
        assert value(session) == 1


def test_a_prepared_transaction_shows_its_model_once_it_is_committed(model: Callable[[], Session]) -> None:
    with model() as session, model() as other:
        session.execute("begin")
        session.execute(train(8).encode())
        session.execute("prepare transaction 'training'")
        assert value(session) == value(other) == 1
        other.execute("commit prepared 'training'")
        assert value(session) == value(other) == 8


def test_lock_timeout_gives_up_with_nothing_done(model: Callable[[], Session]) -> None:
    with model() as holder, model() as session:
        holder.execute("begin")
        holder.execute("select ml.deploy('m', '1.1.0')")
        session.execute("set lock_timeout = '100ms'")
        for statement in ("select ml.deploy('m', '1.1.0')", train(9), "select ml.delete_model('m')"):
            with pytest.raises(psycopg.errors.LockNotAvailable):
                session.execute(statement.encode())
            assert value(session) == 1
            assert workers_of(session.info.backend_pid) == []
        holder.execute("rollback")
        session.execute("select ml.deploy('m', '1.1.0')")
        assert value(session) == 2


def test_statement_timeout_ends_predictions_of_many_rows(model: Callable[[], Session]) -> None:
    with model() as session:
        session.execute("set statement_timeout = '150ms'")
        with pytest.raises(psycopg.errors.QueryCanceled):
            session.execute(
                "select ml.predict_into('m', 'select x::float8 from generate_series(1, 20000000) as x', 'predicted')"
            )
        session.execute("set statement_timeout = 0")
        assert session.execute("select to_regclass('predicted')").fetchone() == (None,)
        assert value(session) == 1


def test_a_transaction_left_idle_loses_its_training(model: Callable[[], Session]) -> None:
    session = model()
    session.execute("set idle_in_transaction_session_timeout = '300ms'")
    session.execute("begin")
    session.execute(train(10).encode())
    with model() as other:
        wait_for(
            lambda: (
                not other.execute("select from pg_stat_activity where pid = %s", [session.info.backend_pid]).fetchall()
            )
        )
        with pytest.raises(psycopg.errors.IdleInTransactionSessionTimeout):
            session.execute("select 1")
        assert value(other) == 1
    session.close()
