"""Scheduled trainings, on a server with pg_cron."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from motadata_ml.install import Server
from tests.operations.clusters import Cluster, wait_until

Session = psycopg.Connection[Any]

SETUP = """
create table visits as
select i as id, sin(i) as a, cos(i * 3) as b, (array['x', 'y'])[1 + i % 2] as c,
    timestamp '2026-01-01' + i * interval '1 hour' as at, sin(i) + cos(i * 3) * 0.5 > 0.2 as bought,
    2 * sin(i) - cos(i * 3) + 3 as paid
from generate_series(1, 2000) as i
"""


@pytest.fixture(scope="module")
def cluster(installation: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    running = Cluster.create(
        installation,
        tmp_path_factory.mktemp("cron") / "data",
        "shared_preload_libraries = 'pg_cron'\ncron.database_name = 'shop'\ncron.use_background_workers = on\n"
        "max_worker_processes = 20\n",
    )
    with running.connect() as session:
        session.execute("create database shop")
    with running.connect("shop") as session:
        session.execute("create extension motadata_ml cascade")
        session.execute("create extension pg_cron")
        session.execute("create role analyst login")
        session.execute("create role colleague login")
        session.execute("grant usage on schema cron to analyst, colleague")
        session.execute("grant create on schema public to analyst")
        session.execute("select ml.grant_usage('analyst'), ml.grant_usage('colleague')")
    yield running
    running.remove()


@pytest.fixture
def shop(cluster: Cluster) -> Iterator[Session]:
    """The analyst's session on fresh rows; no model and no job is left from other tests."""
    with cluster.connect("shop") as owner:
        owner.execute("drop table if exists visits")
        owner.execute("select ml.unschedule_training(model_id) from ml.schedules")
        owner.execute("select ml.delete_model(model_id) from ml.models")
        owner.execute(SETUP.encode())
        owner.execute("alter table visits owner to analyst")
        assert owner.execute("select count(*) from cron.job").fetchone() == (0,)
    with cluster.connect("shop", "analyst") as session:
        yield session


def train(session: Session, query: str = "select a, b, c, bought from visits", **more: Any) -> None:
    named = {"algorithm": "logistic_regression", **more}
    arguments = ", ".join(f"{name} => %({name})s" for name in named)
    session.execute(
        f"select ml.train('m', 'classification', %(query)s, 'bought', {arguments})".encode(), {"query": query, **named}
    )


def latest(session: Session) -> dict[str, Any]:
    cursor = session.execute("select * from ml.schedule_history order by finished_at desc limit 1")
    row = cursor.fetchone()
    assert row is not None
    assert cursor.description is not None
    return dict(zip([column.name for column in cursor.description], row, strict=True))


def run(session: Session) -> str:
    row = session.execute("select ml.run_schedule('m')").fetchone()
    assert row is not None
    return str(row[0])


def refused(session: Session, statement: str, sqlstate: str) -> psycopg.errors.Diagnostic:
    with pytest.raises(psycopg.Error) as caught:
        session.execute(statement.encode())
    assert caught.value.diag.sqlstate == sqlstate
    assert caught.value.diag.message_hint
    return caught.value.diag


def test_pg_cron_runs_the_job_with_the_role_that_scheduled_it(cluster: Cluster, shop: Session) -> None:
    train(shop, "select a, bought from visits where id <= 40")
    train(shop, "select a, b, c, bought from visits")
    shop.execute("select ml.rollback('m')")
    job = shop.execute("select ml.schedule_training('m', '* * * * *')").fetchone()
    assert shop.execute("select jobid, username, schedule from cron.job").fetchall() == [
        (job and job[0], "analyst", "* * * * *")
    ]
    wait_until(lambda: shop.execute("select count(*) > 0 from ml.schedule_history").fetchone() == (True,), 100)
    found = latest(shop)
    assert found["role"] == "analyst", found
    assert found["outcome"] in {"deployed", "kept"}, found
    assert shop.execute(
        "select trained_by from ml.model_versions where version = %s", [found["new_version"]]
    ).fetchone() == ("analyst",)
    assert shop.execute("select ml.unschedule_training('m')").fetchone() == (True,)
    assert shop.execute("select ml.unschedule_training('m')").fetchone() == (False,)
    assert shop.execute("select count(*) from cron.job").fetchone() == (0,)
    assert shop.execute("select count(*) > 0 from ml.schedule_history").fetchone() == (True,)


