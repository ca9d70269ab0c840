"""Which version of a model a call sees, and for how long that is remembered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from motadata_ml_server.errors import ModelNotFoundError, TenantNotPermittedError, VersionNotFoundError
from motadata_ml_server.models import deployment, visibility
from motadata_ml_server.models.visibility import look_up, visible_version
from motadata_ml_server.postgres.fake_database import FakeDatabase
from tests.unit.fakes import extension, grant, seen, session, train


class Backend:
    """The variables of the backend that tell one moment from the next."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.values: dict[str, Any] = {
            "GetCurrentStatementStartTimestamp": 1,
            "GetCurrentTransactionStartTimestamp": 1,
            "GetUserId": 10,
            "GetCurrentSubTransactionId": 1,
            "GetConfigOption": None,
            "snapshot": b"one",
        }
        monkeypatch.setattr(visibility, "getter", self._getter)
        monkeypatch.setattr(visibility, "snapshot_contents", lambda: self._getter("snapshot"))
        monkeypatch.setattr(visibility, "_memory", None)

    def _getter(self, name: str) -> Callable[..., Any]:
        return lambda *_: self.values[name]


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> Backend:
    return Backend(monkeypatch)


@pytest.fixture
def db() -> FakeDatabase:
    db = extension()
    grant(db, "ann", "north")
    grant(db, "bob", "south")
    train(db)
    train(db, deploy=False)
    return db


def asked(db: FakeDatabase) -> int:
    """Return how often the tables were asked for a version."""
    return sum("left join ml.model_version v" in one.sql for one in db.statements)


def test_the_deployed_version_is_seen_unless_one_is_named(db: FakeDatabase) -> None:
    assert seen(db).version == "1.0.0"
    assert seen(db, version="1.1.0").version == "1.1.0"


def test_a_model_of_another_tenant_is_not_there(db: FakeDatabase) -> None:
    with pytest.raises(ModelNotFoundError) as caught:
        seen(db, role="bob", tenant_id="north")
    assert caught.value.sqlstate == "ML001"


def test_a_superuser_sees_only_the_tenant_that_is_named(db: FakeDatabase) -> None:
    assert seen(db, role="postgres").model_id == "m"
    with pytest.raises(ModelNotFoundError):
        seen(db, role="postgres", tenant_id="default")


def test_a_version_that_is_not_there_is_named(db: FakeDatabase) -> None:
    with pytest.raises(VersionNotFoundError, match=r"version '9\.0\.0'"):
        seen(db, version="9.0.0")


def test_a_model_without_a_deployed_version_says_so(db: FakeDatabase) -> None:
    train(db, "other", deploy=False)
    with pytest.raises(VersionNotFoundError, match="has no deployed version"):
        seen(db, "other")


def test_a_revoked_role_sees_nothing(db: FakeDatabase) -> None:
    db.execute("delete from ml.tenant_role where tenant_id = 'north'")
    with pytest.raises(ModelNotFoundError):
        seen(db)


def test_one_statement_asks_once_for_each_model(db: FakeDatabase, backend: Backend) -> None:
    train(db, "other")
    with session(db, "ann"):
        first = [visible_version(db, name, None, None) for name in ("m", "other", "m", "m", "other")]
    assert asked(db) == 2
    assert first[0] is first[2]


def test_arguments_that_differ_are_asked_for_apart(db: FakeDatabase, backend: Backend) -> None:
    with session(db, "ann"):
        assert visible_version(db, "m", None, None).version == "1.0.0"
        assert visible_version(db, "m", "1.1.0", None).version == "1.1.0"
        assert visible_version(db, "m", None, "north").version == "1.0.0"
    assert asked(db) == 3


@pytest.mark.parametrize(
    ("variable", "later"),
    [
        ("GetCurrentStatementStartTimestamp", 2),
        ("GetCurrentTransactionStartTimestamp", 2),
        ("GetUserId", 11),
        ("GetCurrentSubTransactionId", 2),
        ("GetConfigOption", b"north"),
        ("snapshot", b"two"),
    ],
)
def test_another_moment_asks_again(db: FakeDatabase, backend: Backend, variable: str, later: object) -> None:
    with session(db, "ann"):
        visible_version(db, "m", None, None)
        backend.values[variable] = later
        visible_version(db, "m", None, None)
    assert asked(db) == 2


def test_the_setting_of_the_tenant_decides_nothing_where_the_call_names_one(db: FakeDatabase, backend: Backend) -> None:
    with session(db, "ann"):
        first = visible_version(db, "m", None, "north")
        backend.values["GetConfigOption"] = b"south"
        assert visible_version(db, "m", None, "north") is first
    assert asked(db) == 1


def test_nothing_is_remembered_where_there_is_no_snapshot(db: FakeDatabase, backend: Backend) -> None:
    backend.values["snapshot"] = None
    with session(db, "ann"):
        visible_version(db, "m", None, None)
        visible_version(db, "m", None, None)
    assert asked(db) == 2


def test_a_write_of_the_session_is_seen_at_once(db: FakeDatabase, backend: Backend) -> None:
    with session(db, "ann"):
        visible_version(db, "m", None, None)
        deployment.deploy(db, look_up(db, "m", "1.1.0", "north"), "ann")
        assert visible_version(db, "m", None, None).version == "1.1.0"


def test_a_write_that_fails_is_forgotten_too(db: FakeDatabase, backend: Backend) -> None:
    with session(db, "ann"):
        visible_version(db, "m", None, None)
        with pytest.raises(VersionNotFoundError):
            deployment.rollback(db, "north", "m")
        before = asked(db)
        visible_version(db, "m", None, None)
    assert asked(db) == before + 1


def test_an_error_is_not_remembered(db: FakeDatabase, backend: Backend) -> None:
    with session(db, "ann"):
        with pytest.raises(TenantNotPermittedError):
            visible_version(db, "m", None, "south")
        with pytest.raises(ModelNotFoundError):
            visible_version(db, "later", None, None)
    train(db, "later")
    with session(db, "ann"):
        assert visible_version(db, "later", None, None).version == "1.0.0"
