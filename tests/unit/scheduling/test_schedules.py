"""Who may schedule a training, what is stored of it, and when it ends."""

from __future__ import annotations

import json
from typing import Any

import pytest

from motadata_ml_server.errors import InsufficientPrivilegeError, InvalidArgumentError, UnsupportedOperationError
from motadata_ml_server.models import deployment
from motadata_ml_server.postgres.fake_database import FakeDatabase
from motadata_ml_server.scheduling import schedules
from tests.unit.fakes import extension, grant, pg_cron, seen, session, train

NIGHTLY = "0 3 * * *"


@pytest.fixture
def db() -> FakeDatabase:
    db = extension()
    pg_cron(db)
    grant(db, "ann", "north")
    grant(db, "bob", "north")
    train(db)
    return db


def schedule(db: FakeDatabase, model_id: str = "m", *, role: str = "ann", **changed: Any) -> int:
    given: dict[str, Any] = {
        "cron": NIGHTLY,
        "metric": None,
        "min_improvement": None,
        "max_age": None,
        "max_drift": None,
        **changed,
    }
    visible = seen(db, model_id, role=role)
    with session(db, role):
        return schedules.schedule_training(db, visible, **given)


def unschedule(db: FakeDatabase, *, role: str = "ann") -> bool:
    with session(db, role):
        return schedules.unschedule_training(db, "north", "m")


def jobs(db: FakeDatabase) -> list[tuple[str, str]]:
    rows = db.execute("select command, username from cron.job order by jobid")
    return [(row["command"], row["username"]) for row in rows]


def test_a_schedule_is_a_job_of_the_callers_and_a_row(db: FakeDatabase) -> None:
    db.settings["search_path"] = "sales"
    job = schedule(db, min_improvement=0.01, max_age="7 days", max_drift=0.2)
    assert jobs(db) == [("select ml.run_schedule('m', 'north')", "ann")]
    (row,) = db.execute("select * from ml.schedule")
    assert (row["job_id"], row["cron"], row["role"], row["search_path"]) == (job, NIGHTLY, "ann", "sales")
    assert (row["metric"], row["min_improvement"], row["max_age"], row["max_drift"]) == (
        "f1_score",
        0.01,
        "7 days",
        0.2,
    )


def test_names_in_the_jobs_command_are_quoted(db: FakeDatabase) -> None:
    train(db, "it's")
    schedule(db, "it's")
    assert jobs(db) == [("select ml.run_schedule('it''s', 'north')", "ann")]


def test_the_arguments_are_those_of_the_deployed_version(db: FakeDatabase) -> None:
    arguments = {"training_data": "t", "algorithm": "auto", "group_by": "b", "cv": 5}
    train(db, arguments=arguments, training_query="select 1")
    schedule(db)
    stored = json.loads(db.execute("select arguments from ml.schedule")[0]["arguments"])
    assert stored == {**arguments, "model_type": "classification", "target": "y", "features": ["a"]}


def test_the_arguments_of_a_version_that_stored_none_are_made_of_its_fields(db: FakeDatabase) -> None:
    schedule(db)
    stored = json.loads(db.execute("select arguments from ml.schedule")[0]["arguments"])
    assert stored == {
        "training_data": "select * from t",
        "algorithm": "logistic_regression",
        "hyperparameters": {"C": 1.0},
        "random_state": 42,
        "model_type": "classification",
        "target": "y",
        "features": ["a", "b"],
    }


def test_without_pg_cron_nothing_is_scheduled(db: FakeDatabase) -> None:
    db.execute("delete from pg_catalog.pg_extension where extname = 'pg_cron'")
    with pytest.raises(UnsupportedOperationError, match="pg_cron is not installed"):
        schedule(db)


def test_another_roles_training_is_not_scheduled(db: FakeDatabase) -> None:
    with pytest.raises(InsufficientPrivilegeError, match="was trained by role 'ann'"):
        schedule(db, role="bob")
    assert jobs(db) == []


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"metric": "rmse"}, "metric must be one of f1_score"),
        ({"min_improvement": -0.1}, "min_improvement must not be negative, got -0.1"),
        ({"max_drift": float("nan")}, "max_drift must not be negative, got nan"),
        ({"cron": "every night"}, "cron 'every night' is not accepted"),
    ],
)
def test_an_argument_out_of_its_domain_is_named(db: FakeDatabase, given: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        schedule(db, **given)
    assert jobs(db) == []
    assert db.execute("select * from ml.schedule") == []


def test_a_model_without_a_metric_that_decides_is_not_scheduled(db: FakeDatabase) -> None:
    train(db, "groups", model_type="clustering", label_type=None, classes=None)
    with pytest.raises(UnsupportedOperationError, match="clustering"):
        schedule(db, "groups")


def test_a_model_is_scheduled_once(db: FakeDatabase) -> None:
    schedule(db)
    with pytest.raises(InvalidArgumentError, match="scheduled already, by role 'ann'"):
        schedule(db)
    assert len(jobs(db)) == 1


def test_a_role_that_may_not_use_pg_cron_is_told_so(db: FakeDatabase) -> None:
    db.fail("cron.schedule(", "42501", "permission denied for schema cron")
    with pytest.raises(InsufficientPrivilegeError, match="may not use pg_cron"):
        schedule(db)


def test_a_schedule_that_cannot_be_stored_leaves_no_job(db: FakeDatabase) -> None:
    db.fail("insert into ml.schedule", "53100", "disk full")
    with pytest.raises(Exception, match="disk full"):
        schedule(db)
    assert jobs(db) == []


def test_unscheduling_ends_the_job_and_forgets_the_schedule(db: FakeDatabase) -> None:
    schedule(db)
    assert unschedule(db)
    assert jobs(db) == []
    assert db.execute("select * from ml.schedule") == []
    assert not unschedule(db)


def test_another_roles_schedule_stays(db: FakeDatabase) -> None:
    schedule(db)
    db.answer("select from cron.job where jobid", [])  # a role sees its own jobs
    with pytest.raises(InsufficientPrivilegeError, match="belongs to role 'ann'"):
        unschedule(db, role="bob")
    assert len(db.execute("select * from ml.schedule")) == 1


def test_a_schedule_whose_job_is_gone_is_forgotten_by_its_role(db: FakeDatabase) -> None:
    schedule(db)
    db.execute("delete from cron.job")
    assert unschedule(db)


def test_deleting_a_model_ends_its_job(db: FakeDatabase) -> None:
    schedule(db)
    with session(db, "ann"):
        schedules.end_job(db, "north", "m")
        deployment.delete(db, "north", "m", None)
    assert jobs(db) == []
    assert db.execute("select * from ml.schedule") == []


def test_deleting_a_model_that_is_not_scheduled_asks_nothing_of_pg_cron(db: FakeDatabase) -> None:
    with session(db, "ann"):
        schedules.end_job(db, "north", "m")
    assert not any("cron.job" in one.sql for one in db.statements)


def test_a_job_whose_model_is_gone_is_found_by_its_command(db: FakeDatabase) -> None:
    schedule(db)
    with session(db, "bob"):
        deployment.delete(db, "north", "m", None)
    with session(db, "ann"):
        assert schedules.end_stale_jobs(db, "north", "m")
        assert not schedules.end_stale_jobs(db, "north", "m")
    assert jobs(db) == []


def test_a_role_without_rights_on_jobs_has_none(db: FakeDatabase) -> None:
    db.fail("from cron.job", "42501")
    with session(db, "bob"):
        assert not schedules.end_stale_jobs(db, "north", "m")
