"""The session's cache of models: what it holds, what it lets go, and that it never answers for what is gone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from motadata_ml_server import _native

Session = psycopg.Connection[Any]
Connect = Callable[..., Session]
RoleFactory = Callable[..., str]

SOURCE = "select i as x, i > 50 as y, i * {} as z from generate_series(1, 100) as i"


def train(session: Session, model: str, slope: int = 2, algorithm: str = "linear") -> None:
    session.execute(
        "select ml.train(%s, 'regression', %s, 'z', array['x'], %s)", [model, SOURCE.format(slope), algorithm]
    )


def value(session: Session, model: str) -> float:
    row = session.execute("select ml.predict_value(%s, array[10])", [model]).fetchone()
    assert row
    return round(float(row[0]), 3)


def held(session: Session) -> dict[str, int]:
    return dict(session.execute("select model_id, hits from ml.cache_status").fetchall())


def error_of(session: Session, statement: str) -> str:
    with pytest.raises(psycopg.Error) as caught:
        session.execute(statement.encode())
    return str(caught.value.sqlstate)


def test_a_model_is_loaded_once_and_counted(db: Session) -> None:
    train(db, "m")
    assert held(db) == {}
    assert value(db, "m") == 20.0
    db.execute("select count(ml.predict_value('m', array[x])) from generate_series(1, 99) as x")
    assert held(db) == {"m": 100}
    assert db.execute("select ml.cache_clear()").fetchone() == (1,)
    assert held(db) == {}


def test_status_tells_version_runtime_and_size(db: Session) -> None:
    train(db, "m")
    train(db, "f", algorithm="random_forest")
    value(db, "m"), value(db, "f")
    trees = "onnx" if _native.compiled is None else "trees"  # by what is installed
    rows = db.execute("select model_id, version, runtime, bytes from ml.cache_status").fetchall()
    assert [row[:3] for row in rows] == [("m", "1.0.0", "linear"), ("f", "1.0.0", trees)]
    assert 0 < rows[0][3] < 100_000 < rows[1][3]


def test_the_least_recently_used_makes_room(db: Session) -> None:
    for name in ("a", "b", "c"):
        db.execute(
            "select ml.train(%s, 'regression', 'select sin(i) as x, cos(i * 7) as z from generate_series(1, 4000) i', "
            "'z', algorithm => 'random_forest')",
            [name],
        )
    for name in ("a", "b", "a", "c"):
        value(db, name)
    size = max(row[0] for row in db.execute("select bytes from ml.cache_status").fetchall())
    db.execute("select ml.cache_clear()")
    db.execute("select ml.set_option('session_cache_mb', %s)", [str(2 * size // (1 << 20) + 1)])
    for name in ("a", "b", "a", "c"):
        value(db, name)
    assert set(held(db)) == {"a", "c"}
    db.execute("select ml.set_option('session_cache_mb', '1')")
    value(db, "b")
    assert set(held(db)) == {"b"}, "one model always has room"


def test_what_another_session_changes_counts_at_the_next_statement(db: Session, connect: Connect) -> None:
    other = connect()
    train(db, "m", slope=2)
    assert value(other, "m") == 20.0
    train(db, "m", slope=3)
    assert value(other, "m") == 30.0
    db.execute("select ml.rollback('m')")
    assert value(other, "m") == 20.0
    db.execute("select ml.deploy('m', '1.1.0')")
    assert value(other, "m") == 30.0
    db.execute("select ml.delete_model('m')")
    assert error_of(other, "select ml.predict_value('m', array[10])") == "ML001"
    train(db, "m", slope=5)
    assert value(other, "m") == 50.0


def test_a_change_within_a_transaction_counts_at_once_and_is_undone_with_it(db: Session) -> None:
    train(db, "m", slope=2)
    assert value(db, "m") == 20.0
    with db.transaction(force_rollback=True):
        train(db, "m", slope=3)
        assert value(db, "m") == 30.0
        db.execute("select ml.delete_model('m')")
        assert error_in_savepoint(db, "select ml.predict_value('m', array[10])") == "ML001"
    assert value(db, "m") == 20.0


def error_in_savepoint(session: Session, statement: str) -> str:
    with session.transaction(force_rollback=True):
        return error_of(session, statement)


def test_a_role_sees_in_the_status_only_what_it_may_use(
    db: Session, connect: Connect, role_factory: RoleFactory
) -> None:
    red, blue = role_factory("red"), role_factory("blue")
    for role in (red, blue):
        db.execute("select ml.grant_usage(%s, %s)", [role, role])
        session = connect(role, db.info.dbname)
        train(session, f"model of {role}")
    pool = connect(dbname=db.info.dbname)
    for role in (red, blue):
        pool.execute(f'set role "{role}"'.encode())
        value(pool, f"model of {role}")
        assert set(held(pool)) == {f"model of {role}"}
    pool.execute("reset role")
    assert set(held(pool)) == {f"model of {red}", f"model of {blue}"}


def test_a_session_that_predicts_with_a_compiled_model_imports_no_scikit_learn(db: Session, connect: Connect) -> None:
    train(db, "m")
    train(db, "f", algorithm="random_forest")
    other = connect()
    value(other, "m"), value(other, "f")
    other.execute("select count(*) from ml.predict_batch('f', 'select 1 as x')")
    other.execute(
        "create function pg_temp.modules() returns text[] language plpython3u as "
        "$$ import sys; return [n for n in ('sklearn', 'pandas', 'scipy', 'skops', 'onnx') if n in sys.modules] $$"
    )
    assert other.execute("select pg_temp.modules()").fetchone() == ([],)


def test_a_prediction_reads_the_model_once_a_statement(db: Session) -> None:
    train(db, "m")
    value(db, "m")

    def scans() -> int:
        db.execute("select pg_stat_force_next_flush()")
        row = db.execute(
            "select seq_scan + coalesce(idx_scan, 0) from pg_stat_user_tables where relid = 'ml.model'::regclass"
        ).fetchone()
        assert row
        return int(row[0])

    before = scans()
    db.execute("select count(ml.predict_value('m', array[x])) from generate_series(1, 5000) as x")
    assert scans() - before <= 2
