"""Errors that need a damaged installation, a read-only server or an unwilling estimator."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from motadata_ml_server.algorithms.unsupported import DENIED
from motadata_ml_server.errors import BY_SQLSTATE, MotadataError

SOURCE = "select i::float8 as x, i > 50 as y from generate_series(1, 100) as i"


@pytest.fixture
def trained(db: psycopg.Connection[Any]) -> psycopg.Connection[Any]:
    db.execute("select ml.train('m', 'classification', %s, 'y', algorithm => 'decision_tree')", [SOURCE])
    return db


def sqlstate_of(session: psycopg.Connection[Any], statement: str) -> str:
    with pytest.raises(psycopg.Error) as caught:
        session.execute(statement.encode())
    assert caught.value.diag.message_hint
    return str(caught.value.diag.sqlstate)


def test_table_of_sqlstates_is_complete() -> None:
    def below(cls: type[MotadataError]) -> set[type[MotadataError]]:
        return {cls}.union(*(below(child) for child in cls.__subclasses__()))

    # A class that adds words to the error of a SQLSTATE stands for that error, and has no SQLSTATE of its own.
    named = {cls for cls in below(MotadataError) if MotadataError in cls.__bases__ or "sqlstate" in vars(cls)}
    named.discard(MotadataError)
    assert named == set(BY_SQLSTATE.values())
    assert {cls.sqlstate for cls in below(MotadataError) if cls is not MotadataError} == set(BY_SQLSTATE)
    assert all(cls.sqlstate == sqlstate for sqlstate, cls in BY_SQLSTATE.items())


@pytest.mark.parametrize(
    "damage",
    [
        "update ml.artifact set data = data || 'x' where kind <> 'plan'",
        "update ml.artifact set data = substring(data for length(data) / 2) where kind = 'plan'",
        "update ml.artifact set digest = repeat('0', 64)",
        "delete from ml.artifact where kind = 'plan'",
        "update ml.artifact set data = 'cos\\012system\\012', digest = encode(sha256('cos\\012system\\012'), 'hex')",
    ],
)
def test_damaged_artifact_is_refused(trained: psycopg.Connection[Any], damage: str) -> None:
    trained.execute(damage.encode())
    trained.execute("select ml.cache_clear()")
    assert sqlstate_of(trained, "select ml.predict('m', ARRAY[1])") == "ML018"
    assert trained.execute("select 1").fetchone() == (1,)


def test_training_is_refused_when_versions_differ(trained: psycopg.Connection[Any]) -> None:
    trained.execute("update pg_extension set extversion = '0.0.9' where extname = 'motadata_ml'")
    statement = f"select ml.train('n', 'classification', '{SOURCE}', 'y')"
    assert sqlstate_of(trained, statement) == "ML019"
    assert trained.execute("select ok from ml.doctor() where check_name = 'versions'").fetchone() == (False,)
    assert trained.execute("select ml.predict_label('m', ARRAY[99])").fetchone() == ("true",)


def test_read_only_transaction_predicts_but_does_not_train(trained: psycopg.Connection[Any]) -> None:
    trained.execute("set default_transaction_read_only = on")
    assert sqlstate_of(trained, f"select ml.train('n', 'classification', '{SOURCE}', 'y')") == "25006"
    assert trained.execute("select ml.predict_label('m', ARRAY[99])").fetchone() == ("true",)
    assert trained.execute(f"select count(*) from ml.predict_batch('m', '{SOURCE}')").fetchone() == (100,)


def test_estimator_that_fails_gives_its_own_text(db: psycopg.Connection[Any]) -> None:
    with pytest.raises(psycopg.Error) as caught:
        db.execute(
            "select ml.train('m', 'clustering', 'select i as x from generate_series(1, 3) as i', "
            "algorithm => 'kmeans', hyperparameters => '{\"n_clusters\": 50}')"
        )
    assert caught.value.diag.sqlstate == "ML015"
    assert "n_clusters" in (caught.value.diag.message_primary or "")


def test_package_that_is_missing_is_named(db: psycopg.Connection[Any]) -> None:
    missing = db.execute(
        "select algorithm, model_type, requires from ml.algorithms where not available and requires is not null"
    ).fetchall()
    for algorithm, model_type, requires in missing:
        with pytest.raises(psycopg.Error) as caught:
            db.execute("select ml.train('m', %s, %s, 'y', algorithm => %s)", [model_type, SOURCE, algorithm])
        assert caught.value.diag.sqlstate == "ML020"
        assert requires in (caught.value.diag.message_primary or "")
    assert db.execute("select count(*) > 50 from ml.algorithms where available").fetchone() == (True,)


def test_what_cannot_be_trained_says_why_where_it_is_listed_and_where_it_is_asked_for(
    db: psycopg.Connection[Any],
) -> None:
    row = db.execute(
        "select model_type, available, description from ml.algorithms where algorithm = 'DBSCAN'"
    ).fetchone()
    assert row == (None, False, f"Cannot be trained here: it {DENIED['DBSCAN']}.")
    with pytest.raises(psycopg.Error) as caught:
        db.execute("select ml.train('m', 'clustering', %s, algorithm => 'DBSCAN')", [SOURCE])
    assert caught.value.diag.sqlstate == "ML007"
    assert DENIED["DBSCAN"] in (caught.value.diag.message_primary or "")
    counted = db.execute(
        "select count(*) filter (where description is null), count(*) filter (where available and good_for is null), "
        "count(*) filter (where explained not in ('exact', 'sampled')) from ml.algorithms"
    ).fetchone()
    assert counted == (0, 0, 0)


def test_error_inside_an_exception_block_leaves_the_transaction_alive(trained: psycopg.Connection[Any]) -> None:
    with trained.transaction():
        trained.execute("create table caught (state text)")
        trained.execute(
            """do $$ begin
                perform ml.predict('nothing', ARRAY[1]);
            exception when others then insert into caught values (sqlstate);
            end $$"""
        )
    assert trained.execute("select state from caught").fetchall() == [("ML001",)]
