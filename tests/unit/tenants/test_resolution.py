"""Which tenant a call acts for."""

from __future__ import annotations

import pytest

from motadata_ml_server.errors import InvalidArgumentError, TenantAmbiguousError, TenantNotPermittedError
from motadata_ml_server.postgres.fake_database import FakeDatabase
from motadata_ml_server.tenants.resolution import MAX_LENGTH, resolve
from tests.unit.fakes import extension, grant, session


@pytest.fixture
def db() -> FakeDatabase:
    db = extension()
    grant(db, "one", "north")
    grant(db, "two", "north", "south")
    db.create_role("none")
    return db


def resolved(db: FakeDatabase, role: str, tenant_id: str | None = None, setting: str | None = None) -> str:
    if setting is not None:
        db.settings["ml.tenant_id"] = setting
    with session(db, role):
        return resolve(db, tenant_id)


def test_the_argument_chooses_before_the_setting(db: FakeDatabase) -> None:
    assert resolved(db, "two", "south", setting="north") == "south"


def test_the_setting_chooses_where_the_call_names_none(db: FakeDatabase) -> None:
    assert resolved(db, "two", setting="south") == "south"


def test_an_empty_setting_is_none(db: FakeDatabase) -> None:
    assert resolved(db, "one", setting="") == "north"


def test_a_role_with_one_tenant_needs_to_name_none(db: FakeDatabase) -> None:
    assert resolved(db, "one") == "north"


def test_a_role_with_several_tenants_has_to_name_one(db: FakeDatabase) -> None:
    with pytest.raises(TenantAmbiguousError) as caught:
        resolved(db, "two")
    assert caught.value.sqlstate == "ML013"


@pytest.mark.parametrize("named", ["south", "nowhere", "default"])
def test_neither_argument_nor_setting_allows_a_tenant(db: FakeDatabase, named: str) -> None:
    with pytest.raises(TenantNotPermittedError):
        resolved(db, "one", named)
    with pytest.raises(TenantNotPermittedError):
        resolved(db, "one", setting=named)


def test_a_role_without_a_tenant_acts_for_none(db: FakeDatabase) -> None:
    with pytest.raises(TenantNotPermittedError, match="any tenant"):
        resolved(db, "none")


def test_a_member_of_a_role_acts_for_its_tenant(db: FakeDatabase) -> None:
    db.create_role("member", member_of=["one"])
    assert resolved(db, "member") == "north"
    assert resolved(db, "member", "north") == "north"


def test_a_superuser_acts_for_the_default_tenant_and_any_that_it_names(db: FakeDatabase) -> None:
    assert resolved(db, "postgres") == "default"
    assert resolved(db, "postgres", "new one") == "new one"


@pytest.mark.parametrize("named", ["", "x" * (MAX_LENGTH + 1)])
def test_a_name_that_is_empty_or_too_long_is_refused(db: FakeDatabase, named: str) -> None:
    with pytest.raises(InvalidArgumentError, match=f"got {len(named)}"):
        resolved(db, "postgres", named)


def test_a_name_of_the_greatest_length_is_taken(db: FakeDatabase) -> None:
    assert resolved(db, "postgres", "x" * MAX_LENGTH) == "x" * MAX_LENGTH
