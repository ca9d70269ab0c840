"""A streaming standby and a logical subscriber, both real."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from motadata_ml.install import Server
from tests.operations.clusters import Cluster, replayed, wait_until
from tests.points import points

Session = psycopg.Connection[Any]

SETUP = points(400)
MODELS = {
    "flag": ("classification", "select a, b, c, flag from points", "flag", "logistic_regression"),
    "forest": ("classification", "select a, b, flag from points", "flag", "random_forest"),
    "number": ("regression", "select a, b, y from points", "y", "ridge"),
    "sklearn": ("classification", "select a, b, flag from points", "flag", "gaussian_process"),
    "cluster": ("clustering", "select a, b from points", None, "kmeans"),
}
ANSWERS = [
    "select ml.predict(m.model_id, to_jsonb(p)) from ml.models m, points p where id <= 20 order by m.model_id, id",
    "select ml.predict_label(m, to_jsonb(p)) from unnest(ARRAY['flag', 'sklearn']) m, points p where id <= 20",
    "select ml.predict_value(m, to_jsonb(p)) from unnest(ARRAY['number', 'cluster']) m, points p where id <= 20",
    "select ml.predict_proba('flag', to_jsonb(p)) from points p order by id",
    *(f"select * from ml.predict_batch('{name}', 'points', 'id')" for name in MODELS),
    "select model_id, version, metrics, deployed from ml.model_versions order by 1, 2",
    "select * from ml.list_models() order by model_id",
    "select ml.get_model_info(model_id) from ml.models order by model_id",
    "select algorithm, available from ml.algorithms",
    "select name, value from ml.options",
    "select check_name, ok from ml.doctor()",
    "select ml.to_sql('number'), ml.to_sql('number', dialect => 'duckdb')",
    "select md5(ml.export_onnx('forest'))",
    "select ml.evaluate('flag', 'points'), ml.evaluate('number', 'points')",
    "select * from ml.confusion_matrix('forest', 'points')",
    "select * from ml.roc_curve('flag', 'points')",
    "select * from ml.thresholds('flag', 'points')",
    "select * from ml.drift('flag', 'points')",
    "select * from ml.coefficients('number')",
    "select * from ml.importance('flag') as stored, ml.importance('forest', 'points') as measured",
    "select * from ml.partial_dependence('flag', 'a', 'points')",
    "select * from ml.cluster_profile('cluster', 'points')",
    "select ml.counterfactual('number', to_jsonb(p), '> 0') from points p where id <= 5",
    "select e.* from points p, ml.explain('forest', to_jsonb(p)) e where id <= 20",
    "select * from ml.explain_batch('flag', 'points')",
    "select * from ml.forecast('select date ''2024-01-01'' + id as d, id % 7 as v from points', 'd', 'v')",
    "select * from ml.training_progress",
    "select tenant_id, models, versions, bytes, training_seconds from ml.tenant_sizes order by 1",
]


def train(session: Session, name: str, rows: str = "true") -> str:
    model_type, source, target, algorithm = MODELS[name]
    row = session.execute(
        "select model_version from ml.train(%s, %s, %s, %s, algorithm => %s)",
        [name, model_type, f"{source} where {rows}", target, algorithm],
    ).fetchone()
    assert row is not None
    return str(row[0])


@pytest.fixture(scope="module")
def primary(installation: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    cluster = Cluster.create(installation, tmp_path_factory.mktemp("primary") / "data")
    with cluster.connect() as session:
        session.execute("create extension motadata_ml cascade")
        session.execute(SETUP.encode())
        for name in MODELS:
            train(session, name)
        session.execute("create role reader login")
        session.execute("select ml.grant_usage('reader')")
        session.execute("grant select on points to reader")
    yield cluster
    cluster.remove()


@pytest.fixture(scope="module")
def standby(primary: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    cluster = primary.standby(tmp_path_factory.mktemp("standby") / "data")
    yield cluster
    cluster.remove()


@pytest.fixture
def sessions(primary: Cluster, standby: Cluster) -> Iterator[tuple[Session, Session]]:
    with primary.connect() as first, standby.connect() as second:
        replayed(first, second)
        yield first, second


def test_every_function_that_reads_answers_on_a_standby_as_on_the_primary(sessions: tuple[Session, Session]) -> None:
    first, second = sessions
    for statement in ANSWERS:
        expected = first.execute(statement.encode()).fetchall()
        assert second.execute(statement.encode()).fetchall() == expected, statement
        assert expected or "training_progress" in statement
    assert second.execute("select count(*) from ml.cache_status").fetchone() != (0,)
    assert second.execute("select ml.cache_clear() > 0").fetchone() == (True,)


def test_standby_counts_its_own_predictions(sessions: tuple[Session, Session], standby: Cluster) -> None:
    first, second = sessions
    counts = "select calls from ml.stat_models where model_id = 'number'"
    second.execute("select ml.predict_value('number', ARRAY[1, 2])")
    on_first, on_second = first.execute(counts).fetchone(), second.execute(counts).fetchone()
    assert on_second is not None
    second.execute("select count(ml.predict_value('number', to_jsonb(p))) from points p")
    with standby.connect(user="reader") as reader:
        reader.execute("select ml.predict_value('number', ARRAY[1, 2])")
        assert reader.execute(counts).fetchone() == (on_second[0] + 401,)
    assert first.execute(counts).fetchone() == on_first


@pytest.mark.parametrize(
    "statement",
    [
        "select ml.train('n', 'classification', 'points', 'flag')",
        "select ml.deploy('flag', '1.0.0')",
        "select ml.rollback('flag')",
        "select ml.delete_model('flag')",
        "select ml.set_option('threads', '1')",
        "select ml.set_quota('default', 1)",
        "select ml.grant_usage('reader', 'other')",
        "select ml.predict_into('flag', 'points', 'predicted')",
        "select ml.create_sql_function('number', 'f')",
    ],
)
def test_what_writes_is_refused_on_a_standby(sessions: tuple[Session, Session], statement: str) -> None:
    _, second = sessions
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction) as caught:
        second.execute(statement.encode())
    assert caught.value.diag.message_hint
    assert "primary" in caught.value.diag.message_hint


def test_standby_that_lags_shows_the_version_before_and_never_a_half_one(sessions: tuple[Session, Session]) -> None:
    first, second = sessions
    query = (
        "select ml.predict('number', ARRAY[0.3, 0.4]) ->> 'model_version', ml.predict_value('number', ARRAY[0.3, 0.4])"
    )
    old = second.execute(query).fetchone()
    assert old is not None
    second.execute("select pg_wal_replay_pause()")
    wait_until(lambda: second.execute("select pg_get_wal_replay_pause_state()").fetchone() == ("paused",))
    version = train(first, "number", "id % 5 = 0")
    assert second.execute(query).fetchone() == old
    assert first.execute(query).fetchone() != old
    seen: set[Any] = set()
    done = threading.Event()

    def watch() -> None:
        with psycopg.connect(second.info.dsn, autocommit=True) as session:
            while not done.is_set():
                seen.add(session.execute(query).fetchone())

    watcher = threading.Thread(target=watch)
    watcher.start()
    second.execute("select pg_wal_replay_resume()")
    replayed(first, second)
    new = second.execute(query).fetchone()
    done.set()
    watcher.join()
    assert new == first.execute(query).fetchone()
    assert new is not None
    assert new[0] == version
    assert seen <= {old, new}


def test_deleted_model_is_gone_from_a_session_that_had_it_in_memory(sessions: tuple[Session, Session]) -> None:
    first, second = sessions
    first.execute("select ml.train('gone', 'regression', 'select a, y from points', 'y', algorithm => 'ridge')")
    replayed(first, second)
    assert second.execute("select ml.predict_value('gone', ARRAY[1]) is not null").fetchone() == (True,)
    first.execute("select ml.delete_model('gone')")
    replayed(first, second)
    with pytest.raises(psycopg.Error) as caught:
        second.execute("select ml.predict_value('gone', ARRAY[1])")
    assert caught.value.diag.sqlstate == "ML001"


def test_promoted_standby_trains_and_goes_on_with_the_versions(primary: Cluster, tmp_path: Path) -> None:
    standby = primary.standby(tmp_path / "standby")
    try:
        with standby.connect() as session:
            query = "select ml.predict('forest', to_jsonb(p)) from points p order by id"
            before = session.execute(query).fetchall()
            standby.promote()
            wait_until(lambda: session.execute("select pg_is_in_recovery()").fetchone() == (False,))
            assert session.execute(query).fetchall() == before
            assert train(session, "forest") == "1.1.0"
            assert session.execute("select ml.rollback('forest')").fetchone() == ("1.0.0",)
    finally:
        standby.remove()


def test_models_reach_a_server_without_the_training_data_by_logical_replication(
    primary: Cluster, installation: Server, tmp_path: Path
) -> None:
    subscriber = Cluster.create(installation, tmp_path / "subscriber")
    try:
        with primary.connect() as first, subscriber.connect() as second:
            first.execute(
                """create publication models for table ml.tenant where (tenant_id <> 'default'), ml.model,
                ml.model_version, ml.artifact, ml.deployment, ml.trial"""
            )
            second.execute("create extension motadata_ml cascade")
            second.execute(f"create subscription models connection '{primary.dsn()}' publication models".encode())
            wait_until(
                lambda: (
                    second.execute("select bool_and(srsubstate = 'r') from pg_subscription_rel").fetchone() == (True,)
                )
            )
            check = 'select ml.predict(\'flag\', \'{"a": 0.1, "b": 0.2, "c": "x"}\')'
            assert second.execute(check.encode()).fetchone() == first.execute(check.encode()).fetchone()
            assert second.execute("select to_regclass('points')").fetchone() == (None,)
            version = train(first, "flag", "id % 2 = 0")
            wait_until(
                lambda: (
                    second.execute("select deployed_version from ml.models where model_id = 'flag'").fetchone()
                    == (version,)
                )
            )
            assert second.execute(check.encode()).fetchone() == first.execute(check.encode()).fetchone()
            first.execute("select ml.train('late', 'regression', 'select a, y from points', 'y', tenant_id => 'north')")
            second.execute("create role reader login")
            second.execute("select ml.grant_usage('reader')")
            wait_until(
                lambda: second.execute("select count(*) from ml.models where tenant_id = 'north'").fetchone() == (1,)
            )
            with subscriber.connect(user="reader") as reader:
                assert reader.execute("select distinct tenant_id from ml.models").fetchall() == [("default",)]
                assert reader.execute(check.encode()).fetchone() == first.execute(check.encode()).fetchone()
            first.execute("select ml.delete_model('late', tenant_id => 'north')")
            wait_until(
                lambda: second.execute("select count(*) from ml.models where tenant_id = 'north'").fetchone() == (0,)
            )
            second.execute("drop subscription models")
            first.execute("drop publication models")
            first.execute("select ml.rollback('flag')")
    finally:
        subscriber.remove()
