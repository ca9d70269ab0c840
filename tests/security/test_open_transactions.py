"""An administrator whose transaction stays open keeps no other administrator from revoking."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.security.conftest import Actors, RoleFactory, Session, refusal

SOON = 2.0
"""Seconds within which a revocation is in force."""

PREDICT = "select ml.predict_label('m', '{\"x\": 1, \"w\": 0}', tenant_id => %s)"


@pytest.fixture
def open_transaction(own_actors: Actors, role_factory: RoleFactory) -> Iterator[Session]:
    """Grant tenant rouge to a role that had nothing, in an administrator's transaction that stays open."""
    boss, newcomer = role_factory("boss"), role_factory("newcomer")
    own_actors.superuser.execute("select ml.grant_usage(%s, 'rouge', admin => true)", [boss])
    with psycopg.connect(own_actors.superuser.info.dsn, user=boss) as session:
        session.execute("select ml.grant_usage(%s, 'rouge')", [newcomer])
        yield session
        session.rollback()


def warned(session: Session, statement: str, *values: Any) -> list[str]:
    """Run a statement that has to end soon, and return the warnings that came with it."""
    said: list[str] = []

    def hear(diagnostic: psycopg.errors.Diagnostic) -> None:
        said.append(diagnostic.message_primary or "")

    session.execute("set client_min_messages = warning")
    session.add_notice_handler(hear)
    started = time.monotonic()
    session.execute(statement.encode(), values)
    took = time.monotonic() - started
    session.remove_notice_handler(hear)
    assert took < SOON
    return said


def may_execute(actors: Actors, role: Session) -> bool:
    row = actors.superuser.execute(
        "select bool_or(has_function_privilege(%s, oid, 'execute')) or has_schema_privilege(%s, 'ml', 'usage') "
        "from pg_proc where pronamespace = 'ml'::regnamespace",
        [role.info.user] * 2,
    ).fetchone()
    assert row is not None
    return bool(row[0])


@pytest.mark.usefixtures("open_transaction")
@pytest.mark.parametrize("victim", ["blue", "red"], ids=["another tenant", "another role of the tenant"])
def test_a_revocation_is_in_force_at_once(own_actors: Actors, victim: str) -> None:
    session, tenant = (own_actors.blue, "blue") if victim == "blue" else (own_actors.red, "rouge")
    admin = own_actors.chief if victim == "blue" else own_actors.superuser
    session.execute(PREDICT.encode(), [tenant])
    said = warned(admin, "select ml.revoke_usage(%s, %s)", session.info.user, tenant)
    assert len(said) == 1
    assert "another transaction" in said[0]
    assert refusal(session, PREDICT, tenant).sqlstate == "ML012"
    error = refusal(session, "select ml.train('n', 'clustering', 'select 1 as x', tenant_id => %s)", tenant)
    assert error.sqlstate == "ML012"


def test_refreshing_takes_back_what_a_revocation_left(own_actors: Actors, open_transaction: Session) -> None:
    superuser, blue = own_actors.superuser, own_actors.blue
    warned(own_actors.chief, "select ml.revoke_usage(%s, 'blue')", blue.info.user)
    assert may_execute(own_actors, blue)
    open_transaction.rollback()
    found = superuser.execute("select detail, remedy from ml.doctor() where not ok").fetchall()
    assert [remedy for detail, remedy in found if blue.info.user in detail]
    assert warned(superuser, "select ml.refresh_usage()") == []
    assert not may_execute(own_actors, blue)


@pytest.mark.no_attack
@pytest.mark.usefixtures("open_transaction")
def test_who_has_the_rights_is_granted_more_without_waiting(own_actors: Actors) -> None:
    blue = own_actors.blue.info.user
    assert warned(own_actors.superuser, "select ml.grant_usage(%s, 'rouge')", blue) == []
    assert warned(own_actors.superuser, "select ml.revoke_usage(%s, 'blue')", blue) == []
    assert warned(own_actors.superuser, "select ml.refresh_usage()") == []
    own_actors.blue.execute(PREDICT.encode(), ["rouge"])


@pytest.mark.usefixtures("open_transaction")
def test_who_lacks_the_rights_is_refused_soon_and_nothing_is_stored(own_actors: Actors) -> None:
    nobody = own_actors.nobody.info.user
    started = time.monotonic()
    error = refusal(own_actors.chief, "select ml.grant_usage(%s, 'blue')", nobody)
    assert time.monotonic() - started < SOON
    assert error.sqlstate == "55P03"
    assert error.diag.message_hint
    assert own_actors.superuser.execute("select from ml.tenant_roles where role::text = %s", [nobody]).fetchall() == []


CHANGES = {
    "ml.grant_usage({blue}, 'blue', access => 'admin')": "ml.revoke_usage({blue}, 'blue')",
    "ml.grant_model('m', {nobody}, tenant_id => 'blue')": "ml.grant_model('m', {nobody}, tenant_id => 'blue')",
    "ml.revoke_model('m', {nobody}, 'blue')": "ml.revoke_model('m', {nobody}, 'blue')",
    "ml.revoke_api_key({key}, 'blue')": "ml.revoke_api_key({key}, 'blue')",
    "ml._start_run('held', tenant_id => 'blue')": "ml.set_quota('blue', max_bytes => 2000000000)",
    "ml.revoke_usage({blue}, 'blue')": "ml.grant_usage({blue}, 'blue', access => 'predict')",
    "ml.grant_usage({blue}, 'a new one')": "ml.grant_usage({chief}, 'a new one')",
}
"""What an administrator does and leaves open, and what others cannot do then: change the same."""


def test_who_would_change_the_same_is_told_so_soon(own_actors: Actors) -> None:
    """An administrator who is about to be revoked could keep the row locked, and the others waiting, for ever."""
    superuser = own_actors.superuser
    superuser.execute("select ml.set_quota('blue', max_bytes => 1000000000)")
    superuser.execute("select ml.create_api_key('a key', tenant_id => 'blue')")
    key = superuser.execute("select max(id) from ml.api_key").fetchone()
    names = {who: f"'{getattr(own_actors, who).info.user}'" for who in ("blue", "chief", "nobody")}
    names["key"] = str(key and key[0])
    for first, second in CHANGES.items():
        holder = superuser.info.user if "a new one" in first else own_actors.chief.info.user
        with psycopg.connect(superuser.info.dsn, user=holder) as session:
            session.execute(f"select {first.format(**names)}".encode())
            started = time.monotonic()
            error = refusal(superuser, f"select {second.format(**names)}")
            assert time.monotonic() - started < SOON
            assert error.sqlstate == "55P03", first
            assert "another transaction is changing the same" in str(error.diag.message_primary)
            assert "pg_terminate_backend" in str(error.diag.message_hint)
            superuser.execute("select pg_terminate_backend(%s)", [session.info.backend_pid])
            with pytest.raises(psycopg.OperationalError):
                session.execute("select 1")
        superuser.execute(f"select {second.format(**names)}".encode())
        if "revoke_usage" in second:
            superuser.execute(f"select ml.grant_usage({names['blue']}, 'blue')".encode())
