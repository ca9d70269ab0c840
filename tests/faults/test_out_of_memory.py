"""A worker or a session that gets no more memory: an ordinary error, and nothing of it stays."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.faults.conftest import KEPT, LONG, Background, Estate, Session, said
from tests.processes import limited, open_files, runs, wait_for, workers_of

WIDE = ", ".join(f"sin(i * {n}) as a{n}" for n in range(1, 31))
ROWS = "from generate_series(1, 100000) as i"
"""24 MB of numbers, which pass the check of the rows' own size under 640 MB."""

TOO_MUCH = {
    "forest": f"'classification', 'select {WIDE}, i % 997 as y {ROWS}', 'y', algorithm => 'random_forest', "
    "hyperparameters => '{\"n_estimators\": 500}'",
    "clusters": f"'clustering', 'select {WIDE} {ROWS}', null, algorithm => 'affinity_propagation'",
    "kernel": f"'regression', 'select {WIDE}, i as y {ROWS}', 'y', algorithm => 'kernel_ridge'",
    "search": f"'regression', 'select {WIDE}, i as y {ROWS}', 'y', algorithm => 'GaussianProcessRegressor', "
    'search => \'{"params": {"alpha": [0.1, 1]}}\'',
    "cross validation": f"'regression', 'select {WIDE}, i as y {ROWS}', 'y', algorithm => 'kernel_ridge', cv => 3",
    "groups": f"'regression', 'select {WIDE}, i % 2 as g, i as y {ROWS}', 'y', algorithm => 'kernel_ridge', "
    "group_by => 'g'",
}


@pytest.mark.parametrize("what", TOO_MUCH)
def test_a_training_beyond_its_memory(estate: Estate, what: str) -> None:
    with estate.connect() as session:
        with pytest.raises(psycopg.Error) as caught:
            session.execute(
                f"select ml.train('big', {TOO_MUCH[what]}, execution => '{{\"max_memory_mb\": 640}}')".encode()
            )
        assert caught.value.sqlstate == "ML017", caught.value
        assert "max_memory_mb = 640" in str(caught.value)
        assert not workers_of(session.info.backend_pid)
        assert not any("memfd:motadata_ml" in name for name in open_files(session.info.backend_pid))
    estate.check()


def test_the_kernel_would_choose_the_worker(estate: Estate) -> None:
    """What cannot be tried on a machine with other work: the facts by which Linux chooses, and the worker's own cap."""
    background = Background(estate.connect(), LONG)
    worker = background.worker()
    scores = {pid: int(Path(f"/proc/{pid}/oom_score_adj").read_text()) for pid in (worker, background.pid)}
    assert scores[worker] == 800
    assert scores[background.pid] < 800
    assert resource.prlimit(worker, resource.RLIMIT_DATA) == (4096 << 20, 4096 << 20)
    resource.prlimit(worker, resource.RLIMIT_DATA, (1 << 20, 1 << 20))
    assert said(background.join()) in ("ML016", "ML017")
    wait_for(lambda: not runs(worker))
    estate.check()


@pytest.fixture
def session(estate: Estate) -> Iterator[Session]:
    """Open a session that has predicted: what it needs from the machine then is what predictions need."""
    with estate.connect() as opened:
        opened.execute("select count(*) from ml.predict_batch('flag', 'points')")
        yield opened
    estate.check()


@pytest.mark.parametrize("spare", [0, 1, 2, 3, 4, 5, 6, 8, 12, 24, 48])
def test_a_session_without_memory(session: Session, spare: int) -> None:
    """Predictions that the session may have too little memory for are refused before a library aborts the server."""
    pid = session.info.backend_pid
    used = int(Path(f"/proc/{pid}/status").read_text().split("VmData:")[1].split()[0]) * 1024
    with limited(pid, resource.RLIMIT_DATA, used + (spare << 20)), pytest.raises(psycopg.Error) as caught:
        session.execute("select ml.predict_into('flag', 'select * from points p, generate_series(1, 20)', 'predicted')")
    assert caught.value.sqlstate == "53200", caught.value
    assert session.execute("select to_regclass('predicted')").fetchone() == (None,)
    assert session.execute("select count(*) from ml.predict_batch('flag', 'points')").fetchone() == (2000,)


def test_a_session_without_threads(session: Session) -> None:
    """Where no thread is to be had the session computes alone."""
    expected = session.execute(KEPT[-1].encode()).fetchall()
    with limited(session.info.backend_pid, resource.RLIMIT_NPROC, 1):
        assert session.execute(KEPT[-1].encode()).fetchall() == expected
