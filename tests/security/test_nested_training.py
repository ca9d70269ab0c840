"""A training whose rows call ml.train starts no second worker: one training a session."""

from __future__ import annotations

import pytest

from tests.security.conftest import Actors, Session, refusal

ROWS = "select i as x, i * 2 as y from generate_series(1, 40) as i"

TRAIN = f"ml.train('inner', 'regression', '{ROWS}', 'y', algorithm => 'linear')"

LEVELS = f"""
create function blue_own.level(caught boolean) returns integer language plpgsql as $f$
begin
    perform {TRAIN};
    return 1;
exception when others then
    if not caught then raise; end if;
    raise notice 'refused %', sqlstate;
    return 0;
end $f$;
create view blue_own.levels as select i as x, i * 2 as y, blue_own.level(true) as z from generate_series(1, 5) as i;
create function blue_own.all_levels() returns table (x integer, y integer) language plpgsql as $f$
begin
    perform ml.train('middle', 'regression', 'select * from blue_own.all_levels()', 'y', algorithm => 'linear');
    return query select i, i * 2 from generate_series(1, 40) as i;
end $f$
"""


@pytest.fixture(scope="module")
def blue(_shared_actors: Actors) -> Session:
    """Return blue's session, with functions that train when their rows are read."""
    _shared_actors.blue.execute("set client_min_messages = notice")
    _shared_actors.blue.execute(LEVELS.encode())
    return _shared_actors.blue


def outer(rows: str) -> str:
    return f"select ml.train('outer', 'regression', '{rows}', 'y', algorithm => 'linear')"


@pytest.mark.parametrize(
    "rows",
    [
        "select i as x, i * 2 as y, blue_own.level(false) as z from generate_series(1, 5) as i",
        "select * from blue_own.all_levels()",
        f"select i as x, i * 2 as y from generate_series(1, 40) as i where ({TRAIN}).status is not null".replace(
            "'", "''"
        ),
    ],
    ids=["a column", "a recursion", "a condition"],
)
def test_a_training_that_its_rows_call_is_refused(blue: Session, rows: str) -> None:
    error = refusal(blue, outer(rows))
    assert error.sqlstate == "ML020"
    assert "a training that runs in this session" in str(error.diag.message_primary)
    assert error.diag.message_hint
    assert blue.execute("select model_id from ml.models where model_id in ('inner', 'outer')").fetchall() == []


def test_who_catches_the_refusal_has_one_training_and_the_session_trains_on(blue: Session) -> None:
    heard: list[str] = []
    blue.add_notice_handler(lambda diagnostic: heard.append(diagnostic.message_primary or ""))
    blue.execute(outer("blue_own.levels").encode())
    assert {notice for notice in heard if notice.startswith("refused")} == {"refused ML020"}
    blue.execute(f"select {TRAIN}".encode())
    stored = "select model_id from ml.models where model_id in ('inner', 'outer') order by 1"
    assert blue.execute(stored.encode()).fetchall() == [("inner",), ("outer",)]
