"""What a session remembers within one statement never answers for another tenant, version or right."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import psycopg
import pytest

from tests.security.conftest import Actors, Session

LABEL = "ml.predict_label('m', array[60, 0])"
BOTH = ["secret of rouge", "secret of blue"] * 3


@pytest.fixture(scope="module")
def both(_shared_actors: Actors) -> Iterator[Session]:
    """Yield a session of a role that acts for both tenants, and make functions that set one.

    PostgreSQL lets a superuser alone make a function that sets a setting it does not know.
    """
    chief = _shared_actors.chief
    for tenant in ("rouge", "blue"):
        _shared_actors.superuser.execute(
            f"""create function public.of_{tenant}() returns text language plpgsql stable
                set ml.tenant_id = '{tenant}' as $$ begin return {LABEL}; end $$""".encode()
        )
    _shared_actors.superuser.execute("select ml.grant_usage(%s, 'rouge')", [chief.info.user])
    with psycopg.connect(chief.info.dsn, autocommit=True) as session:
        yield session
    _shared_actors.superuser.execute("select ml.revoke_usage(%s, 'rouge')", [chief.info.user])


TENANTS = "unnest(array['rouge', 'blue', 'rouge', 'blue', 'rouge', 'blue']) with ordinality as v (tenant, n)"

WAYS = {
    "set_config in the select list": f"""
        select case when set_config('ml.tenant_id', v.tenant, false) is not null then {LABEL} end
        from {TENANTS} order by n""",
    "set_config of the transaction": f"""
        select case when set_config('ml.tenant_id', v.tenant, true) is not null then {LABEL} end
        from {TENANTS} order by n""",
    "functions with SET": f"""
        select case v.tenant when 'rouge' then public.of_rouge() else public.of_blue() end
        from {TENANTS} order by n""",
    "a function with SET beside the session's setting": f"""
        select unnest(array[public.of_rouge(), {LABEL}, public.of_rouge(), {LABEL}, public.of_rouge(), {LABEL}])""",
}


@pytest.mark.parametrize("way", WAYS)
def test_a_change_of_tenant_within_a_statement_changes_the_model(both: Session, way: str) -> None:
    both.execute("set ml.tenant_id = 'blue'")
    assert [label for (label,) in both.execute(WAYS[way].encode()).fetchall()] == BOTH


@pytest.mark.parametrize("function", ["predict_value", "predict_proba", "predict", "predict_batch"])
def test_every_function_follows_the_tenant(both: Session, function: str) -> None:
    """rouge alone has this model, so the same call under blue has to fail."""
    call = {
        "predict_batch": "select count(*) from ml.predict_batch('only rouge', 'select 60 as x, 0 as w')",
    }.get(function, f"select ml.{function}('only rouge', array[60, 0])")
    both.execute("set ml.tenant_id = 'rouge'")
    both.execute(
        f"""create or replace function pg_temp.again() returns void language plpgsql as $$ begin
            begin execute {call!r}; exception when sqlstate 'ML020' then null; end;
            perform set_config('ml.tenant_id', 'blue', false);
            execute {call!r}; end $$""".replace('"', "$call$").encode()
    )
    with pytest.raises(psycopg.Error) as caught:
        both.execute("select pg_temp.again()")
    assert caught.value.sqlstate == "ML001"


STEPS = """
create or replace procedure pg_temp.ask(commits boolean) language plpgsql as $$
declare answer text; n integer;
begin
    for n in 1..40 loop
        begin
            answer := ml.predict('m', array[60, 0], tenant_id => 'rouge') ->> 'model_version';
        exception when others then
            answer := sqlstate;
        end;
        raise notice '%', answer;
        if commits then commit; end if;
        perform pg_sleep(0.05);
    end loop;
end $$"""


def answers_around(session: Session, commits: bool, change: Callable[[], object]) -> tuple[list[str], list[str]]:
    """Ask in one CALL, change something from another session meanwhile, and return the answers before and after."""
    heard: list[str] = []
    fifth = threading.Event()

    def hear(diagnostic: psycopg.errors.Diagnostic) -> None:
        heard.append(diagnostic.message_primary or "")
        if len(heard) == 5:
            fifth.set()

    with psycopg.connect(session.info.dsn, autocommit=True) as asking:
        asking.execute(STEPS.encode())
        asking.add_notice_handler(hear)
        thread = threading.Thread(target=asking.execute, args=(f"call pg_temp.ask({commits})".encode(),))
        thread.start()
        assert fifth.wait(20)
        before = heard[:5]
        change()
        known = len(heard) + 2
        thread.join(30)
    return before, heard[known:]


@pytest.mark.parametrize("commits", [True, False], ids=["that commits", "that does not"])
def test_a_procedure_sees_what_others_deploy_meanwhile(actors: Actors, both: Session, commits: bool) -> None:
    deploy = "select ml.deploy('m', %s, tenant_id => 'rouge')"
    actors.red.execute(deploy, ["1.1.0"])
    before, after = answers_around(both, commits, lambda: actors.red.execute(deploy, ["1.0.0"]))
    assert set(before) == {"1.1.0"}
    assert set(after) == {"1.0.0"}


@pytest.mark.parametrize("commits", [True, False], ids=["that commits", "that does not"])
def test_a_procedure_sees_that_its_right_is_revoked(actors: Actors, both: Session, commits: bool) -> None:
    role, superuser = both.info.user, actors.superuser
    before, after = answers_around(
        both, commits, lambda: superuser.execute("select ml.revoke_usage(%s, 'rouge')", [role])
    )
    superuser.execute("select ml.grant_usage(%s, 'rouge')", [role])
    assert len(set(before)) == 1
    assert before[0].count(".") == 2
    assert set(after) == {"ML012"}


def test_what_a_procedure_rolls_back_answers_no_more(actors: Actors, both: Session) -> None:
    """Others run meanwhile, so that the snapshots before and after look alike but for what was rolled back."""
    actors.red.execute("select ml.deploy('m', '1.1.0', tenant_id => 'rouge')")
    both.execute(
        """create or replace procedure pg_temp.back(inout answers text[]) language plpgsql as $$
        begin
            create temporary table own (n integer);
            answers := answers || (ml.predict('m', array[60, 0], tenant_id => 'rouge') ->> 'model_version');
            perform ml.deploy('m', '1.0.0', 'rouge');
            answers := answers || (ml.predict('m', array[60, 0], tenant_id => 'rouge') ->> 'model_version');
            rollback;
            create temporary table own (n integer);
            insert into own values (1);
            answers := answers || (ml.predict('m', array[60, 0], tenant_id => 'rouge') ->> 'model_version');
        end $$"""
    )
    assert both.execute("call pg_temp.back('{}')").fetchone() == (["1.1.0", "1.0.0", "1.1.0"],)
