"""Cursors held open while the model they predict with is redeployed, deleted or taken back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.conftest import VALUE, Estate, Session, train, value
from tests.sessions import messages_of

ROWS = 60_000
SOURCES = {
    "a table": "select value - id::float8 from ml.predict_batch('m', 'dots', 'x')",
    "a query": "select value - id::float8 from ml.predict_batch('m', 'select x from dots where x > 0', 'x')",
    "row by row": "select ml.predict_value('m', array[x]) - x from dots",
}
CHANGES = {
    "redeployed": "select ml.deploy('m', '1.1.0')",
    "deleted": "select ml.delete_model('m')",
}
NAMES = [f"cursor_{number}" for number in range(12)]
"""Several: in which order PostgreSQL ends the cursors of a transaction depends on their names."""


@pytest.fixture(scope="module")
def dots(estate: Estate) -> Iterator[Estate]:
    """Make a table of many rows; yields the server."""
    with estate.connect() as session:
        session.execute(f"create table dots as select x::float8 as x from generate_series(1, {ROWS}) as x".encode())
        yield estate
        session.execute("drop table dots")
        session.execute("select ml.delete_model(model_id) from ml.models where model_id = 'm'")
    estate.check()


@pytest.fixture
def sessions(dots: Estate) -> Iterator[tuple[Session, Session]]:
    """Open two sessions beside a model that answers 1 (1.0.0) or 2 (1.1.0, not deployed)."""
    with dots.connect() as one, dots.connect() as other:
        if other.execute("select from ml.models where model_id = 'm'").fetchone() is None:
            other.execute(train(1).encode())
            other.execute(train(2).encode())
        other.execute("select ml.deploy('m', '1.0.0')")
        yield one, other
        one.execute("rollback")


def rest(session: Session, name: str) -> set[int]:
    """Return what the rest of a cursor's rows differ from their inputs by."""
    return {round(row[0]) for row in session.execute(f"fetch all from {name}".encode())}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("by", ["itself", "another"])
@pytest.mark.parametrize("source", SOURCES)
def test_a_cursor_keeps_the_version_of_its_snapshot(
    sessions: tuple[Session, Session], source: str, by: str, change: str
) -> None:
    one, other = sessions
    one.execute("begin")
    one.execute(f"declare c no scroll cursor for {SOURCES[source]}".encode())
    first = one.execute("fetch 10 from c").fetchall()
    assert {round(row[0]) for row in first} == {1}
    (one if by == "itself" else other).execute(CHANGES[change].encode())
    if source == "row by row":
        one.execute("select ml.cache_clear()")
    fetched = one.execute("fetch all from c").fetchall()
    assert len(fetched) == ROWS - 10
    assert {round(row[0]) for row in fetched} == {1}


@pytest.mark.parametrize("source", SOURCES)
def test_a_cursor_with_hold_keeps_its_version_beyond_its_transaction(
    sessions: tuple[Session, Session], source: str
) -> None:
    one, other = sessions
    for name in NAMES:
        with one.transaction():
            one.execute(f"declare {name} cursor with hold for {SOURCES[source]}".encode())
            one.execute(f"fetch 10 from {name}".encode())
    other.execute("select ml.delete_model('m')")
    for name in NAMES:
        assert rest(one, name) == {1}
        one.execute(f"close {name}".encode())


@pytest.mark.parametrize("source", SOURCES)
def test_a_transaction_may_end_before_its_cursors_are_read(sessions: tuple[Session, Session], source: str) -> None:
    one, _ = sessions
    for name in NAMES:
        with one.transaction():
            one.execute(f"declare {name} cursor for {SOURCES[source]}".encode())
            assert len(one.execute(f"fetch 10 from {name}".encode()).fetchall()) == 10
    assert value(one) == 1


def test_cursors_of_two_snapshots_answer_by_their_own_in_one_statement(sessions: tuple[Session, Session]) -> None:
    one, _ = sessions
    found = messages_of(one)
    one.execute("set client_min_messages = notice")
    one.execute("begin")
    one.execute(f"declare early cursor for {SOURCES['row by row']}".encode())
    one.execute("select ml.deploy('m', '1.1.0')")
    one.execute(f"declare late cursor for {SOURCES['row by row']}".encode())
    one.execute(
        f"""do $do$
        declare
            early refcursor := 'early';
            late refcursor := 'late';
            seen float8;
        begin
            for turn in 1..2 loop
                fetch early into seen;
                raise notice 'early %', round(seen::numeric);
                fetch late into seen;
                raise notice 'late %', round(seen::numeric);
                raise notice 'now %', round(({VALUE})::numeric);
            end loop;
        end $do$""".encode()
    )
    assert found == ["early 1", "late 2", "now 2"] * 2


@pytest.mark.parametrize("source", SOURCES)
def test_a_cursor_first_read_behind_a_savepoint_that_is_taken_back(
    sessions: tuple[Session, Session], source: str
) -> None:
    one, _ = sessions
    one.execute("begin")
    one.execute(f"declare c no scroll cursor for {SOURCES[source]}".encode())
    one.execute("savepoint s")
    assert len(one.execute("fetch 10 from c").fetchall()) == 10
    one.execute("rollback to s")
    assert rest(one, "c") == {1}
    assert value(one) == 1


def test_a_loop_over_predictions_may_deploy_and_catch_errors(sessions: tuple[Session, Session]) -> None:
    one, _ = sessions
    query = SOURCES["a table"].replace(" from ", " as off from ", 1)
    one.execute(
        f"""do $do$
        declare
            row record;
            seen integer := 0;
        begin
            for row in {query} loop
                if seen % 1000 = 0 then
                    begin
                        perform ml.deploy('m', case when seen % 2000 = 0 then '1.1.0' else '1.0.0' end);
                        perform 1 / 0;
                    exception when division_by_zero then
                        null;
                    end;
                end if;
                assert abs(row.off - 1) < 0.01, row.off::text;
                seen := seen + 1;
            end loop;
            assert seen = {ROWS}, seen::text;
        end $do$""".encode()
    )
    assert value(one) == 1


@pytest.mark.parametrize("source", SOURCES)
def test_a_procedure_may_commit_in_a_loop_over_predictions(sessions: tuple[Session, Session], source: str) -> None:
    one, other = sessions
    query = SOURCES[source].replace(" from ", " as off from ", 1)
    one.execute(
        f"""create procedure walk() language plpgsql as $do$
        declare
            row record;
            seen integer := 0;
        begin
            for row in {query} loop
                if seen = 1000 then
                    perform ml.deploy('m', '1.1.0');
                    commit;
                end if;
                assert abs(row.off - 1) < 0.01, row.off::text;
                seen := seen + 1;
            end loop;
            assert seen = {ROWS}, seen::text;
        end $do$""".encode()
    )
    try:
        one.execute("call walk()")
        assert value(one) == value(other) == 2
    finally:
        one.execute("drop procedure walk()")
