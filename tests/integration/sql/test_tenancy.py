"""Tenants and rights: what each role sees, may do, and may not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

Connect = Callable[..., psycopg.Connection[Any]]
RoleFactory = Callable[..., str]

SOURCE = "select i as x, i > 50 as y from generate_series(1, 100) as i"


def train(session: psycopg.Connection[Any], model_id: str = "m", **arguments: str) -> None:
    session.execute(
        "select ml.train(%s, 'classification', %s, 'y', algorithm => 'decision_tree', tenant_id => %s)",
        [model_id, SOURCE, arguments.get("tenant_id")],
    )


def refused(session: psycopg.Connection[Any], statement: str, *values: Any) -> str:
    """Run a statement that has to fail, and return its SQLSTATE."""
    with pytest.raises(psycopg.Error) as caught:
        session.execute(statement, values)
    return str(caught.value.diag.sqlstate)


@pytest.fixture
def tenants(
    db: psycopg.Connection[Any], connect: Connect, role_factory: RoleFactory
) -> tuple[psycopg.Connection[Any], psycopg.Connection[Any]]:
    """Sessions of two roles, each with a tenant of its own and a model `m` in it."""
    sessions = []
    for tenant in ("red", "blue"):
        role = role_factory(tenant)
        db.execute("select ml.grant_usage(%s, %s)", [role, tenant])
        session = connect(role=role, dbname=db.info.dbname)
        train(session)
        sessions.append(session)
    return sessions[0], sessions[1]


def test_each_role_uses_its_only_tenant_unnamed(
    db: psycopg.Connection[Any], tenants: tuple[psycopg.Connection[Any], ...]
) -> None:
    for session, tenant in zip(tenants, ("red", "blue"), strict=True):
        assert session.execute("select tenant_id, model_id from ml.list_models()").fetchall() == [(tenant, "m")]
        assert session.execute("select ml.predict_label('m', ARRAY[99])").fetchone() == ("true",)
    assert db.execute("select tenant_id from ml.models order by 1").fetchall() == [("blue",), ("red",)]


@pytest.mark.parametrize(
    "statement",
    [
        "select ml.predict('m', ARRAY[1], tenant_id => 'blue')",
        "select ml.predict_batch('m', 'select 1 as x', tenant_id => 'blue')",
        "select ml.list_models('blue')",
        "select ml.get_model_info('m', tenant_id => 'blue')",
        "select ml.delete_model('m', tenant_id => 'blue')",
        "select ml.deploy('m', '1.0.0', 'blue')",
        "select ml.rollback('m', 'blue')",
        f"select ml.train('m', 'classification', '{SOURCE}', 'y', tenant_id => 'blue')",
    ],
)
def test_tenant_of_another_role_is_out_of_reach(tenants: tuple[psycopg.Connection[Any], ...], statement: str) -> None:
    red, blue = tenants
    assert refused(red, statement) == "ML012"
    red.execute("set ml.tenant_id = 'blue'")
    assert (
        refused(red, statement.replace(", tenant_id => 'blue'", "").replace(", 'blue'", "").replace("'blue'", ""))
        == "ML012"
    )
    assert blue.execute("select ml.predict_label('m', ARRAY[99])").fetchone() == ("true",)


@pytest.mark.parametrize("table", ["tenant", "tenant_role", "model", "model_version", "deployment", "trial"])
def test_tables_show_nothing_and_take_no_writes(
    db: psycopg.Connection[Any], tenants: tuple[psycopg.Connection[Any], ...], table: str
) -> None:
    red, _ = tenants
    for statement in (
        f"select * from ml.{table}",
        f"delete from ml.{table}",
        f"update ml.{table} set tenant_id = 'red'",
        f"insert into ml.{table} select * from ml.{table}",
    ):
        assert refused(red, statement) == "42501"


def test_artifacts_are_out_of_reach(tenants: tuple[psycopg.Connection[Any], ...]) -> None:
    red, _ = tenants
    for statement in (
        "select * from ml.artifact",
        "delete from ml.artifact",
        "select ml._run_read()",
        "select ml._run_write()",
    ):
        assert refused(red, statement) == "42501"
    assert refused(red, "select ml.set_option('threads', '1')") == "42501"


def test_role_without_any_grant_is_refused(
    db: psycopg.Connection[Any], connect: Connect, role_factory: RoleFactory
) -> None:
    train(db)
    session = connect(role=role_factory("stranger"), dbname=db.info.dbname)
    assert refused(session, "select ml.predict('m', ARRAY[1])") == "42501"
    assert refused(session, "select * from ml.models") == "42501"


def test_revoked_role_stops_predicting_with_a_cached_model(
    db: psycopg.Connection[Any], tenants: tuple[psycopg.Connection[Any], ...]
) -> None:
    red, _ = tenants
    assert red.execute("select ml.predict_label('m', ARRAY[99])").fetchone() == ("true",)
    role = red.info.user
    db.execute("select ml.grant_usage(%s, 'other')", [role])
    db.execute("select ml.revoke_usage(%s, 'red')", [role])
    assert refused(red, "select ml.predict('m', ARRAY[1], tenant_id => 'red')") == "ML012"
    db.execute("select ml.revoke_usage(%s, 'other')", [role])
    assert refused(red, "select ml.predict('m', ARRAY[1])") == "42501"


def test_set_role_changes_what_a_cached_session_sees(
    db: psycopg.Connection[Any],
    tenants: tuple[psycopg.Connection[Any], ...],
    connect: Connect,
    role_factory: RoleFactory,
) -> None:
    red, blue = tenants
    train(red, "only_red")
    pool = role_factory("pool", inherit=False)
    for session in tenants:
        db.execute(f'grant "{session.info.user}" to "{pool}"')
    session = connect(role=pool, dbname=db.info.dbname)
    assert refused(session, "select ml.predict('only_red', ARRAY[99])") == "42501"
    session.execute(f'set role "{red.info.user}"')
    assert session.execute("select ml.predict_label('only_red', ARRAY[99])").fetchone() == ("true",)
    session.execute(f'set role "{blue.info.user}"')
    assert refused(session, "select ml.predict_label('only_red', ARRAY[99])") == "ML001"


def test_role_with_two_tenants_names_one(
    db: psycopg.Connection[Any], connect: Connect, role_factory: RoleFactory
) -> None:
    role = role_factory("both")
    for tenant in ("red", "blue"):
        db.execute("select ml.grant_usage(%s, %s)", [role, tenant])
    session = connect(role=role, dbname=db.info.dbname)
    assert refused(session, "select ml.predict('m', ARRAY[1])") == "ML013"
    train(session, tenant_id="red")
    session.execute("set ml.tenant_id = 'red'")
    assert session.execute("select ml.predict_label('m', ARRAY[99])").fetchone() == ("true",)
    assert refused(session, "select ml.predict('m', ARRAY[1], tenant_id => 'blue')") == "ML001"


def test_training_reads_with_the_callers_rights_and_row_security(
    db: psycopg.Connection[Any], tenants: tuple[psycopg.Connection[Any], ...]
) -> None:
    red, _ = tenants
    db.execute("create table secret as " + SOURCE)
    assert refused(red, "select ml.train('s', 'classification', 'secret', 'y')") == "42501"
    assert refused(red, "select * from ml.predict_batch('m', 'secret')") == "42501"
    db.execute(f'grant select on secret to "{red.info.user}"')
    db.execute("alter table secret enable row level security")
    db.execute("create policy above_twenty on secret using (x > 20)")
    red.execute("select ml.train('s', 'classification', 'secret', 'y')")
    assert red.execute("select training_rows from ml.models where model_id = 's'").fetchone() == (80,)
    assert red.execute("select count(*) from ml.predict_batch('s', 'secret')").fetchone() == (80,)


def test_tenant_administrator_grants_only_its_own_tenant(
    db: psycopg.Connection[Any], connect: Connect, role_factory: RoleFactory
) -> None:
    chief, helper = role_factory("chief"), role_factory("helper")
    db.execute("select ml.grant_usage(%s, 'red', admin => true)", [chief])
    session = connect(role=chief, dbname=db.info.dbname)
    session.execute("select ml.grant_usage(%s, 'red')", [helper])
    other = connect(role=helper, dbname=db.info.dbname)
    train(other)
    assert other.execute("select tenant_id from ml.list_models()").fetchall() == [("red",)]
    assert refused(session, "select ml.grant_usage(%s, 'blue')", helper) == "42501"
    assert refused(other, "select ml.grant_usage(%s, 'red')", chief) == "42501"
    session.execute("select ml.revoke_usage(%s, 'red')", [helper])
    assert refused(other, "select ml.list_models()") == "42501"


def test_public_may_execute_nothing(db: psycopg.Connection[Any]) -> None:
    rows = db.execute(
        """select p.oid::regprocedure::text from pg_proc p
        where p.pronamespace = 'ml'::regnamespace and has_function_privilege('public', p.oid, 'execute')"""
    ).fetchall()
    assert rows == []
    assert db.execute("select has_schema_privilege('public', 'ml', 'usage')").fetchone() == (False,)
    rows = db.execute(
        """select c.relname, a.privilege_type from pg_class c, aclexplode(c.relacl) a
        where c.relnamespace = 'ml'::regnamespace and a.grantee = 0"""
    ).fetchall()
    assert rows == []


def test_definer_functions_pin_their_search_path(db: psycopg.Connection[Any]) -> None:
    rows = db.execute(
        "select proname, pronargs, proconfig from pg_proc "
        "where pronamespace = 'ml'::regnamespace and prosecdef order by 1"
    ).fetchall()
    # The two that act on stored models take nothing; two take bytes and make a valid array of any; one tells the tenant
    # of an API key to who knows the key's digest.
    assert [(row[0], row[1]) for row in rows] == [
        ("_api_key", 2),
        ("_float8_array", 1),
        ("_int4_array", 1),
        ("_run_read", 0),
        ("_run_write", 0),
    ]
    assert all(row[2] == ["search_path=pg_catalog, pg_temp"] for row in rows)


def test_any_bytes_make_a_valid_array(tenants: tuple[psycopg.Connection[Any], ...]) -> None:
    red, _ = tenants
    for data in (b"", b"\x01", b"\xff" * 7, b"\xff" * 8, b"\x00" * 16, bytes(range(256))):
        for function, size in (("_float8_array", 8), ("_int4_array", 4)):
            row = red.execute(f"select cardinality(a), a::text from ml.{function}(%s) as a", [data]).fetchone()
            assert row is not None
            assert row[0] == len(data) // size
    for function in ("_as_float8_array", "_as_int4_array"):
        assert refused(red, f"select ml.{function}(%s)", b"\x00" * 32) == "42501"
