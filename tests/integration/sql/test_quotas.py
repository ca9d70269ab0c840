"""`ml.set_quota` and `ml.tenant_sizes`: limits that hold, also for two sessions at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from motadata_ml import DatabaseConfig, DatabaseConnection, create_ml_system
from motadata_ml.errors import QuotaExceededError

Session = psycopg.Connection[Any]
SOURCE = "select i::float8 as x, 2.0 * i as y from generate_series(1, 200) as i"
TRAIN = f"select ml.train('%s', 'regression', '{SOURCE}', 'y', algorithm => 'LinearRegression', tenant_id => '%s')"
SLOW = """select ml.train('slow', 'regression', 'select random() as x, random() as z, random() as y
from generate_series(1, 60000)', 'y', algorithm => 'gradient_boosting', hyperparameters => '{"n_estimators": 2000}',
tenant_id => 'a')"""


def train(session: Session, model: str, tenant: str = "a") -> None:
    session.execute((TRAIN % (model, tenant)).encode())


def refused(session: Session, statement: str) -> str:
    with pytest.raises(psycopg.Error) as caught:
        session.execute(statement.encode())
    assert caught.value.diag.sqlstate == "ML021"
    assert caught.value.diag.message_hint
    return caught.value.diag.message_primary or ""


def sizes(session: Session, tenant: str = "a") -> dict[str, Any]:
    cursor = session.execute("select * from ml.tenant_sizes where tenant_id = %s", [tenant])
    row = cursor.fetchone()
    assert row is not None
    assert cursor.description is not None
    return dict(zip([column.name for column in cursor.description], row, strict=True))


def test_sizes_add_up_what_is_stored(db: Session) -> None:
    train(db, "m")
    train(db, "m")
    train(db, "n")
    row = db.execute(
        """select sum(octet_length(a.data)), (select sum(training_time) from ml.model_version),
            (select sum(pg_column_size(v.*)) from ml.model_version v)
        from ml.artifact a"""
    ).fetchone()
    assert row is not None
    found = sizes(db)
    assert (found["models"], found["versions"]) == (2, 3)
    assert found["bytes"] - row[0] == pytest.approx(row[2], rel=0.3)
    assert found["training_seconds"] == pytest.approx(row[1])
    assert found["training_seconds_today"] >= row[1] * 0.9
    assert sizes(db, "default")["bytes"] == 0


def test_models_are_limited_but_known_ones_may_be_trained_again(db: Session) -> None:
    db.execute("select ml.set_quota('a', max_models => 1)")
    train(db, "m")
    assert "max_models = 1" in refused(db, TRAIN % ("n", "a"))
    train(db, "m")
    train(db, "n", "b")
    db.execute("select ml.delete_model('m', tenant_id => 'a')")
    train(db, "n")
    db.execute("select ml.set_quota('a')")
    train(db, "m")
    assert sizes(db)["max_models"] is None


def test_bytes_are_limited_and_nothing_is_left_of_what_was_refused(db: Session) -> None:
    train(db, "m")
    size = sizes(db)["bytes"]
    db.execute("select ml.set_quota('a', max_bytes => %s)", [size + size // 2])
    assert "max_bytes" in refused(db, TRAIN % ("n", "a"))
    assert sizes(db)["bytes"] == size
    assert (
        db.execute("select count(*) from ml.artifact").fetchone()
        == db.execute("select count(*) from ml.artifact a join ml.model_version v on v.id = a.version_id").fetchone()
    )
    db.execute("select ml.set_quota('a', max_bytes => 0)")
    started = time.monotonic()
    refused(db, TRAIN % ("m", "a"))
    assert time.monotonic() - started < 1.0


RANDOM = "(select string_agg(md5(i::text), '') from generate_series(1, 1000) as i)"
"""A text of 32,000 characters that does not compress to less than a third."""


def start(session: Session, tags: str = "'{}'::jsonb") -> int:
    row = session.execute(f"select ml._start_run('tuning', 'first', {tags}, 'a')".encode()).fetchone()
    assert row is not None
    return int(row[0])


def grown(session: Session, statement: str) -> int:
    before = sizes(session)["bytes"]
    session.execute(statement.encode())
    return int(sizes(session)["bytes"] - before)


def test_texts_count_as_bytes(db: Session) -> None:
    train(db, "m")
    key = f"select ml.create_api_key('{'k' * 200}', tenant_id => 'a')"
    assert 200 < grown(db, key) < 600
    statement = f"select ml._start_run('tuning', null, jsonb_build_object('note', {RANDOM}), 'a')"
    assert 10_000 < grown(db, statement) < 40_000
    note = "".join(f"{i * 2_654_435_761 % 4_294_967_296:x}" for i in range(2_000))
    train_long = (TRAIN % ("m", "a")).replace(SOURCE, f"{SOURCE} /* {note} */")
    assert grown(db, train_long) > grown(db, TRAIN % ("m", "a")) + 5_000
    assert sizes(db, "default")["bytes"] == 0


def test_experiments_count_as_bytes_and_go_with_their_run(db: Session) -> None:
    db.execute("select ml.grant_usage(current_user, 'a')")
    before = sizes(db)["bytes"]
    run = start(db)
    assert grown(db, f'select ml._log_metrics({run}, \'{{"rmse": 1, "mae": 2}}\', 1)') == 2 * 100 + 7
    once = grown(db, f"select ml._log_params({run}, jsonb_build_object('note', {RANDOM}))")
    assert once > 10_000
    assert grown(db, f"select ml._log_params({run}, jsonb_build_object('note', {RANDOM}))") == 0
    assert -once < grown(db, f"select ml._log_params({run}, '{{\"note\": 1}}')") < -10_000
    db.execute("select ml._delete_run(%s)", [run])
    assert sizes(db)["bytes"] == before


@pytest.mark.parametrize(
    "statement",
    [
        "select ml._log_metrics({run}, '{{\"rmse\": 1}}', i) from generate_series(1, 1000) as i",
        "select ml._log_params({run}, jsonb_build_object('p' || i, i)) from generate_series(1, 1000) as i",
        "select ml._start_run('tuning', null, '{{}}', 'a') from generate_series(1, 1000) as i",
        "select ml.create_api_key('key', tenant_id => 'a') from generate_series(1, 1000) as i",
        "select ml.deploy('deployed', '1.' || i % 2 || '.0', 'a') from generate_series(1, 1000) as i",
    ],
    ids=["metrics", "parameters", "runs", "keys", "deployments"],
)
def test_rows_of_experiments_and_keys_are_limited_by_bytes(db: Session, statement: str) -> None:
    db.execute("select ml.grant_usage(current_user, 'a')")
    run = start(db)
    if "deployed" in statement:
        train(db, "deployed")
        train(db, "deployed")
    before = sizes(db)["bytes"]
    most = before + 20_000
    db.execute("select ml.set_quota('a', max_bytes => %s)", [most])
    assert f"max_bytes = {most}" in refused(db, statement.format(run=run))
    assert sizes(db)["bytes"] == before
    db.execute(statement.format(run=run).replace("1000", "20").encode())
    assert before + 18 * 100 < sizes(db)["bytes"] <= most


def test_logging_a_metric_counts_nothing_again_while_much_is_free(db: Session) -> None:
    train(db, "m")
    run = start(db)
    db.execute("select ml.set_quota('a', max_bytes => 1000000000)")
    log = f"select ml._log_metrics({run}, '{{\"rmse\": 1}}', 1)".encode()

    def scans() -> list[Any]:
        return db.execute(
            "select relname, seq_scan + coalesce(idx_scan, 0) from pg_stat_xact_user_tables where schemaname = 'ml' "
            "and relname in ('experiment_metric', 'model_version', 'artifact', 'trial', 'schedule_run') order by 1"
        ).fetchall()

    with db.transaction():
        db.execute(log)
        before = scans()
        db.execute(log)
        assert len(before) == 5
        assert scans() == before


def test_a_model_spends_what_was_free_for_experiments(db: Session) -> None:
    db.execute("select ml.grant_usage(current_user, 'a')")
    run = start(db)
    db.execute("select ml.set_quota('a', max_bytes => 200000)")
    db.execute("select ml._log_metrics(%s, '{\"rmse\": 1}', 1)", [run])
    train(db, "m")
    logs = f"select ml._log_metrics({run}, '{{\"rmse\": 1}}', i) from generate_series(1, 3000) as i"
    refused(db, logs)

    def fill(step: int) -> None:
        while True:
            db.execute(logs.replace("3000", str(step)).encode())

    for step in (1000, 100, 10, 1):
        with pytest.raises(psycopg.Error, match="max_bytes = 200000"):
            fill(step)
    assert 200_000 - 104 < sizes(db)["bytes"] <= 200_000


@pytest.mark.parametrize("isolation", ["read committed", "repeatable read", "serializable"])
def test_two_sessions_at_the_limit_do_not_both_pass(db: Session, dsn: str, isolation: str) -> None:
    train(db, "known")
    db.execute("select ml.set_quota('a', max_models => 2)")
    states: list[str] = []
    both = threading.Barrier(2)

    def attempt(model: str) -> None:
        with psycopg.connect(dsn) as session:
            session.execute(f"set transaction isolation level {isolation}".encode())
            session.execute("select count(*) from ml.model")
            both.wait()
            try:
                train(session, model)
                time.sleep(0.5)
                session.commit()
                states.append("stored")
            except psycopg.Error as error:
                states.append(str(error.diag.sqlstate))

    threads = [threading.Thread(target=attempt, args=[name]) for name in ("x", "y")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(states) == (["ML021", "stored"] if isolation == "read committed" else ["40001", "stored"])
    assert sizes(db)["models"] == 2


def test_training_ends_when_the_seconds_of_the_day_are_used_up(db: Session) -> None:
    db.execute("select ml.set_quota('a', max_training_seconds_per_day => 4)")
    started = time.monotonic()
    assert "max_training_seconds_per_day = 4" in refused(db, SLOW)
    assert 3 < time.monotonic() - started < 12
    refused(db, TRAIN % ("m", "a"))
    assert sizes(db)["training_seconds_today"] >= 4
    assert sizes(db)["training_seconds"] == 0
    train(db, "m", "b")


def test_sessions_share_the_seconds_of_their_tenant(db: Session, dsn: str) -> None:
    db.execute("select ml.set_quota('a', max_training_seconds_per_day => 8)")
    states: list[str | None] = []

    def attempt() -> None:
        with psycopg.connect(dsn) as session, pytest.raises(psycopg.Error) as caught:
            session.execute(SLOW.encode())
        states.append(caught.value.diag.sqlstate)

    threads = [threading.Thread(target=attempt) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert states == ["ML021", "ML021"]
    assert 8 <= sizes(db)["training_seconds_today"] < 11


def test_rolled_back_training_has_used_its_seconds(db: Session) -> None:
    with db.transaction(force_rollback=True):
        train(db, "m")
    assert sizes(db, "default")["training_seconds_today"] == 0
    db.execute("select ml.grant_usage(current_user, 'a')")
    assert sizes(db)["training_seconds_today"] > 0


def test_roles_see_their_own_quota_and_set_none(
    db: Session, role_factory: Callable[..., str], connect: Callable[..., Session]
) -> None:
    role = role_factory("own")
    db.execute("select ml.grant_usage(%s, 'a', admin => true)", [role])
    db.execute("select ml.set_quota('a', 3, 1000000000, 3600), ml.set_quota('b', 1)")
    session = connect(role)
    assert session.execute("select tenant_id, max_models, models from ml.tenant_sizes").fetchall() == [("a", 3, 0)]
    for statement in (
        "select ml.set_quota('a', 100)",
        "select * from ml.quota",
        "update ml.quota set max_models = 100",
        "insert into ml.quota (tenant_id, set_by) values ('c', 'x')",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute(statement.encode())
    train(session, "m")


@pytest.mark.parametrize(
    "call", ["ml.set_quota(null)", "ml.set_quota('')", "ml.set_quota('a', -1)", "ml.set_quota('a', null, null, 'nan')"]
)
def test_wrong_quotas_are_refused(db: Session, call: str) -> None:
    with pytest.raises(psycopg.Error) as caught:
        db.execute(f"select {call}".encode())
    assert caught.value.diag.sqlstate == "ML009"


def test_client_raises_the_class_of_its_own(db: Session) -> None:
    db.execute("select ml.set_quota('default', max_models => 0)")
    info = db.info
    config = DatabaseConfig(info.host, info.port, info.dbname, info.user, info.password or None)
    with DatabaseConnection(config) as connection, pytest.raises(QuotaExceededError) as caught:
        create_ml_system(connection, max_memory_mb=1024).train_model("m", "regression", SOURCE, target="y")
    assert caught.value.sqlstate == "ML021"
    assert caught.value.hint
