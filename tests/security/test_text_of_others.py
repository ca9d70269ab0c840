"""What others wrote cannot be told letter by letter: not by plans, not by errors, not by the time, not by locks.

A comparison that is leakproof runs before a policy of row security, and EXPLAIN ANALYZE counts what it let pass. So
there is nothing to ask such a question of: a tenant has no right on any table, and what a view shows comes from a
function that has asked for the caller's memberships before it returns a row.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from tests.security.conftest import Actors, Session, refusal, train

VIEWS = (
    "models",
    "model_versions",
    "trials",
    "deployments",
    "schedules",
    "schedule_history",
    "experiment_runs",
    "experiment_metrics",
    "stat_models",
    "tenant_sizes",
    "tenant_roles",
    "training_progress",
    "cache_status",
    "options",
    "algorithms",
)

TABLES = """
select c.relname from pg_class c where c.relnamespace = 'ml'::regnamespace and c.relkind in ('r', 'p', 'm', 'f')
order by 1
"""

PRIVILEGES = """
select c.relname, c.relkind::text from pg_class c
where c.relnamespace = 'ml'::regnamespace and c.relkind <> 'i' and c.relkind <> 'c' and (
    case when c.relkind = 'S' then has_sequence_privilege(%(role)s, c.oid, 'usage, select, update')
    else has_table_privilege(%(role)s, c.oid, 'select, insert, update, delete, truncate, references, trigger')
        or has_any_column_privilege(%(role)s, c.oid, 'select, insert, update, references') end)
