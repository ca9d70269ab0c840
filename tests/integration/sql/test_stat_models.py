"""`ml.stat_models`: what all sessions predicted, counted without a write to any table."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pytest_postgresql.executors import PostgreSQLExecutor

Session = psycopg.Connection[Any]
SOURCE = "select i::float8 as x, 2.0 * i as y from generate_series(1, 500) as i"


def counts(session: Session) -> dict[tuple[str, str], tuple[int, int, int]]:
    rows = session.execute("select model_id, version, calls, rows, errors, seconds from ml.stat_models").fetchall()
    assert all(row[5] >= 0 for row in rows)
    return {(row[0], row[1]): row[2:5] for row in rows}


@pytest.fixture
def trained(db: Session) -> Session:
    db.execute("select ml.train('m', 'regression', %s, 'y', algorithm => 'LinearRegression')", [SOURCE])
    return db


def test_every_way_to_predict_is_counted(trained: Session) -> None:
    assert counts(trained) == {}
    trained.execute(
        "select ml.predict('m', ARRAY[1]), ml.predict_value('m', ARRAY[2]), ml.predict_label('m', ARRAY[3])"
    )
    assert counts(trained) == {("m", "1.0.0"): (3, 3, 0)}
    trained.execute("select count(ml.predict_value('m', ARRAY[i])) from generate_series(1, 40) as i")
    assert counts(trained) == {("m", "1.0.0"): (43, 43, 0)}
    trained.execute("select count(*) from ml.predict_batch('m', %s)", [SOURCE])
    trained.execute("select ml.predict_into('m', %s, 'predicted')", [SOURCE])
    assert counts(trained) == {("m", "1.0.0"): (45, 1043, 0)}
    seconds = trained.execute("select seconds from ml.stat_models").fetchone()
    assert seconds is not None
    assert 0 < seconds[0] < 60


def test_errors_are_counted_once_the_model_is_known(trained: Session) -> None:
    for statement in (
        "select ml.predict_value('m', ARRAY[1, 2])",
        "select ml.predict('m', '{}')",
        "select ml.predict_proba('m', ARRAY[1])",
        "select * from ml.predict_batch('m', 'select 1 as z')",
        "select ml.predict('nothing', ARRAY[1])",
    ):
        with pytest.raises(psycopg.Error):
            trained.execute(statement.encode())
    assert counts(trained) == {("m", "1.0.0"): (4, 0, 4)}


def test_counts_are_by_version_and_outlive_sessions_and_rollbacks(trained: Session, dsn: str) -> None:
    for _ in range(3):
        with psycopg.connect(dsn) as session:
            session.execute("select ml.predict_value('m', ARRAY[1])")
            session.rollback()
    trained.execute("select ml.train('m', 'regression', %s, 'y', algorithm => 'LinearRegression')", [SOURCE])
    trained.execute("select ml.predict_value('m', ARRAY[1]), ml.predict_value('m', ARRAY[1], '1.0.0')")
    trained.execute("select ml.cache_clear()")
    trained.execute("select ml.predict_value('m', ARRAY[1])")
    assert counts(trained) == {("m", "1.0.0"): (4, 4, 0), ("m", "1.1.0"): (2, 2, 0)}
    trained.execute("select ml.delete_model('m', '1.0.0')")
    assert counts(trained) == {("m", "1.1.0"): (2, 2, 0)}


def test_sessions_that_count_at_once_lose_nothing(trained: Session, dsn: str) -> None:
    def predict() -> None:
        with psycopg.connect(dsn, autocommit=True) as session:
            for _ in range(5):
                session.execute("select count(ml.predict_value('m', ARRAY[i])) from generate_series(1, 400) as i")

    for _ in range(2):
        threads = [threading.Thread(target=predict) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert counts(trained) == {("m", "1.0.0"): (24_000, 24_000, 0)}


def test_predictions_write_nothing(trained: Session) -> None:
    trained.execute("select ml.predict_value('m', ARRAY[1])")
    with trained.transaction():
        trained.execute("set transaction read only")
        trained.execute("select count(ml.predict_value('m', ARRAY[i])) from generate_series(1, 1000) as i")
        assert trained.execute("select pg_current_xact_id_if_assigned()").fetchone() == (None,)
    assert counts(trained)["m", "1.0.0"] == (1001, 1001, 0)


def test_role_sees_the_models_of_its_tenants_only(trained: Session, role_factory: Any, connect: Any) -> None:
    own, other = role_factory("own"), role_factory("other")
    trained.execute("select ml.grant_usage(%s, 'a'), ml.grant_usage(%s, 'b')", [own, other])
    for tenant in ("a", "b"):
        trained.execute(
            "select ml.train('t', 'regression', %s, 'y', algorithm => 'LinearRegression', tenant_id => %s)",
            [SOURCE, tenant],
        )
        trained.execute("select ml.predict_value('t', ARRAY[1], tenant_id => %s)", [tenant])
    for role, tenant in ((own, "a"), (other, "b")):
        session = connect(role)
        assert session.execute("select tenant_id, model_id, calls from ml.stat_models").fetchall() == [(tenant, "t", 1)]
        assert session.execute("select tenant_id from ml._stat_models()").fetchall() == [(tenant,)]
    stranger = connect(role_factory("stranger"))
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        stranger.execute("select * from ml.stat_models")


@pytest.fixture
def counters(server: PostgreSQLExecutor, trained: Session) -> Iterator[Path]:
    """The counters' file, moved aside; what the test puts in its place goes away again."""
    trained.execute("select ml.predict_value('m', ARRAY[1])")
    path = Path(server.datadir) / "pg_stat_tmp" / "motadata_ml_counters"
    found = path.stat()
    assert (found.st_mode & 0o777, found.st_uid) == (0o600, os.getuid())
    aside = path.with_suffix(".aside")
    path.rename(aside)
    yield path
    path.unlink(missing_ok=True)
    aside.rename(path)


