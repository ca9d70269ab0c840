"""What began while a right stood ends when it is revoked: a training, and a cursor over predictions."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.security.conftest import Actors, Session

ROWS = 60_000
"""Several chunks of predictions."""


@pytest.fixture
def both(own_actors: Actors) -> Iterator[Session]:
    """Yield a session of chief's, who acts for both tenants."""
    own_actors.superuser.execute("select ml.grant_usage(%s, 'rouge')", [own_actors.chief.info.user])
    own_actors.superuser.execute(
        f"""create table public.dots as select x::float8 as x, sin(x) as w from generate_series(1, {ROWS}) as x;
        grant select on public.dots to public"""
    )
    with psycopg.connect(own_actors.chief.info.dsn, autocommit=True) as session:
        yield session


def stored(superuser: Session) -> list[Any]:
    return superuser.execute(
        "select m.tenant_id, m.model_id, v.version, v.id = m.deployed_version_id from ml.model m "
        "join ml.model_version v on v.model = m.id order by v.id"
    ).fetchall()


@pytest.mark.parametrize("model", ["m", "a new one"])
def test_a_training_that_outlives_its_right_stores_nothing(own_actors: Actors, both: Session, model: str) -> None:
    superuser = own_actors.superuser
    before = stored(superuser)
    states: list[str | None] = []

    def train() -> None:
        try:
            both.execute(
                """select ml.train(%s, 'classification',
                    'select i as x, sin(i) as w, case when i > 50 then ''late'' else ''open'' end as y
                    from generate_series(1, 100) as i, (select pg_sleep(2)) as p', 'y', tenant_id => 'rouge')""",
                [model],
            )
            states.append(None)
        except psycopg.Error as error:
            states.append(error.sqlstate)

    thread = threading.Thread(target=train)
    thread.start()
    for _ in range(200):
        time.sleep(0.02)
        if superuser.execute("select from ml.training_progress where tenant_id = 'rouge'").fetchall():
            break
    else:
        pytest.fail("the training was never seen")
    superuser.execute("select ml.revoke_usage(%s, 'rouge')", [both.info.user])
    thread.join(60)
    assert states == ["ML012"]
    assert stored(superuser) == before


@pytest.mark.parametrize("source", ["public.dots", "select * from public.dots where x > 0"], ids=["table", "query"])
def test_an_open_cursor_over_predictions_stops_at_the_next_chunk(
    own_actors: Actors, both: Session, source: str
) -> None:
    with both.transaction():
        both.execute(
            "declare c cursor for select id, prediction from ml.predict_batch('m', %s, tenant_id => 'rouge')".replace(
                "%s", "'" + source + "'"
            ).encode()
        )
        assert len(both.execute("fetch 10 from c").fetchall()) == 10
        own_actors.superuser.execute("select ml.revoke_usage(%s, 'rouge')", [both.info.user])
        with pytest.raises(psycopg.Error) as caught, both.transaction():
            both.execute("fetch all from c")
        assert caught.value.sqlstate == "ML012"
        assert both.execute("select count(*) from pg_cursors where name <> 'c'").fetchone() == (0,)


def test_a_loop_over_predictions_stops_too(own_actors: Actors, both: Session) -> None:
    thread = threading.Timer(
        0.7, own_actors.superuser.execute, ["select ml.revoke_usage(%s, 'rouge')", [both.info.user]]
    )
    thread.start()
    with pytest.raises(psycopg.Error) as caught:
        both.execute(
            """do $$ declare r record; begin
            for r in select id from ml.predict_batch('m', 'public.dots', tenant_id => 'rouge') loop
                if r.id::integer % 1000 = 0 then perform pg_sleep(0.1); end if;
            end loop; end $$"""
        )
    thread.join()
    assert caught.value.sqlstate == "ML012"