def test_deleting_a_model_ends_its_job(shop: Session) -> None:
    train(shop)
    shop.execute("select ml.schedule_training('m', '0 0 1 1 *')")
    shop.execute("select ml.delete_model('m')")
    assert shop.execute("select count(*) from cron.job").fetchone() == (0,)


def test_the_job_of_a_model_that_a_colleague_deleted_removes_itself(cluster: Cluster, shop: Session) -> None:
    train(shop)
    shop.execute("select ml.schedule_training('m', '0 0 1 1 *')")
    with cluster.connect("shop", "colleague") as colleague:
        colleague.execute("select ml.delete_model('m')")
    assert shop.execute("select count(*) from cron.job").fetchone() == (1,)
    assert run(shop) == "removed"
    assert shop.execute("select count(*) from cron.job").fetchone() == (0,)
    refused(shop, "select ml.run_schedule('m')", "ML009")


def test_version_is_deployed_only_where_it_is_better_on_the_same_rows(shop: Session) -> None:
    train(shop, hyperparameters='{"C": 1e-6}')
    shop.execute("select ml.schedule_training('m', '0 3 * * *', metric => 'log_loss')")
    shop.execute("update visits set bought = a > 0")
    assert run(shop) == "deployed"
    found = latest(shop)
    assert (found["old_version"], found["new_version"]) == ("1.0.0", "1.1.0")
    assert found["new_value"] < found["old_value"]
    assert "better" in found["reason"]
    assert shop.execute("select deployed_version from ml.models").fetchone() == ("1.1.0",)
    values = []
    for version in ("1.0.0", "1.1.0"):
        row = shop.execute(
            """select ml.evaluate('m', 'select * from (select a, b, c, bought from visits) as motadata_ml_row
            where (hashtextextended(motadata_ml_row::text, 0) & 1048575) < 209715', version => %s)""",
            [version],
        ).fetchone()
        assert row is not None
        values.append(row[0]["log_loss"])
    assert [found["old_value"], found["new_value"]] == pytest.approx(values, rel=1e-12)
    assert run(shop) == "kept"
    again = latest(shop)
    assert (again["old_version"], again["new_version"]) == ("1.1.0", "1.2.0")
    assert again["new_value"] == pytest.approx(again["old_value"], rel=1e-12)
    assert shop.execute("select deployed_version from ml.models").fetchone() == ("1.1.0",)


def test_small_gain_is_not_enough_where_more_is_asked(shop: Session) -> None:
    train(shop, "select a, b, c, bought from visits where id <= 300")
    shop.execute("select ml.schedule_training('m', '0 3 * * *', 'accuracy', min_improvement => 1)")
    shop.execute("update visits set bought = not bought")
    assert run(shop) == "kept"
    assert "min_improvement = 1" in latest(shop)["reason"]


def test_held_out_rows_are_kept_from_the_training(shop: Session) -> None:
    train(shop)
    shop.execute("select ml.schedule_training('m', '0 3 * * *')")
    run(shop)
    row = shop.execute(
        """select v.training_rows, (v.metrics ->> 'n_test')::integer, m.training_rows from ml.model_version v,
        ml.model_versions m where v.version = '1.1.0' and m.version = '1.0.0'"""
    ).fetchone()
    assert row is not None
    assert row[0] + row[1] == row[2] == 2000
    assert 300 < row[1] < 500