def predict_in_a_new_session(dsn: str, counted: bool) -> dict[tuple[str, str], tuple[int, int, int]]:
    with psycopg.connect(dsn, autocommit=True) as session:
        assert session.execute("select ml.predict_value('m', ARRAY[1])").fetchone() == (pytest.approx(2, abs=0.1),)
        assert session.execute("select ok from ml.doctor() where check_name = 'counters'").fetchone() == (counted,)
        return counts(session)


def test_file_that_others_may_write_is_not_used(counters: Path, dsn: str) -> None:
    counters.touch()
    counters.chmod(0o666)
    assert predict_in_a_new_session(dsn, counted=False) == {}
    assert counters.stat().st_size == 0


def test_link_in_place_of_the_file_is_not_followed(counters: Path, dsn: str, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.touch(mode=0o600)
    counters.symlink_to(elsewhere)
    assert predict_in_a_new_session(dsn, counted=False) == {}
    assert elsewhere.stat().st_size == 0


def test_damaged_file_is_made_anew(counters: Path, dsn: str) -> None:
    counters.write_bytes(os.urandom(4096))
    counters.chmod(0o600)
    assert predict_in_a_new_session(dsn, counted=True) == {("m", "1.0.0"): (1, 1, 0)}


def test_random_slots_give_no_row_and_no_error(counters: Path, dsn: str) -> None:
    predict_in_a_new_session(dsn, counted=True)
    with counters.open("r+b") as file:
        file.seek(64)
        file.write(os.urandom(64 * 16_384))
    assert predict_in_a_new_session(dsn, counted=True) == {("m", "1.0.0"): (1, 1, 0)}


def test_missing_folder_costs_the_counts_only(server: PostgreSQLExecutor, trained: Session, dsn: str) -> None:
    folder = Path(server.datadir) / "pg_stat_tmp"
    aside = folder.with_suffix(".aside")
    folder.rename(aside)
    try:
        assert predict_in_a_new_session(dsn, counted=False) == {}
    finally:
        aside.rename(folder)
