"""The fake does what tests without a server rely on."""

from __future__ import annotations

import pytest

from motadata_ml_server.postgres import owner
from motadata_ml_server.postgres.database import Database, DatabaseError, current, standing_in
from motadata_ml_server.postgres.fake_database import FakeDatabase, Statement
from tests.unit.fakes import extension, grant, session

MODEL = "insert into ml.model (tenant_id, model_id, model_type, created_by) values ($1, $2, 'regression', 'x')"


@pytest.fixture
def db() -> FakeDatabase:
    return extension()


def sqlstate(db: Database, sql: str, *values: str) -> str:
    with pytest.raises(DatabaseError) as caught:
        db.query(sql, ["text"] * len(values), values)
    return caught.value.sqlstate


def test_it_is_a_database(db: FakeDatabase) -> None:
    protocol: Database = db
    assert protocol.query("select 1 as one") == [{"one": 1}]


def test_statements_are_kept_with_values_and_role(db: FakeDatabase) -> None:
    with db.acting_as("ann"):
        db.query("select\n  $1 as x", ["text"], ["v"])
    db.run("grant usage on schema ml to ann")
    assert db.statements == [
        Statement("select $1 as x", ("v",), "ann"),
        Statement("grant usage on schema ml to ann", (), "postgres"),
    ]


def test_types_and_values_are_as_many(db: FakeDatabase) -> None:
    with pytest.raises(AssertionError, match="1 types for 0 values"):
        db.query("select $1", ["text"], [])


def test_operators_casts_and_lists_are_understood(db: FakeDatabase) -> None:
    rows = db.query(
        "select x.v, x.v operator(pg_catalog.=) any ($2) as found from pg_catalog.unnest($1) as x (v) "
        "where x.v::pg_catalog.text operator(pg_catalog.<>) all ($3) order by 1",
        ["text[]", "text[]", "text[]"],
        [["a", "b", "c"], ["a"], ["b"]],
    )
    assert rows == [{"v": "a", "found": 1}, {"v": "c", "found": 0}]


def test_lists_and_booleans_come_back_as_such(db: FakeDatabase) -> None:
    assert db.query("select rolsuper from pg_catalog.pg_roles") == [{"rolsuper": True}]
    assert db.execute("select json_array('x') as a") == [{"a": '["x"]'}]


@pytest.mark.parametrize(
    ("sql", "values", "expected"),
    [
        (MODEL, ["default", "known"], "23505"),
        (MODEL, ["nowhere", "m"], "23503"),
        (MODEL, ["default", ""], "23514"),
        ("insert into ml.option (name) values ($1)", ["n"], "23502"),
        ("select * from ml.missing", [], "42P01"),
        ("select pg_catalog.current_setting('no.such')", [], "42704"),
    ],
)
def test_errors_have_their_sqlstate(db: FakeDatabase, sql: str, values: list[str], expected: str) -> None:
    db.query(MODEL, ["text", "text"], ["default", "known"])
    assert sqlstate(db, sql, *values) == expected


def test_a_statement_that_fails_leaves_nothing(db: FakeDatabase) -> None:
    def insert_twice() -> None:
        with db.statement():
            db.query(MODEL, ["text", "text"], ["default", "m"])
            db.query("select pg_catalog.set_config('ml.tenant_id', 'x', false)")
            db.query(MODEL, ["text", "text"], ["default", "m"])

    with pytest.raises(DatabaseError):
        insert_twice()
    assert db.execute("select * from ml.model") == []
    assert "ml.tenant_id" not in db.settings


def test_statements_nest_like_savepoints(db: FakeDatabase) -> None:
    def fail_inside() -> None:
        with db.statement():
            db.query(MODEL, ["text", "text"], ["default", "gone"])
            db.query(MODEL, ["text", "text"], ["nowhere", "m"])

    with db.statement():
        db.query(MODEL, ["text", "text"], ["default", "kept"])
        with pytest.raises(DatabaseError):
            fail_inside()
    assert [row["model_id"] for row in db.execute("select model_id from ml.model")] == ["kept"]


def test_deleting_a_model_takes_what_refers_to_it(db: FakeDatabase) -> None:
    db.query(MODEL, ["text", "text"], ["default", "m"])
    db.query("delete from ml.tenant where tenant_id = $1", ["text"], ["default"])
    assert db.execute("select * from ml.model") == []


