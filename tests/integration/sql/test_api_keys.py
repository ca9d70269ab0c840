"""API keys: who makes, sees and revokes them, what is kept of them, and what the serving process asks."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from pytest_postgresql.executors import PostgreSQLExecutor

from tests.conftest import conninfo

Session = psycopg.Connection[Any]
Login = Callable[..., Session]


@pytest.fixture
def login(server: PostgreSQLExecutor, db: Session, role_factory: Callable[..., str]) -> Iterator[Login]:
    """Return a factory of sessions of roles that act for a tenant."""
    opened: list[Session] = []

    def session_of(tenant: str, admin: bool = False) -> Session:
        role = role_factory("keeper")
        db.execute("select ml.grant_usage(%s, %s, %s)", [role, tenant, admin])
        opened.append(psycopg.connect(conninfo(server, db.info.dbname, role), autocommit=True))
        return opened[-1]

    yield session_of
    for session in opened:
        session.close()


def value(session: Session, statement: str, *values: Any) -> Any:
    row = session.execute(statement.encode(), values).fetchone()
    assert row is not None
    return row[0]


def refused(session: Session, statement: str, *values: Any) -> str | None:
    with pytest.raises(psycopg.Error) as caught:
        session.execute(statement.encode(), values)
    return caught.value.sqlstate


def test_a_key_is_made_by_an_administrator_and_only_its_digest_is_kept(db: Session, login: Login) -> None:
    chief = login("shop", admin=True)
    key = value(chief, "select ml.create_api_key('till')")
    assert key.startswith("mlk_")
    assert len(key) > 40
    row = db.execute(
        "select tenant_id, name, scope, digest, created_by, expires_at, revoked_at, created_at <= now() from ml.api_key"
    ).fetchone()
    digest = hashlib.sha256(key.encode()).digest()
    assert row == ("shop", "till", "predict", digest, chief.info.user, None, None, True)


def test_a_member_sees_keys_and_makes_none(login: Login) -> None:
    chief, member, stranger = login("shop", admin=True), login("shop"), login("mall", admin=True)
    value(chief, "select ml.create_api_key('till', scope => 'read', expires_at => '2100-01-01 00:00+00')")
    row = member.execute(
        "select tenant_id, name, scope, created_by, expires_at::date::text, revoked_at from ml.api_keys"
    ).fetchall()
    assert row == [("shop", "till", "read", chief.info.user, "2100-01-01", None)]
    assert refused(member, "select ml.create_api_key('mine')") == "42501"
    assert refused(member, "select ml.revoke_api_key(1)") == "42501"
    assert stranger.execute("select * from ml.api_keys").fetchall() == []
    assert refused(stranger, "select ml.create_api_key('theirs', tenant_id => 'shop')") == "ML012"


def test_a_key_is_revoked_once_and_by_its_own_tenant(login: Login) -> None:
    chief, stranger = login("shop", admin=True), login("mall", admin=True)
    value(chief, "select ml.create_api_key('till')")
    number = value(chief, "select id from ml.api_keys")
    assert value(stranger, "select ml.revoke_api_key(%s)", number) is False
    assert value(chief, "select ml.revoke_api_key(%s)", number) is True
    assert value(chief, "select ml.revoke_api_key(%s)", number) is False
    assert value(chief, "select revoked_at <= now() from ml.api_keys") is True


@pytest.mark.parametrize(
    "call",
    ["''", "repeat('x', 201)", "'n', scope => 'root'", "'n', scope => ''", "null", "'n', scope => null"],
)
def test_names_and_scopes_are_checked(login: Login, call: str) -> None:
    assert refused(login("shop", admin=True), f"select ml.create_api_key({call})") == "ML009"


@pytest.mark.parametrize(
    "statement",
    [
        "select digest from ml.api_key",
        "select 1 from ml.api_key where digest > 'x'",
        "select id from ml.api_key",
        "insert into ml.api_key (id, tenant_id, name, digest) values (9, 'shop', 'x', sha256('x'))",
        "update ml.api_key set created_by = 'x'",
        "delete from ml.api_key",
        "lock table ml.api_key in access share mode",
        "lock table ml.api_key",
        "select nextval('ml.api_key_seq')",
        "select setval('ml.api_key_seq', 1)",
    ],
)
def test_the_table_is_closed_to_administrators_of_a_tenant(login: Login, statement: str) -> None:
    chief = login("shop", admin=True)
    value(chief, "select ml.create_api_key('till')")
    with chief.transaction(force_rollback=True):
        with pytest.raises(psycopg.Error) as caught, chief.transaction():
            chief.execute(statement.encode())
        assert caught.value.sqlstate == "42501"


def test_bypassrls_is_no_membership(db: Session, login: Login, role_factory: Callable[..., str]) -> None:
    value(login("shop", admin=True), "select ml.create_api_key('till')")
    other = login("mall", admin=True)
    db.execute(f'alter role "{other.info.user}" bypassrls'.encode())
    assert other.execute("select * from ml.api_keys").fetchall() == []
    assert refused(other, "select ml.create_api_key('x', tenant_id => 'shop')") in ("42501", "ML012")
    assert refused(other, "select ml.revoke_api_key(1, 'shop')") in ("42501", "ML012")


TRAIN = (
    "select ml.train('double', 'regression', 'select x, 2.0 * x as y from generate_series(1, 20) x', 'y', "
    "algorithm => 'linear')"
)
SERVE = "select tenant_id, scope, answers, errors from ml._serve_requests(%s, 'double', %s, null, null)"


def test_requests_are_answered_each_for_itself(login: Login) -> None:
    chief = login("shop", admin=True)
    chief.execute("set client_min_messages = error")
    chief.execute(TRAIN)
    digest = hashlib.sha256(value(chief, "select ml.create_api_key('till')").encode()).digest()
    inputs = ['{"x": 4}', '{"z": 4}', "[5]", "[[1]]", '{"x": "text"}', "4"]
    found = chief.execute(SERVE, [digest, inputs]).fetchone()
    assert found is not None
    tenant, scope, answers, errors = found
    assert (tenant, scope) == ("shop", "predict")
    assert [answer is None for answer in answers] == [False, True, False, True, True, True]
    for text, given in ((answers[0], '{"x": 4}'), (answers[2], '{"x": 5}')):
        whole = value(chief, "select ml.predict('double', %s::jsonb)", given)
        assert json.loads(text) == whole
    assert [error and json.loads(error)["sqlstate"] for error in errors] == [None, "ML011", None] + ["ML011"] * 3
    rows = chief.execute("select answer from ml._serve_rows(%s, 'double', '[[4], [5]]', null, null)", [digest])
    assert [row["prediction"] for row in json.loads(rows.fetchall()[0][0])] == pytest.approx([8, 10])
    assert refused(chief, "select ml._serve_rows(%s, 'double', '[[4], [\"a\"]]', null, null)", digest) == "ML011"


def test_a_key_that_does_not_count_is_answered_with_nothing(db: Session, login: Login) -> None:
    chief, stranger = login("shop", admin=True), login("mall", admin=True)
    chief.execute("set client_min_messages = error")
    chief.execute(TRAIN)
    digest = hashlib.sha256(value(chief, "select ml.create_api_key('till')").encode()).digest()
    nothing = (None, None, None, None)
    assert stranger.execute(SERVE, [digest, ["[1]"]]).fetchone() == nothing
    assert chief.execute(SERVE, [b"x" * 32, ["[1]"]]).fetchone() == nothing
    db.execute("update ml.api_key set expires_at = now() - interval '1 second'")
    assert chief.execute(SERVE, [digest, ["[1]"]]).fetchone() == nothing
    db.execute("update ml.api_key set expires_at = null, revoked_at = now()")
    assert chief.execute(SERVE, [digest, ["[1]"]]).fetchone() == nothing


def test_models_that_were_asked_for_are_loaded_again(server: PostgreSQLExecutor, db: Session, login: Login) -> None:
    chief = login("shop", admin=True)
    chief.execute("set client_min_messages = error")
    chief.execute(TRAIN)
    chief.execute("select ml.predict_value('double', array[4])")
    with psycopg.connect(conninfo(server, db.info.dbname, chief.info.user), autocommit=True) as fresh:
        assert value(fresh, "select count(*) from ml.cache_status") == 0
        assert value(fresh, "select ml._warm_models(8)") == 1
        assert value(fresh, "select model_id from ml.cache_status") == "double"
    with psycopg.connect(conninfo(server, db.info.dbname, login("mall").info.user), autocommit=True) as other:
        assert value(other, "select ml._warm_models(8)") == 0


def test_of_revoked_keys_the_latest_hundred_are_kept(db: Session) -> None:
    """A key in use stays, whatever is made and revoked after it."""
    kept = "select count(*) - count(revoked_at), count(revoked_at) from ml.api_key"
    db.execute("select ml.create_api_key('in use')")
    for count in (60, 60):
        for number in range(count):
            db.execute("select ml.create_api_key(%s)", [f"short {number}"])
            db.execute("select ml.revoke_api_key((select max(id) from ml.api_keys))")
    assert db.execute(kept.encode()).fetchone() == (1, 100)