@pytest.mark.parametrize("split", ["time:at", "column:newest"])
def test_split_by_time_or_column_is_kept(shop: Session, split: str) -> None:
    query = "select a, b, at, id > 1600 as newest, bought from visits"
    train(shop, query, split=split)
    shop.execute("select ml.schedule_training('m', '0 3 * * *')")
    assert run(shop) in {"kept", "deployed"}, latest(shop)
    row = shop.execute(
        "select metrics ->> 'n_test', training_rows from ml.model_versions where version = '1.1.0'"
    ).fetchone()
    assert row == ("400", 1600)


def test_age_and_drift_decide_whether_a_run_trains(cluster: Cluster, shop: Session) -> None:
    train(shop)
    shop.execute("select ml.schedule_training('m', '0 3 * * *', max_age => '30 days', max_drift => 0.2)")
    assert run(shop) == "skipped"
    found = latest(shop)
    assert found["drift"] < 0.2
    assert "max_drift = 0.2" in found["reason"]
    assert shop.execute("select count(*) from ml.model_versions").fetchone() == (1,)
    shop.execute("update visits set a = a + 2 where id > 800")
    assert run(shop) in {"deployed", "kept"}
    assert latest(shop)["drift"] > 0.2
    assert "feature a" in latest(shop)["reason"]
    shop.execute("select ml.unschedule_training('m')")
    shop.execute("select ml.schedule_training('m', '0 3 * * *', max_age => '30 days')")
    assert run(shop) == "skipped"
    with cluster.connect("shop") as owner:
        owner.execute("update ml.model_version set trained_at = trained_at - interval '31 days'")
    assert run(shop) in {"deployed", "kept"}
    assert "more than 30 days ago" in latest(shop)["reason"]
    assert run(shop) == "skipped"


def test_failure_is_in_the_history_and_leaves_the_deployed_version(shop: Session) -> None:
    train(shop)
    shop.execute("select ml.schedule_training('m', '0 3 * * *')")
    shop.execute("alter table visits rename to gone")
    assert run(shop) == "failed"
    assert latest(shop)["reason"].startswith("ML002")
    assert shop.execute("select deployed_version from ml.models").fetchone() == ("1.0.0",)
    assert shop.execute("select last_outcome from ml.schedules").fetchone() == ("failed",)
    shop.execute("alter table gone rename to visits")
    assert run(shop) == "kept"


def test_cancel_is_not_swallowed(shop: Session) -> None:
    train(shop)
    shop.execute("select ml.schedule_training('m', '0 3 * * *')")
    shop.execute("set statement_timeout = '300ms'")
    with pytest.raises(psycopg.errors.QueryCanceled):
        shop.execute("select ml.run_schedule('m')")
    shop.execute("reset statement_timeout")
    assert shop.execute("select count(*) from ml.schedule_history").fetchone() == (0,)


def test_arguments_of_the_training_are_used_again(shop: Session) -> None:
    train(
        shop,
        algorithm="random_forest",
        hyperparameters='{"n_estimators": 7}',
        preprocess='{"c": {"encode": "ordinal"}}',
        random_state=5,
    )
    shop.execute("select ml.schedule_training('m', '0 3 * * *')")
    run(shop)
    rows = shop.execute(
        """select algorithm, hyperparameters ->> 'n_estimators', random_state,
            jsonb_path_query_array(ml.get_model_info('m', version), '$.features[*].encode')
        from ml.model_versions order by version"""
    ).fetchall()
    assert len(rows) == 2
    assert rows[0] == rows[1]
    assert rows[0][:3] == ("RandomForestClassifier", "7", 5)


def test_regression_is_decided_by_its_error(shop: Session) -> None:
    shop.execute("select ml.train('m', 'regression', 'select a, b, paid from visits', 'paid', algorithm => 'ridge')")
    shop.execute("select ml.schedule_training('m', '0 3 * * *')")
    assert shop.execute("select metric from ml.schedules").fetchone() == ("rmse",)
    shop.execute("update visits set paid = paid * 10")
    assert run(shop) == "deployed"
    assert latest(shop)["new_value"] < latest(shop)["old_value"]


