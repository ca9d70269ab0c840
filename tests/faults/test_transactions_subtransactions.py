"""Versions trained in subtransactions and in prepared transactions, and numbers that are given twice."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest

from tests.faults.conftest import VALUE, Estate, Session, train, value
from tests.processes import workers_of
from tests.sessions import messages_of


def test_a_training_in_an_exception_block_is_taken_back_with_it(model: Callable[[], Session]) -> None:
    with model() as session:
        found = messages_of(session)
        session.execute("set client_min_messages = notice")
        session.execute(
            f"""do $do$
            begin
                for turn in 1..2 loop
                    begin
                        perform {train(5)[7:]};
                        raise notice 'inside %', round(({VALUE})::numeric);
                        raise exception 'back';
                    exception when raise_exception then
                        raise notice 'after %', round(({VALUE})::numeric);
                    end;
                end loop;
            end $do$""".encode()
        )
        assert [line for line in found if line.startswith(("inside", "after"))] == ["inside 5", "after 1"] * 2
        assert session.execute("select count(*) from ml.model_versions where model_id = 'm'").fetchone() == (2,)
        assert workers_of(session.info.backend_pid) == []


@pytest.mark.parametrize("end", ["rollback", "rollback to s"])
def test_a_number_given_again_is_never_answered_by_what_was_taken_back(model: Callable[[], Session], end: str) -> None:
    numbered = b"select round(ml.predict_value('m', array[0.0], '1.2.0'))"
    with model() as session, model() as other:
        session.execute("begin")
        session.execute("savepoint s")
        assert session.execute(train(6).encode()).fetchone() == ("1.2.0",)
        assert session.execute(numbered).fetchone() == (6,)
        session.execute(end.encode())
        if end != "rollback":
            session.execute("commit")
        with pytest.raises(psycopg.Error) as caught:
            session.execute(numbered)
        assert caught.value.sqlstate == "ML014"
        assert other.execute(train(7).encode()).fetchone() == ("1.2.0",)
        assert session.execute(numbered).fetchone() == (7,)
        assert value(session) == 7


def test_a_prepared_training_outlives_a_crash(estate: Estate, model: Callable[[], Session]) -> None:
    with model() as session:
        for name, constant in (("kept", 8), ("dropped", 9)):
            session.execute("begin")
            session.execute(train(constant).replace("'m'", f"'{name}'").encode())
            session.execute(f"prepare transaction '{name}'".encode())
    estate.cluster.stop("immediate")
    estate.cluster.start()
    with model() as session:
        assert value(session) == 1
        session.execute("commit prepared 'kept'")
        session.execute("rollback prepared 'dropped'")
        assert session.execute("select round(ml.predict_value('kept', array[0.0]))").fetchone() == (8,)
        with pytest.raises(psycopg.Error) as caught:
            session.execute("select ml.predict_value('dropped', array[0.0])")
        assert caught.value.sqlstate == "ML001"
        session.execute("select ml.delete_model('kept')")


def test_a_model_changed_in_a_prepared_transaction_waits_for_it(model: Callable[[], Session]) -> None:
    with model() as session, model() as other:
        session.execute("begin")
        session.execute("select ml.deploy('m', '1.1.0')")
        session.execute("prepare transaction 'deploying'")
        try:
            assert value(session) == value(other) == 1
            other.execute("set lock_timeout = '100ms'")
            with pytest.raises(psycopg.errors.LockNotAvailable):
                other.execute("select ml.delete_model('m')")
        finally:
            session.execute("rollback prepared 'deploying'")
        assert value(session) == value(other) == 1


@pytest.mark.parametrize("statement", ["train", "ml.predict_batch", "ml.predict_into"])
def test_a_locked_table_is_waited_for_as_long_as_lock_timeout(model: Callable[[], Session], statement: str) -> None:
    reading = {
        "train": "select ml.train('m', 'regression', 'locked', 'y', algorithm => 'linear')",
        "ml.predict_batch": "select * from ml.predict_batch('m', 'locked')",
        "ml.predict_into": "select ml.predict_into('m', 'locked', 'predicted')",
    }[statement]
    with model() as holder, model() as session:
        holder.execute("create table locked as select x::float8, x + 4.0::float8 as y from generate_series(1, 20) as x")
        try:
            with holder.transaction():
                holder.execute("lock table locked in access exclusive mode")
                session.execute("set lock_timeout = '100ms'")
                with pytest.raises(psycopg.errors.LockNotAvailable):
                    session.execute(reading.encode())
                assert workers_of(session.info.backend_pid) == []
            assert session.execute("select to_regclass('predicted')").fetchone() == (None,)
            assert value(session) == 1
            session.execute(reading.encode())
        finally:
            holder.execute("drop table locked; drop table if exists predicted")


def test_discard_all_forgets_the_tenant_and_keeps_nothing_of_a_prepared_statement(
    model: Callable[[], Session],
) -> None:
    with model() as session:
        session.execute("select set_config('ml.tenant_id', 'nobody', false)")
        session.execute("prepare p as select round(ml.predict_value('m', array[$1::float8]))")
        with pytest.raises(psycopg.Error) as caught:
            session.execute("execute p(0)")
        assert caught.value.sqlstate in ("ML001", "ML012")
        session.execute("discard all")
        with pytest.raises(psycopg.errors.InvalidSqlStatementName):
            session.execute("execute p(0)")
        assert value(session) == 1


def test_a_session_ended_for_idling_lets_go_of_what_waits_for_it(model: Callable[[], Session]) -> None:
    session = model()
    session.execute("set idle_in_transaction_session_timeout = '300ms'")
    session.execute("begin")
    session.execute("select ml.deploy('m', '1.1.0')")
    with model() as other:
        other.execute("set lock_timeout = '20s'")
        assert other.execute("select ml.delete_model('m', '1.1.0')").fetchone() == (True,)
        assert value(other) == 1
    with pytest.raises(psycopg.errors.IdleInTransactionSessionTimeout):
        session.execute("select 1")
    session.close()
