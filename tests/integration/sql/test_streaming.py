"""Training on rows that never lie in memory at once."""

from __future__ import annotations

import re
import threading
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest

STREAM = '{"mode": "stream", "chunk_rows": 20000}'
SOURCE = (
    "select sin(i) as a, i % 97 as b, (array['x', 'y', null])[1 + i % 3] as c, "
    "{target} as y from generate_series(1, {rows}) as i"
)


def train(
    session: psycopg.Connection[Any], model_type: str, target: str, rows: int, algorithm: str, more: str = ""
) -> dict[str, Any]:
    name = "y" if model_type in ("classification", "regression") else None
    row = session.execute(
        f"select metrics from ml.train('m', %s, %s, %s, algorithm => %s, execution => %s{more})",
        [model_type, SOURCE.format(target=target, rows=rows), name, algorithm, STREAM],
    ).fetchone()
    assert row is not None
    metrics: dict[str, Any] = row[0]
    return metrics


def test_classifier_learns_from_chunks_and_predicts_like_any_other(db: psycopg.Connection[Any]) -> None:
    metrics = train(db, "classification", "sin(i) > 0.2", 60_000, "sgd")
    assert metrics["accuracy"] > 0.95
    assert metrics["n_train"] + metrics["n_test"] == 60_000
    assert 11_000 < metrics["n_test"] < 13_000
    assert db.execute('select ml.predict_label(\'m\', \'{"a": 0.9, "b": 3, "c": "x"}\')').fetchone() == ("true",)
    assert db.execute("select ml.get_model_info('m') -> 'runtime' ->> 'name'").fetchone() == ("linear",)


@pytest.mark.parametrize(
    ("model_type", "target", "algorithm"),
    [
        ("regression", "3 * sin(i) + i % 97", "sgd_regressor"),
        ("classification", "case when i % 97 > 90 then 'rare' else 'often' end", "naive_bayes"),
        ("clustering", "i % 5", "mini_batch_kmeans"),
        ("decomposition", "i % 5", "IncrementalPCA"),
    ],
)
def test_every_kind_of_model_streams(db: psycopg.Connection[Any], model_type: str, target: str, algorithm: str) -> None:
    metrics = train(db, model_type, target, 50_000, algorithm)
    assert metrics["n_train"] > 35_000
    assert db.execute(
        "select count(*) from ml.predict_batch('m', $$select 0.1 as a, 2 as b, 'x' as c, 1 as y$$)"
    ).fetchone() == (1,)


def test_same_seed_gives_the_same_model(db: psycopg.Connection[Any]) -> None:
    first = train(db, "classification", "sin(i) > 0.2", 30_000, "sgd")
    second = train(db, "classification", "sin(i) > 0.2", 30_000, "sgd")
    assert first == second
    rows = db.execute(
        "select count(distinct data_fingerprint), count(distinct ml.to_sql('m', version => version)) "
        "from ml.model_version"
    ).fetchone()
    assert rows == (1, 1)


@pytest.mark.parametrize(
    ("algorithm", "more", "sqlstate"),
    [
        ("random_forest", "", "ML020"),
        ("sgd", ", cv => 3", "ML009"),
        ("sgd", ", split => 'stratified'", "ML009"),
        ("sgd", ", validation_data => 'select 1'", "ML009"),
    ],
)
def test_what_needs_all_rows_is_refused(db: psycopg.Connection[Any], algorithm: str, more: str, sqlstate: str) -> None:
    with pytest.raises(psycopg.Error) as caught:
        train(db, "classification", "sin(i) > 0.2", 1_000, algorithm, more)
    assert caught.value.diag.sqlstate == sqlstate
    assert caught.value.diag.message_hint


@pytest.mark.parametrize(("target", "rows"), [("null::text", 1_000), ("'one'::text", 1_000), ("'a'", 0)])
def test_target_without_two_classes_is_refused(db: psycopg.Connection[Any], target: str, rows: int) -> None:
    with pytest.raises(psycopg.Error) as caught:
        train(db, "classification", target, rows, "sgd")
    assert caught.value.diag.sqlstate == "ML005"


def test_memory_is_bounded_by_the_chunk(db: psycopg.Connection[Any]) -> None:
    train(db, "classification", "sin(i) > 0.2", 20_000, "sgd")  # what a first training loads is not a chunk's
    before = _anonymous_kb(db.info.backend_pid)
    peaks: dict[str, int] = {"worker": 0, "backend": 0}
    done = threading.Event()
    watcher = threading.Thread(target=_watch, args=(db.info.backend_pid, peaks, done))
    watcher.start()
    metrics = train(db, "classification", "sin(i) > 0.2", 1_500_000, "sgd")
    done.set()
    watcher.join()
    assert metrics["n_train"] + metrics["n_test"] == 1_500_000
    assert peaks["backend"] - before < 64 * 1024
    # Interpreter and libraries are about 150 MB; all rows would be another 100 MB and more, encoded and decoded.
    assert 0 < peaks["worker"] < 260 * 1024


def _watch(backend: int, peaks: dict[str, int], done: threading.Event) -> None:
    while not done.is_set():
        peaks["backend"] = max(peaks["backend"], _anonymous_kb(backend))
        for worker in _children(backend):
            peaks["worker"] = max(peaks["worker"], _anonymous_kb(worker))
        time.sleep(0.02)


def _children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def _anonymous_kb(pid: int) -> int:
    try:
        found = re.search(r"RssAnon:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return 0
    return int(found[1]) if found else 0
