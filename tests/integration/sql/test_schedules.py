"""Schedules in a database without pg_cron; `tests/operations` has those with it."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

Session = psycopg.Connection[Any]
SOURCE = "select i::float8 as x, 2.0 * i as y from generate_series(1, 200) as i"


@pytest.fixture
def trained(db: Session) -> Session:
    db.execute(
        """select ml.train('m', 'regression', %s, 'y', algorithm => 'random_forest', test_size => 0.3,
        hyperparameters => '{"n_estimators": 5}', preprocess => '{"x": {"scale": "robust"}}', tenant_id => 'a')""",
        [SOURCE],
    )
    return db


def test_training_stores_what_another_one_needs(trained: Session) -> None:
    row = trained.execute("select arguments from ml.model_version").fetchone()
    assert row is not None
    stored = row[0]
    assert stored["training_data"] == SOURCE
    assert (stored["target"], stored["algorithm"], stored["test_size"]) == ("y", "random_forest", 0.3)
    assert stored["hyperparameters"] == {"n_estimators": 5}
    assert stored["preprocess"] == {"x": {"scale": "robust"}}
    assert (stored["search"], stored["validation_data"], stored["random_state"]) == (None, None, 42)
    assert not {"model_id", "tenant_id", "deploy"} & stored.keys()


@pytest.mark.parametrize(
    ("call", "sqlstate", "said"),
    [
        ("ml.schedule_training('m', '0 3 * * *', tenant_id => 'a')", "ML020", "shared_preload_libraries"),
        ("ml.schedule_training('nothing', '0 3 * * *', tenant_id => 'a')", "ML001", "ml.train"),
        ("ml.run_schedule('m', 'a')", "ML009", "ml.schedule_training"),
    ],
)
def test_what_cannot_be_scheduled_says_what_to_do(trained: Session, call: str, sqlstate: str, said: str) -> None:
    with pytest.raises(psycopg.Error) as caught:
        trained.execute(f"select {call}".encode())
    assert caught.value.diag.sqlstate == sqlstate
    assert said in (caught.value.diag.message_hint or "")


def test_nothing_to_take_back_is_no_error(trained: Session) -> None:
    assert trained.execute("select ml.unschedule_training('m', 'a')").fetchone() == (False,)


def test_a_row_is_held_out_under_every_setting(db: Session) -> None:
    db.execute(
        "create table rows as select i, i / 7.0::float8 as part, (i / 7.0)::real as single, "
        "array[i / 3.0]::float8[] as v, timestamptz '2026-01-01Z' + i * interval '1 hour' as at, "
        "i * interval '26 hours' as span, "
        "i::text::bytea as raw, (i % 9)::numeric(9,2) as n, jsonb_build_object('i', i) as j, i % 2 = 0 as flag, "
        "case when i % 5 > 0 then i::text end as word, date '2026-01-01' + i as day from generate_series(1, 400) i"
    )
    db.execute(
        "create function pg_temp.held(split text) returns text language plpython3u as $$\n"
        "from motadata_ml_server.postgres.database import current\n"
        "from motadata_ml_server.scheduling.holdout import divide\n"
        "return divide(current(), {'training_data': 'rows', 'split': split}).compare\n$$"
    )
    for split in ("random", "group:at", "group:span", "group:word"):
        found = set()
        for style, zone, digits in (
            ("ISO", "UTC", 1),
            ("German", "Asia/Kathmandu", 0),
            ("SQL, DMY", "Pacific/Apia", 3),
        ):
            db.execute(
                f"set datestyle = '{style}'; set timezone = '{zone}'; set extra_float_digits = {digits}".encode()
            )
            db.execute(
                "set intervalstyle = 'iso_8601'; set bytea_output = 'escape'" if digits else "reset intervalstyle"
            )
            query = db.execute("select pg_temp.held(%s)", [split]).fetchone()
            assert query is not None
            rows = db.execute(f"select array_agg(i order by i) from ({query[0]}) as held".encode()).fetchone()
            assert rows is not None
            found.add(tuple(rows[0]))
        assert len(found) == 1
        assert 40 < len(found.pop()) < 130


def test_role_reads_the_schedules_of_its_tenants_only(trained: Session, role_factory: Any, connect: Any) -> None:
    trained.execute(
        """insert into ml.schedule (model, tenant_id, cron, job_id, metric, min_improvement, search_path, role,
            arguments)
        select id, 'a', '0 3 * * *', 1, 'rmse', 0, '', current_user, '{}' from ml.model"""
    )
    trained.execute(
        """insert into ml.schedule_run (model, tenant_id, started_at, outcome, reason, metric, role)
        select id, 'a', now(), 'skipped', 'why', 'rmse', current_user from ml.model"""
    )
    for tenant, expected in (("a", 1), ("b", 0)):
        role = role_factory("reader")
        trained.execute("select ml.grant_usage(%s, %s)", [role, tenant])
        session = connect(role)
        for view in ("schedules", "schedule_history"):
            assert session.execute(f"select count(*) from ml.{view}".encode()).fetchone() == (expected,), view
