"""Versions: retraining, deploying, rolling back, deleting; in transactions and between sessions."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

Connect = Callable[..., psycopg.Connection[Any]]


def train(db: psycopg.Connection[Any], label: str = "a", deploy: bool = True) -> str:
    """Train a model that answers `label` for every row above 50."""
    row = db.execute(
        "select model_version from ml.train('m', 'classification', "
        "'select i as x, case when i > 50 then ''"
        + label
        + "'' else ''other'' end as y from generate_series(1, 100) as i', "
        "'y', algorithm => 'decision_tree', deploy => %s)",
        [deploy],
    ).fetchone()
    assert row is not None
    return str(row[0])


def label(db: psycopg.Connection[Any], **arguments: str) -> str:
    version = arguments.get("version")
    row = db.execute("select ml.predict_label('m', ARRAY[99], version => %s)", [version]).fetchone()
    assert row is not None
    return str(row[0])


def test_retraining_bumps_the_version_and_deploys_it(db: psycopg.Connection[Any]) -> None:
    assert [train(db, "a"), train(db, "b")] == ["1.0.0", "1.1.0"]
    assert label(db) == "b"
    assert label(db, version="1.0.0") == "a"
    deployed = db.execute("select version, deployed from ml.model_versions order by version").fetchall()
    assert deployed == [("1.0.0", False), ("1.1.0", True)]


def test_other_features_make_a_major_version(db: psycopg.Connection[Any]) -> None:
    train(db)
    row = db.execute(
        "select model_version from ml.train('m', 'classification', "
        "'select i as x, i as z, i > 50 as y from generate_series(1, 100) as i', 'y')"
    ).fetchone()
    assert row == ("2.0.0",)


def test_deploy_and_rollback_walk_the_history(db: psycopg.Connection[Any]) -> None:
    for name in "abc":
        train(db, name)
    assert db.execute("select ml.deploy('m', '1.0.0')").fetchone() == ("1.0.0",)
    assert label(db) == "a"
    assert db.execute("select ml.rollback('m')").fetchone() == ("1.2.0",)
    assert db.execute("select ml.rollback('m')").fetchone() == ("1.1.0",)
    assert label(db) == "b"


def test_version_that_was_not_deployed_answers_only_by_its_number(db: psycopg.Connection[Any]) -> None:
    train(db, "a", deploy=False)
    with pytest.raises(psycopg.Error) as caught:
        label(db)
    assert caught.value.diag.sqlstate == "ML014"
    assert label(db, version="1.0.0") == "a"


def test_delete_takes_one_version_or_all(db: psycopg.Connection[Any]) -> None:
    train(db, "a")
    train(db, "b")
    assert db.execute("select ml.delete_model('m', '1.0.0')").fetchone() == (True,)
    assert db.execute("select count(*) from ml.model_versions").fetchone() == (1,)
    assert db.execute("select ml.delete_model('m')").fetchone() == (True,)
    assert db.execute(
        "select (select count(*) from ml.model), (select count(*) from ml.artifact), "
        "(select count(*) from ml.deployment)"
    ).fetchone() == (0, 0, 0)


def test_change_in_another_session_is_seen_at_the_next_statement(db: psycopg.Connection[Any], connect: Connect) -> None:
    train(db, "a")
    train(db, "b")
    other = connect(dbname=db.info.dbname)
    assert label(other) == "b"
    db.execute("select ml.rollback('m')")
    assert label(other) == "a"
    db.execute("select ml.delete_model('m')")
    with pytest.raises(psycopg.Error) as caught:
        label(other)
    assert caught.value.diag.sqlstate == "ML001"


def test_rolled_back_training_leaves_nothing(db: psycopg.Connection[Any]) -> None:
    with db.transaction(force_rollback=True):
        train(db)
        assert label(db) == "a"
    assert db.execute("select count(*) from ml.model").fetchone() == (0,)
    with pytest.raises(psycopg.Error):
        label(db)


def test_savepoint_takes_a_deployment_back_within_one_statement(db: psycopg.Connection[Any]) -> None:
    train(db, "a")
    train(db, "b")
    db.execute("create table seen (step text, label text)")
    db.execute(
        """do $$ begin
            insert into seen values ('before', ml.predict_label('m', ARRAY[99]));
            begin
                perform ml.deploy('m', '1.0.0');
                perform ml.predict_label('m', ARRAY[99]);
                raise exception 'back';
            exception when raise_exception then null;
            end;
            insert into seen values ('after', ml.predict_label('m', ARRAY[99]));
            perform ml.deploy('m', '1.0.0');
            insert into seen values ('deployed', ml.predict_label('m', ARRAY[99]));
        end $$"""
    )
    assert db.execute("select step, label from seen").fetchall() == [
        ("before", "b"),
        ("after", "b"),
        ("deployed", "a"),
    ]


def test_two_sessions_retraining_one_model_make_two_versions(db: psycopg.Connection[Any], connect: Connect) -> None:
    train(db)
    made: list[str] = []
    threads = [threading.Thread(target=lambda: made.append(train(connect(dbname=db.info.dbname)))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made) == ["1.1.0", "1.2.0"]
    assert db.execute("select count(*) from ml.model_versions where deployed").fetchone() == (1,)


def test_prediction_in_a_repeatable_read_snapshot_stays(db: psycopg.Connection[Any], connect: Connect) -> None:
    train(db, "a")
    other = connect(dbname=db.info.dbname)
    other.autocommit = False
    other.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    assert label(other) == "a"
    train(db, "b")
    assert label(other) == "a"
    other.rollback()
    assert label(other) == "b"
