"""Predictions in parallel plans: from PostgreSQL 17 on they run in workers, before that they never do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

Session = psycopg.Connection[Any]

COUNT = "select count(*) from many where (ml.predict_label('m', array[x]) = 'true') = y"


@pytest.fixture(scope="module")
def trained(module_dsn: str) -> str:
    with psycopg.connect(module_dsn, autocommit=True) as session:
        session.execute("create table many as select i::float8 as x, i > 2000 as y from generate_series(1, 4000) i")
        session.execute("analyze many")
        session.execute("select ml.train('m', 'classification', 'many', 'y', algorithm => 'decision_tree')")
    return module_dsn


@pytest.fixture
def eager(trained: str) -> Iterator[Session]:
    """Open a session that takes a parallel plan wherever one is allowed, and leaves the work to the workers."""
    settings = {
        "parallel_setup_cost": 0,
        "parallel_tuple_cost": 0,
        "min_parallel_table_scan_size": 0,
        "max_parallel_workers_per_gather": 2,
        "parallel_leader_participation": "off",
    }
    with psycopg.connect(trained, autocommit=True) as session:
        for name, value in settings.items():
            session.execute(f"set {name} = {value}".encode())
        yield session


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from nodes(below)


def explain(session: Session, query: str) -> list[dict[str, Any]]:
    row = session.execute(f"explain (analyze, format json) {query}".encode()).fetchone()
    assert row
    return list(nodes(row[0][0]["Plan"]))


def parallel(session: Session) -> bool:
    return session.info.server_version >= 170000


def test_a_plan_is_parallel_where_the_server_can_and_serial_where_it_cannot(eager: Session) -> None:
    plain = [node for node in explain(eager, "select count(*) from many where x > 0") if "Workers Launched" in node]
    assert plain, "these settings give no parallel plan at all"
    assert plain[0]["Workers Launched"] > 0
    found = explain(eager, COUNT)
    gathers = [node for node in found if "Workers Launched" in node]
    (scan,) = [node for node in found if "predict_label" in node.get("Filter", "")]
    assert scan["Parallel Aware"] is parallel(eager)
    if parallel(eager):
        assert gathers[0]["Workers Launched"] > 0
        assert scan["Actual Loops"] == gathers[0]["Workers Launched"], "the leader did it alone"
    else:
        assert gathers == []


def test_answers_are_the_same_in_both_plans_and_the_session_goes_on(eager: Session) -> None:
    for _ in range(2):
        assert eager.execute(COUNT).fetchone() == (4000,)
    eager.execute("set max_parallel_workers_per_gather = 0")
    assert eager.execute(COUNT).fetchone() == (4000,)
    assert eager.execute("select ml.predict_label('m', array[3999])").fetchone() == ("true",)


def test_an_error_in_such_a_plan_leaves_the_session_usable(eager: Session) -> None:
    for _ in range(2):
        with pytest.raises(psycopg.Error) as caught:
            eager.execute("select count(*) from many where ml.predict_label('nothing', array[x]) = 'true'")
        assert caught.value.sqlstate == "ML001"
    assert eager.execute(COUNT).fetchone() == (4000,)
    eager.execute("select ml.train('again', 'classification', 'many', 'y', algorithm => 'decision_tree')")


def test_a_worker_sees_what_the_statement_sees(eager: Session) -> None:
    with eager.transaction(force_rollback=True):
        eager.execute("select ml.train('new', 'classification', 'many', 'y', algorithm => 'decision_tree')")
        assert eager.execute(COUNT.replace("'m'", "'new'")).fetchone() == (4000,)
    with pytest.raises(psycopg.Error) as caught:
        eager.execute(COUNT.replace("'m'", "'new'"))
    assert caught.value.sqlstate == "ML001"


def test_rights_and_tenant_of_the_caller_hold_in_workers(eager: Session, role_factory: Callable[..., str]) -> None:
    role = role_factory("reader")
    eager.execute("select ml.grant_usage(%s, 'other')", [role])
    eager.execute(f"grant select on many to {role}".encode())
    eager.execute(f"set role {role}".encode())
    with pytest.raises(psycopg.Error) as caught:
        eager.execute(COUNT)
    assert caught.value.sqlstate == "ML001"
    with pytest.raises(psycopg.Error) as caught:
        eager.execute(COUNT.replace("array[x]", "array[x], tenant_id => 'default'"))
    assert caught.value.sqlstate == "ML012"
    eager.execute("select ml.train('m', 'classification', 'many', 'y', algorithm => 'decision_tree')")
    eager.execute("set ml.tenant_id = 'other'")
    assert eager.execute(COUNT).fetchone() == (4000,)
    eager.execute("reset role")


def test_only_the_one_row_functions_are_ever_parallel_safe(eager: Session) -> None:
    names = eager.execute(
        "select distinct proname from pg_proc p join pg_language l on l.oid = p.prolang "
        "where p.pronamespace = 'ml'::regnamespace and l.lanname = 'plpython3u' and p.proparallel <> 'u' order by 1"
    ).fetchall()
    safe = ["predict", "predict_label", "predict_proba", "predict_value"] if parallel(eager) else []
    assert [name for (name,) in names] == safe


def test_doctor_sees_a_mark_of_another_server_and_refresh_usage_sets_it(eager: Session) -> None:
    def check() -> tuple[object, ...] | None:
        return eager.execute("select ok, remedy from ml.doctor() where check_name = 'parallel plans'").fetchone()

    assert check() == (True, None)
    with eager.transaction(force_rollback=True):
        eager.execute("alter function ml.predict_value(text, jsonb, text, text) parallel restricted")
        assert check() == (False, "select ml.refresh_usage()")
        eager.execute("select ml.refresh_usage()")
        assert check() == (True, None)