order by 1
"""

READ_BY_VIEW = """
select distinct d.refobjid::regclass::text
from pg_rewrite r join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid
join pg_class c on c.oid = d.refobjid and c.relkind in ('r', 'p', 'm', 'f')
where d.refclassid = 'pg_class'::regclass and r.ev_class = %s::regclass
"""


def rows_seen(session: Session, statement: str) -> list[dict[str, Any]]:
    """Return every node of a plan that was run, with the rows that it returned and removed."""
    (plan,) = session.execute(
        f"explain (analyze, timing off, summary off, format json) {statement}".encode()
    ).fetchone()  # type: ignore[misc]
    found, pending = [], [(plan if isinstance(plan, list) else json.loads(plan))[0]["Plan"]]
    while pending:
        node = pending.pop()
        found.append(node)
        pending += node.get("Plans", [])
    return found


@pytest.mark.parametrize("who", ["blue", "chief"])
def test_a_tenant_has_no_right_on_any_table_or_sequence(actors: Actors, who: str) -> None:
    role = getattr(actors, who).info.user
    granted = actors.superuser.execute(PRIVILEGES, {"role": role}).fetchall()
    assert {kind for _, kind in granted} == {"v"}, granted
    for name, _ in granted:
        tables = actors.superuser.execute(READ_BY_VIEW, [f"ml.{name}"]).fetchall()
        assert tables == [], f"ml.{name} is a plain view of {tables}: a condition of the caller's reaches its rows"


@pytest.mark.no_attack
def test_the_views_known_here_are_all_that_a_tenant_reads(actors: Actors) -> None:
    granted = actors.superuser.execute(PRIVILEGES, {"role": actors.blue.info.user}).fetchall()
    assert {name for name, _ in granted} - {"api_keys"} == set(VIEWS)


def test_every_table_has_row_security_too(actors: Actors) -> None:
    open_ = actors.superuser.execute(
        "select relname from pg_class where relnamespace = 'ml'::regnamespace and relkind = 'r' and not relrowsecurity"
    ).fetchall()
    assert open_ == []


def test_a_right_on_a_table_that_was_left_or_given_shows_no_row(own_actors: Actors) -> None:
    """Row security stands behind the rights; `ml.doctor` says that there is one too many, which can be taken back."""
    blue = own_actors.blue.info.user
    for (table,) in own_actors.superuser.execute(TABLES).fetchall():
        own_actors.superuser.execute(f'grant select on ml.{table} to "{blue}"'.encode())
    for (table,) in own_actors.superuser.execute(TABLES).fetchall():
        assert own_actors.blue.execute(f"select * from ml.{table}".encode()).fetchall() == []
    assert own_actors.superuser.execute("select ok from ml.doctor() where check_name = 'rights'").fetchone() == (False,)
    own_actors.superuser.execute("select ml.refresh_usage()")
    assert own_actors.superuser.execute("select ok from ml.doctor() where check_name = 'rights'").fetchone() == (True,)
    granted = own_actors.superuser.execute(PRIVILEGES, {"role": blue}).fetchall()
    assert {kind for _, kind in granted} == {"v"}


@pytest.mark.parametrize(
    "probe",
    [
        "select from ml.model where model_id {}",
        "select from ml.tenant where tenant_id {}",
        "select from ml.model_version where training_query {}",
        "select from ml.models where model_id {}",
        "select from ml.models where tenant_id {}",
        "select from ml.model_versions where model_id {}",
        "select from ml.experiment_runs where experiment {}",
    ],
)
def test_a_plan_tells_no_letter_of_others(actors: Actors, probe: str) -> None:
    """Guess the first letters of names that are there, and of names that are nowhere: the plans must be the same."""
    actors.superuser.execute("select ml._start_run('only rouge runs', tenant_id => 'rouge')")
    told = []
    for start in ("only ro", "only xx", "rouge", "xouge", "select i as x, sin(i) as w", "select i as q"):
        try:
            nodes = rows_seen(
                actors.blue, probe.format(f">= '{start}'") + f" and {probe.split()[-2]} < '{start}{chr(0x7E)}'"
            )
        except psycopg.errors.InsufficientPrivilege:
            actors.blue.execute("select 1")
            continue
        own = sum(node["Actual Rows"] for node in nodes)
        removed = [node.get("Rows Removed by Filter", 0) for node in nodes]
        told.append((own, removed) if "model_version" not in probe or start[:3] != "sel" else None)
    assert len({json.dumps(one) for one in told if one is not None}) <= 1, told


@pytest.mark.parametrize("view", VIEWS)
def test_a_condition_of_the_callers_meets_only_rows_that_the_caller_may_see(actors: Actors, view: str) -> None:
    """A function that costs nothing and tells what it is given is run as early as a planner can."""
    actors.superuser.execute("select ml._start_run('only rouge runs', tenant_id => 'rouge')")
    blue = actors.blue
    blue.execute(
        "create or replace function blue_own.tell(text) returns boolean language plpgsql cost 0.0000001 as "
        "$$ begin raise notice '%', $1; return true; end $$"
    )
    heard: list[str] = []

    def hear(notice: psycopg.errors.Diagnostic) -> None:
        heard.append(notice.message_primary or "")

    blue.add_notice_handler(hear)
    blue.execute("set client_min_messages = notice")
    try:
        blue.execute(f"select from ml.{view} v where blue_own.tell(v::text)".encode())
    finally:
        blue.remove_notice_handler(hear)
    assert not [text for text in heard if "rouge" in text]
    if view in ("models", "model_versions"):
        assert [text for text in heard if "blue" in text]


WRITES = [
    "insert into ml.model (tenant_id, model_id, model_type, created_by) values ('rouge', 'only rouge', 'x', 'x')",
    "insert into ml.tenant (tenant_id) values ('rouge')",
    "insert into ml.experiment_run (id, tenant_id, experiment) values (1, 'blue', 'x')",
    "insert into ml.experiment_run (tenant_id, experiment, created_by, started_at) values ('blue', 'x', 'y', 'epoch')",
    "insert into ml.experiment_param (run_id, tenant_id, name, value) values (1, 'blue', 'x', '1')",
    "insert into ml.experiment_metric (id, run_id, tenant_id, name, value) values (1, 1, 'blue', 'x', 1)",
    "insert into ml.api_key (tenant_id, name, digest) values ('blue', 'x', sha256('x'))",
    "update ml.experiment_run set created_by = 'somebody'",
    "update ml.api_key set created_at = 'epoch'",
    "delete from ml.experiment_run",
    "select nextval('ml.experiment_run_seq')",
    "select setval('ml.model_seq', 1)",
    "select last_value from ml.experiment_metric_seq",
]


@pytest.mark.parametrize("who", ["blue", "chief"])
@pytest.mark.parametrize("statement", WRITES)
def test_ids_names_and_times_are_not_for_a_tenant_to_choose(actors: Actors, who: str, statement: str) -> None:
    """Refused before any constraint is looked at: an error of a unique key would tell what others have."""
    actors.superuser.execute("select ml._start_run('only rouge runs', tenant_id => 'rouge')")
    error = refusal(getattr(actors, who), statement)
    assert error.sqlstate == "42501"
    assert "permission denied" in str(error.diag.message_primary)


LOCK_MODES = ("access share", "row share", "row exclusive", "share", "exclusive", "access exclusive")


@pytest.mark.parametrize("mode", LOCK_MODES)
def test_a_tenant_locks_no_table(actors: Actors, mode: str) -> None:
    relations = actors.superuser.execute(
        "select relname, relkind::text from pg_class where relnamespace = 'ml'::regnamespace and relkind in ('r', 'v')"
    ).fetchall()
    for session in (actors.blue, actors.chief):
        for name, kind in relations:
            if kind == "v" and mode == "access share":
                continue  # what every reader of a view takes; it stands in the way of nobody but an upgrade
            with pytest.raises(psycopg.errors.InsufficientPrivilege), session.transaction():
                session.execute(f"lock table ml.{name} in {mode} mode nowait".encode())


def median(call: Callable[[], object], rounds: int = 60) -> float:
    """Return the median of some calls in microseconds."""
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return statistics.median(times) * 1e6


def test_the_time_of_a_refusal_tells_nothing(own_actors: Actors) -> None:
    """A tenant with hundreds of roles and models is refused as fast as one that is nowhere."""
    superuser = own_actors.superuser
    superuser.execute(
        "do $$ begin for i in 1 .. 300 loop execute format('create role %I', 'probe_' || i); end loop; end $$"
    )
    try:
        superuser.execute(
            "insert into ml.tenant_role (tenant_id, role) "
            "select 'rouge', oid::regrole from pg_roles where rolname ~ '^probe_'"
        )
        superuser.execute("analyze ml.tenant_role")
        blue = own_actors.blue

        def asks(tenant: str) -> Callable[[], object]:
            return lambda: refusal(blue, f"select ml.predict('only rouge', array[1, 2], tenant_id => '{tenant}')")

        there, nowhere = asks("rouge"), asks("rooge")
        there(), nowhere()
        apart = [median(there) - median(nowhere) for _ in range(5)]
        once = median(nowhere)
        # asking each of 300 roles takes half as long as the whole call
        assert min(abs(one) for one in apart) < 0.1 * once, (apart, once)
    finally:
        superuser.execute("delete from ml.tenant_role where role::text ~ '^probe_'")
        superuser.execute(
            "do $$ begin for i in 1 .. 300 loop execute format('drop role %I', 'probe_' || i); end loop; end $$"
        )


def test_bypassrls_is_no_membership(own_actors: Actors, role_factory: Any) -> None:
    """A role that row security does not hold acts for the tenants that it was granted, and for no other."""
    name = own_actors.blue.info.user
    own_actors.superuser.execute(f'alter role "{name}" bypassrls'.encode())
    blue = own_actors.blue
    blue.execute("select ml.predict_label('m', array[60, 0])")
    assert refusal(blue, "select ml.predict('only rouge', array[60, 0])").sqlstate == "ML001"
    calls = [
        "ml.predict('only rouge', array[60, 0], tenant_id => 'rouge')",
        "ml.predict_batch('only rouge', 'select 1 as x, 2 as w', tenant_id => 'rouge')",
        "ml.get_model_info('only rouge', tenant_id => 'rouge')",
        "ml.list_models('rouge')",
        "ml.deploy('m', '1.0.0', 'rouge')",
        "ml.rollback('m', 'rouge')",
        "ml.delete_model('only rouge', tenant_id => 'rouge')",
        "ml.to_sql('only rouge', tenant_id => 'rouge')",
        "ml.export_onnx('only rouge', tenant_id => 'rouge')",
        "ml.evaluate('only rouge', 'select 1 as x, 2 as w, 3 as y', tenant_id => 'rouge')",
        "ml.drift('only rouge', 'select 1 as x, 2 as w', tenant_id => 'rouge')",
        "ml.train('m', 'regression', 'select 1 as x, 2 as y', 'y', tenant_id => 'rouge')",
        "ml.schedule_training('m', '0 3 * * *', tenant_id => 'rouge')",
        "ml.unschedule_training('m', 'rouge')",
        "ml.run_schedule('m', 'rouge')",
        "ml._start_run('x', tenant_id => 'rouge')",
        "ml.grant_model('m', current_user, tenant_id => 'rouge')",
        "ml.revoke_model('m', current_user, 'rouge')",
        "ml.current_tenant('rouge')",
    ]
    for call in calls:
        assert refusal(blue, f"select {call}").sqlstate == "ML012", call
    for call in ("ml.grant_usage(current_user, 'rouge', admin => true)", "ml.revoke_usage(current_user, 'rouge')"):
        assert refusal(blue, f"select {call}").sqlstate == "42501", call
    own_actors.red.execute("select ml.predict('only rouge', array[60, 0])")
    for view in VIEWS:
        assert "rouge" not in str(blue.execute(f"select v::text from ml.{view} v".encode()).fetchall()), view
    blue.execute("select ml._start_run('own')")
    (run,) = own_actors.superuser.execute("select ml._start_run('theirs', tenant_id => 'rouge')").fetchone()  # type: ignore[misc]
    for call in (
        f"ml._end_run({run})",
        f"ml._log_params({run}, '{{\"a\": 1}}')",
        f"ml._log_metrics({run}, '{{\"a\": 1}}')",
        f"ml._delete_run({run})",
    ):
        assert refusal(blue, f"select {call}").sqlstate == "ML009", call


@pytest.mark.no_attack
def test_views_still_show_what_is_ones_own(own_actors: Actors) -> None:
    red = own_actors.red
    (run,) = red.execute("select ml._start_run('own', 'first', '{\"k\": 1}')").fetchone()  # type: ignore[misc]
    red.execute(
        'select ml._log_params(%s, \'{"a": [1, null]}\'), ml._log_metrics(%s, \'{"b": "NaN", "c": 2}\', 3)', [run, run]
    )
    red.execute("select ml._end_run(%s, 'failed')", [run])
    row = red.execute(
        "select experiment, name, status, created_by::text, tags, params, metrics, started_at <= ended_at, "
        "ended_at <= clock_timestamp() from ml.experiment_runs"
    ).fetchone()
    assert row == ("own", "first", "failed", red.info.user, {"k": 1}, {"a": [1, None]}, {"c": 2.0}, True, True)
    assert red.execute("select name, step, value::text from ml.experiment_metrics").fetchall() == [
        ("b", 3, "NaN"),
        ("c", 3, "2"),
    ]
    train(red, "m", "rouge")
    assert red.execute("select version, rolled_back_at from ml.deployments where model_id = 'm'").fetchall() == [
        ("1.0.0", None),
        ("1.1.0", None),
        ("1.2.0", None),
    ]
    assert red.execute("select model_id, access, granted_to from ml.models").fetchall() == [
        ("m", "train", None),
        ("only rouge", "train", None),
    ]
    for style in ("sql, dmy", "german", "postgres, mdy"):
        red.execute(f"set datestyle = '{style}'".encode())
        assert red.execute(
            "select count(*) from ml.models where now() - trained_at < interval '1 hour'"
        ).fetchone() == (2,)