POLICIES = """
create policy own_roles on ml.tenant_role for select
    using (pg_catalog.pg_has_role(current_user, role, 'usage'));
create policy own_tenants on ml.model for select
    using (exists (select from ml.tenant_role r where r.tenant_id operator(pg_catalog.=) model.tenant_id));
create view ml.own_models with (security_invoker = true) as
select m.tenant_id from ml.model m;
"""


def test_policies_decide_which_rows_a_role_sees() -> None:
    db = extension(POLICIES)
    grant(db, "ann", "north")
    grant(db, "bob", "south")
    for tenant in ("north", "south"):
        db.query(MODEL, ["text", "text"], [tenant, "m"])
    models = "select tenant_id from ml.own_models order by 1"
    assert len(db.query(models)) == 2
    with db.acting_as("ann"):
        assert db.query(models) == [{"tenant_id": "north"}]
        assert db.query("select tenant_id from ml.tenant_role") == [{"tenant_id": "north"}]
        assert db.query("select * from ml.artifact") == []


def test_membership_of_a_group_shows_its_rows() -> None:
    db = extension(POLICIES)
    grant(db, "team", "north")
    db.create_role("lead", member_of=["team"])
    db.create_role("ann", member_of=["lead"])
    with db.acting_as("ann"):
        assert db.query("select tenant_id from ml.tenant_role") == [{"tenant_id": "north"}]


def test_without_a_policy_only_the_owner_sees_rows(db: FakeDatabase) -> None:
    grant(db, "ann", "north")
    with db.acting_as("ann"):
        assert db.query("select tenant_id from ml.tenant_role") == []


def test_only_the_owner_writes(db: FakeDatabase) -> None:
    grant(db, "ann", "north")
    with db.acting_as("ann"):
        assert sqlstate(db, MODEL, "north", "m") == "42501"


def test_a_standby_writes_nothing(db: FakeDatabase) -> None:
    db.read_only = True
    assert sqlstate(db, MODEL, "default", "m") == "25006"
    assert db.query("select tenant_id from ml.tenant") == [{"tenant_id": "default"}]


def test_what_is_left_pending_runs_as_the_owner(db: FakeDatabase) -> None:
    db.create_role("ann")
    with session(db, "ann"):
        found = owner.write_as_owner(db, lambda as_owner: as_owner.query("select current_user as role"))
        assert found == [{"role": "postgres"}]
        assert db.role == "ann"


def test_an_answer_takes_the_place_of_a_statement(db: FakeDatabase) -> None:
    db.answer("from elsewhere where", lambda values: [{"x": values[0]}])
    assert db.query("select x\nfrom elsewhere where y = $1", ["text"], ["v"]) == [{"x": "v"}]
    db.answer("from elsewhere", [{"x": 1}])
    assert db.query("select x from elsewhere where y = $1", ["text"], ["v"]) == [{"x": 1}]


def test_a_failure_has_the_sqlstate_that_was_asked_for(db: FakeDatabase) -> None:
    db.fail("from ml.tenant", "57014", "canceled")
    assert sqlstate(db, "select * from ml.tenant") == "57014"
    db.fail("grant", "42501")
    with pytest.raises(DatabaseError):
        db.run("grant select on t to ann")


def test_settings_of_the_planner_hold_within(db: FakeDatabase) -> None:
    setting = "select pg_catalog.current_setting('enable_x', true) as x"
    assert list(db.rows(setting, {"enable_x": "off"})) == [{"x": "off"}]
    assert db.query(setting) == [{"x": None}]


def test_names_and_texts_are_quoted(db: FakeDatabase) -> None:
    sql = "select pg_catalog.format('%I %L %s', $1, $2, $3) as made, pg_catalog.quote_ident($1) as name"
    assert db.query(sql, ["text"] * 3, ['A"b', "it's", "x"]) == [{"made": "\"A\"\"b\" 'it''s' x", "name": '"A""b"'}]


def test_columns_of_a_result(db: FakeDatabase) -> None:
    assert [column.name for column in db.describe("select tenant_id, created_at from ml.tenant")] == [
        "tenant_id",
        "created_at",
    ]


def test_what_is_said_is_kept(db: FakeDatabase) -> None:
    db.notice("n", detail="d")
    db.warning("w", hint="h")
    db.log("l")
    assert (db.notices, db.warnings, db.logged) == (["n: d"], ["w: h"], ["l"])


def test_it_stands_in_for_the_sessions_database(db: FakeDatabase) -> None:
    with standing_in(db):
        assert current() is db
