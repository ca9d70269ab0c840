"""Who may grant a tenant, and what comes with it."""

from __future__ import annotations

import pytest

from motadata_ml_server.errors import InsufficientPrivilegeError, InvalidArgumentError
from motadata_ml_server.postgres.fake_database import FakeDatabase
from motadata_ml_server.postgres.owner import read_as_owner
from motadata_ml_server.tenants import grants, membership, rights
from tests.unit.fakes import extension, grant, session


@pytest.fixture
def db() -> FakeDatabase:
    db = extension()
    db.create_role("ann")
    return db


def granted(db: FakeDatabase) -> list[tuple[str, str, bool]]:
    rows = db.execute(
        "select r.rolname, t.tenant_id, t.admin from ml.tenant_role t "
        "join pg_catalog.pg_roles r on r.oid = t.role order by 1, 2"
    )
    return [(row["rolname"], row["tenant_id"], row["admin"]) for row in rows]


def ran(db: FakeDatabase, verb: str) -> list[str]:
    return [one.sql for one in db.statements if one.sql.startswith(f"{verb} ")]


def test_a_grant_makes_the_tenant_and_gives_all_rights(db: FakeDatabase) -> None:
    grant(db, "ann", "north")
    assert granted(db) == [("ann", "north", False)]
    assert {"tenant_id": "north"} in db.execute("select tenant_id from ml.tenant")
    given = ran(db, "grant")
    assert "grant usage on schema ml to ann" in given
    assert all(one.endswith(" to ann") for one in given)
    functions = next(one for one in given if one.startswith("grant execute"))
    assert "ml.predict_value" in functions
    assert not any(f"ml.{name}," in functions or f"ml.{name} " in functions for name in rights.OWNER_ONLY)


def test_a_role_with_an_odd_name_is_quoted(db: FakeDatabase) -> None:
    grant(db, 'An"n', "north")
    assert 'grant usage on schema ml to "An""n"' in ran(db, "grant")


def test_a_second_grant_changes_whether_the_role_administers(db: FakeDatabase) -> None:
    grant(db, "ann", "north")
    grant(db, "ann", "north", admin=True)
    assert granted(db) == [("ann", "north", True)]


@pytest.mark.parametrize("access", ["predict", "train", "admin"])
def test_access_says_how_far_a_role_may_go(db: FakeDatabase, access: str) -> None:
    with session(db, "postgres"):
        grants.grant_usage(db, "ann", "north", access=access)
    with session(db, "ann"):
        caller = membership.caller_of(db)
        assert read_as_owner(db, lambda owner: membership.access_of(owner, caller, "north")) == access
        assert read_as_owner(db, lambda owner: membership.access_of(owner, caller, "south")) is None
    functions = [one for one in ran(db, "grant") if one.startswith("grant execute")][-1]
    assert "ml.predict_value" in functions
    assert ("ml.train" in functions) == (access != "predict")


@pytest.mark.parametrize(("admin", "access"), [(False, "read"), (True, "train"), (True, "predict"), (False, "")])
def test_an_access_that_is_none_is_refused(db: FakeDatabase, admin: bool, access: str) -> None:
    with pytest.raises(InvalidArgumentError, match="access must be"), session(db, "postgres"):
        grants.grant_usage(db, "ann", "north", admin, access)


def test_more_access_of_another_role_counts(db: FakeDatabase) -> None:
    db.create_role("team")
    db.create_role("both", member_of=["team"])
    with session(db, "postgres"):
        grants.grant_usage(db, "team", "north", access="train")
        grants.grant_usage(db, "both", "north", access="predict")
    with session(db, "both"):
        caller = membership.caller_of(db)
        assert read_as_owner(db, lambda owner: membership.access_of(owner, caller, "north")) == "train"


def test_rights_are_given_by_the_owner_only_for_a_caller_who_may(db: FakeDatabase) -> None:
    grant(db, "boss", "north", admin=True)
    db.statements.clear()
    with session(db, "boss"):
        grants.grant_usage(db, "ann", "north", False)
    assert ("ann", "north", False) in granted(db)
    assert {one.role for one in db.statements if one.sql.startswith("grant ")} == {"postgres"}


@pytest.mark.parametrize(("tenant", "admin"), [("north", False), ("south", True)])
def test_who_does_not_administer_the_tenant_grants_nothing(db: FakeDatabase, tenant: str, admin: bool) -> None:
    grant(db, "bob", tenant, admin=admin)
    before = granted(db)
    with pytest.raises(InsufficientPrivilegeError, match="does not administer"), session(db, "bob"):
        grants.grant_usage(db, "ann", "north", False)
    with pytest.raises(InsufficientPrivilegeError, match="does not administer"), session(db, "bob"):
        grants.revoke_usage(db, "bob", "north")
    assert granted(db) == before


def test_an_unknown_role_is_named(db: FakeDatabase) -> None:
    with pytest.raises(InvalidArgumentError, match="'Ann' is not a role"), session(db, "postgres"):
        grants.grant_usage(db, "Ann", "north", False)
    assert db.execute("select * from ml.tenant where tenant_id = 'north'") == []


def test_a_grant_that_fails_half_way_leaves_nothing(db: FakeDatabase) -> None:
    db.fail("grant execute", "42501")
    with pytest.raises(Exception, match="it fails"), session(db, "postgres"):
        grants.grant_usage(db, "ann", "north", False)
    assert granted(db) == []


def test_the_last_tenant_takes_the_rights_with_it(db: FakeDatabase) -> None:
    grant(db, "ann", "north", "south")
    with session(db, "postgres"):
        grants.revoke_usage(db, "ann", "north")
    assert ran(db, "revoke") == []
    with session(db, "postgres"):
        grants.revoke_usage(db, "ann", "south")
    assert "revoke usage on schema ml from ann" in ran(db, "revoke")
    assert granted(db) == []


def test_what_was_not_granted_cannot_be_revoked(db: FakeDatabase) -> None:
    with pytest.raises(InvalidArgumentError, match="was not granted"), session(db, "postgres"):
        grants.revoke_usage(db, "ann", "north")


def test_refreshing_gives_every_role_its_rights_again(db: FakeDatabase) -> None:
    grant(db, "ann", "north")
    grant(db, "bob", "south")
    db.statements.clear()
    with session(db, "postgres"):
        assert grants.refresh_usage(db) == 2
    assert {one.rpartition(" ")[2] for one in ran(db, "grant")} == {"ann", "bob"}


def test_refreshing_marks_functions_for_parallel_plans_from_17_on(db: FakeDatabase) -> None:
    for version, marked in (("160004", []), ("170000", ["safe"] * 4)):
        db.settings["server_version_num"] = version
        db.statements.clear()
        with session(db, "postgres"):
            grants.refresh_usage(db)
        assert [one.rpartition(" ")[2] for one in ran(db, "alter")] == marked


def test_only_the_owner_refreshes(db: FakeDatabase) -> None:
    grant(db, "boss", "north", admin=True)
    with pytest.raises(InsufficientPrivilegeError), session(db, "boss"):
        grants.refresh_usage(db)
