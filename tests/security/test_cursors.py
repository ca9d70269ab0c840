"""Nothing of a read stays open in the transaction, for whoever runs next in it to fetch from."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from tests.security.conftest import Actors, Session

ROWS = 30_000
"""Many chunks: a reader that is not asked for the rest stands in the middle."""

SOURCES = {
    "a table": "'dots'",
    "a view": "'dots_view'",
    "a query": "'select x, w from dots where x > 0'",
    "a table under row security": "'guarded'",
    "a partitioned table": "'parts'",
}

ENDINGS = {
    "limit": "select id from {predictions} limit 3",
    "exists": "select exists (select from {predictions})",
    "an aggregate under a limit": "select count(*) from (select from {predictions} limit 5) as p",
    "a scalar subquery": "select (select id from {predictions} limit 1)",
    "a join that needs one row": "select from (select 1) as one, lateral (select * from {predictions} limit 1) as p",
    "to the end": "select count(*) from {predictions}",
    "a loop that is left": """do $$ declare r record; begin
        for r in select * from {predictions} loop exit when r.id::integer > 10; end loop; end $$""",
    "a loop that is left by return": """do $$ declare r record; begin
        for r in select * from {predictions} loop return; end loop; end $$""",
    "select into": "do $$ declare n text; begin select id into n from {predictions}; end $$",
    "an error in a later row": """do $$ begin
        perform 1 / (id::integer - 5000) from {predictions};
        exception when division_by_zero then null; end $$""",
    "an error in a loop": """do $$ declare r record; begin
        for r in select * from {predictions} loop perform 1 / (r.id::integer - 20); end loop;
        exception when division_by_zero then null; end $$""",
    "a cursor of plpgsql that is closed": """do $$ declare c refcursor; r record; begin
        open c for select * from {predictions}; fetch c into r; close c; end $$""",
}


@pytest.fixture(scope="module")
def owner(_shared_actors: Actors) -> Iterator[Session]:
    """Yield red's session, with rows that nobody else may read and a model of them."""
    superuser, red = _shared_actors.superuser, _shared_actors.red
    red.execute("set search_path = red_own")
    red.execute(
        f"create table dots as select x::float8 as x, sin(x) as w from generate_series(1, {ROWS}) as x".encode()
    )
    red.execute("create view dots_view as select * from dots")
    red.execute("create table guarded as select * from dots")
    red.execute("alter table guarded enable row level security")
    red.execute("alter table guarded force row level security")
    red.execute("create policy mine on guarded using (x > 0)")
    red.execute("create table parts (x float8, w float8) partition by range (x)")
    red.execute("create table low partition of parts for values from (minvalue) to (15000)")
    red.execute("create table high partition of parts for values from (15000) to (maxvalue)")
    red.execute("insert into parts select * from dots")
    superuser.execute("analyze")
    yield red
    red.execute("set search_path = red_own")
    red.execute("drop table dots, guarded, parts cascade")


@pytest.fixture
def red(owner: Session) -> Iterator[Session]:
    """Return red's session in a transaction that is taken back."""
    with owner.transaction(force_rollback=True):
        owner.execute("set local search_path = red_own")
        yield owner


def left(session: Session) -> list[str]:
    """Return the names of the open cursors, apart from the driver's own."""
    return [row[0] for row in session.execute("select name from pg_cursors where name <> ''")]


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("source", SOURCES)
def test_nothing_stays_open_however_a_read_ends(red: Session, source: str, ending: str) -> None:
    red.execute(ENDINGS[ending].format(predictions=f"ml.predict_batch('m', {SOURCES[source]})").encode())
    assert left(red) == []


@pytest.mark.parametrize("source", SOURCES)
def test_nothing_is_open_while_a_cursor_is_read(red: Session, source: str) -> None:
    red.execute(f"declare c cursor for select id from ml.predict_batch('m', {SOURCES[source]})".encode())
    for _ in range(3):
        assert len(red.execute("fetch 7 from c").fetchall()) == 7
        assert left(red) == ["c"]
    red.execute("close c")
    assert left(red) == []


@pytest.mark.parametrize("source", SOURCES)
def test_a_cursor_with_hold_leaves_itself_alone(owner: Session, source: str) -> None:
    with owner.transaction():
        owner.execute("set local search_path = red_own")
        predictions = f"ml.predict_batch('m', {SOURCES[source]})"
        owner.execute(f"declare c cursor with hold for select id from {predictions}".encode())
        owner.execute("fetch 7 from c")
    with owner.transaction():
        assert left(owner) == ["c"]
        assert len(owner.execute("fetch all from c").fetchall()) == ROWS - 7
        owner.execute("close c")
        assert left(owner) == []


@pytest.mark.parametrize("source", SOURCES)
def test_a_savepoint_that_is_taken_back_leaves_nothing(red: Session, source: str) -> None:
    red.execute("savepoint s")
    red.execute(f"declare c cursor for select id from ml.predict_batch('m', {SOURCES[source]})".encode())
    red.execute("fetch 7 from c")
    red.execute("rollback to s")
    assert left(red) == []


@pytest.mark.parametrize(
    "call",
    [
        "select ml.predict_batch('m', {query})",
        "select ml.predict_into('m', {query}, 'predicted')",
        "select ml.evaluate('m', {query}, 'y')",
        "select ml.drift('m', {query})",
        "select ml.train('m', 'regression', {query}, 'x')",
    ],
)
def test_an_error_in_the_input_that_is_caught_leaves_nothing(red: Session, call: str) -> None:
    query = "'select x, w / (x - 20000) as w, ''open''::text as y from dots'"
    found: list[str] = []
    red.add_notice_handler(lambda message: found.append(message.message_primary or ""))
    red.execute("set local client_min_messages = notice")
    red.execute(
        f"""do $$ begin perform {call.format(query=query).removeprefix("select ")};
        exception when division_by_zero then raise notice 'caught'; end $$""".encode()
    )
    assert found == ["caught"]
    assert left(red) == []


@pytest.mark.parametrize("source", SOURCES)
def test_who_calls_a_definer_function_fetches_none_of_its_owners_rows(
    actors: Actors, owner: Session, source: str
) -> None:
    owner.execute(
        f"""create function red_own.any_left() returns boolean language sql security definer
        set search_path = red_own, pg_temp
        as $$ select exists (select from ml.predict_batch('m', {SOURCES[source]})) $$""".encode()
    )
    owner.execute("grant usage on schema red_own to public")
    blue = actors.blue
    try:
        with blue.transaction():
            assert blue.execute("select red_own.any_left()").fetchone() == (True,)
            assert left(blue) == []
            with pytest.raises(psycopg.errors.InvalidCursorName), blue.transaction():
                blue.execute('fetch 5 from "<unnamed portal 1>"')
    finally:
        owner.execute("drop function red_own.any_left()")
        owner.execute("revoke usage on schema red_own from public")