def test_query_of_another_role_never_runs_with_ones_rights(cluster: Cluster, shop: Session) -> None:
    train(shop)
    with cluster.connect("shop", "colleague") as colleague, cluster.connect("shop") as owner:
        for session in (colleague, owner):
            refused(session, "select ml.schedule_training('m', '0 3 * * *')", "42501")
        shop.execute("select ml.schedule_training('m', '0 3 * * *')")
        for session in (colleague, owner):
            refused(session, "select ml.run_schedule('m')", "42501")
        refused(colleague, "select ml.unschedule_training('m')", "42501")
        colleague.execute(
            """select ml.train('m', 'classification', 'select random() as a, random() as b, chr(120) as c, i % 2 = 0
            as bought from generate_series(1, 50) i', 'bought', algorithm => 'logistic_regression')"""
        )
        run(shop)
        stored = shop.execute(
            "select training_query from ml.model_version where version = %s", [latest(shop)["new_version"]]
        )
        assert "visits" in str(stored.fetchone())
        assert colleague.execute("select count(*) from ml.schedules").fetchone() == (1,)
        for statement in ("delete from ml.schedule", "insert into ml.schedule_run (model) values (1)"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                colleague.execute(statement.encode())


@pytest.mark.parametrize(
    ("call", "sqlstate"),
    [
        ("ml.schedule_training('m', 'tomorrow')", "ML009"),
        ("ml.schedule_training('m', null)", "ML009"),
        ("ml.schedule_training('m', '0 3 * * *', 'rmse')", "ML009"),
        ("ml.schedule_training('m', '0 3 * * *', min_improvement => -1)", "ML009"),
        ("ml.schedule_training('m', '0 3 * * *', max_drift => -1)", "ML009"),
        ("ml.schedule_training('nothing', '0 3 * * *')", "ML001"),
        ("ml.run_schedule('m')", "ML009"),
    ],
)
def test_wrong_calls_say_what_is_wrong(shop: Session, call: str, sqlstate: str) -> None:
    train(shop)
    refused(shop, f"select {call}", sqlstate)
    assert shop.execute("select count(*) from cron.job").fetchone() == (0,)


def test_model_is_scheduled_once_and_only_where_a_metric_decides(shop: Session) -> None:
    train(shop)
    shop.execute("select ml.schedule_training('m', '0 3 * * *')")
    assert "already" in (refused(shop, "select ml.schedule_training('m', '0 4 * * *')", "ML009").message_primary or "")
    shop.execute("select ml.train('k', 'clustering', 'select a, b from visits', algorithm => 'kmeans')")
    refused(shop, "select ml.schedule_training('k', '0 3 * * *')", "ML020")


def test_role_without_pg_cron_is_told_what_to_ask_for(cluster: Cluster, shop: Session) -> None:
    train(shop)
    with cluster.connect("shop") as owner:
        owner.execute("revoke usage on schema cron from analyst")
        try:
            diagnostic = refused(shop, "select ml.schedule_training('m', '0 3 * * *')", "42501")
            assert "schema cron" in (diagnostic.message_hint or "")
        finally:
            owner.execute("grant usage on schema cron to analyst")


def test_database_without_pg_cron_says_how_to_get_it(cluster: Cluster) -> None:
    with cluster.connect() as session:
        session.execute("create extension motadata_ml cascade")
        session.execute(
            "select ml.train('m', 'regression', 'select i as x, i * 2 as y from generate_series(1, 50) i', 'y')"
        )
        diagnostic = refused(session, "select ml.schedule_training('m', '0 3 * * *')", "ML020")
        assert "shared_preload_libraries" in (diagnostic.message_hint or "")
