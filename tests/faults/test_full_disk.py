"""No space left: in the data directory, and for the rows on their way to a training worker."""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from motadata_ml.install import Server
from tests.faults.conftest import TRAIN, Estate, answers, furnish
from tests.operations.clusters import Cluster
from tests.processes import open_files, wait_for, workers_of

BIG = (
    "select ml.train('big', 'classification', 'select sin(i * i) as a, cos(i * i) as b, i % 7 as y "
    "from generate_series(1, 20000) as i', 'y', algorithm => 'random_forest')"
)
"""Its artifacts take tens of megabytes."""


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory, installation: Server) -> Iterator[Estate]:
    """Run a server whose data directory lies on a file system of 200 MB.

    It is mounted in a user namespace, which needs no rights, and reached through the process that keeps it.
    """
    folder = tmp_path_factory.mktemp("small")
    keeper = subprocess.Popen(
        ["unshare", "--user", "--map-current-user", "--keep-caps", "--mount", "sh", "-c",
         f"mount -t tmpfs -o size=200m tmpfs {folder} && echo mounted && exec sleep infinity"],
        stdout=subprocess.PIPE,
    )  # fmt: skip
    assert keeper.stdout is not None
    assert keeper.stdout.readline() == b"mounted\n"
    cluster = Cluster.create(installation, Path(f"/proc/{keeper.pid}/root{folder}/data"), "max_wal_size = 64MB\n")
    yield furnish(cluster)
    cluster.remove()
    keeper.kill()
    keeper.wait()
    keeper.stdout.close()


@pytest.fixture
def full(small: Estate) -> Iterator[Estate]:
    """Fill the file system but for 64 kB, until the test is over."""
    with small.connect() as session:
        session.execute("checkpoint")
    file = small.cluster.data / "filler"
    space = os.statvfs(small.cluster.data)
    with file.open("wb") as filler:
        os.posix_fallocate(filler.fileno(), 0, space.f_bavail * space.f_frsize - 65536)
    try:
        yield small
    finally:
        file.unlink()
        small.check()


def test_a_training_that_cannot_be_stored(full: Estate) -> None:
    with full.connect() as session:
        with pytest.raises(psycopg.errors.DiskFull):
            session.execute(BIG.encode())
        assert session.execute("select count(*) from ml.models where model_id = 'big'").fetchone() == (0,)
        assert workers_of(session.info.backend_pid) == []


def test_predictions_go_on(full: Estate) -> None:
    with full.connect() as session:
        assert answers(session) == full.kept


def test_predictions_that_cannot_be_written(full: Estate) -> None:
    with full.connect() as session:
        with pytest.raises(psycopg.errors.DiskFull):
            session.execute(
                "select ml.predict_into('flag', 'select p.* from points p, generate_series(1, 300)', 'predicted')"
            )
        assert session.execute("select to_regclass('predicted')").fetchone() == (None,)


def test_rows_that_find_no_memory_on_their_way_to_the_worker(estate: Estate) -> None:
    with estate.connect() as session:
        session.execute(
            "create table wide as select i as a, sin(i) as b, cos(i) as c, i % 7 as d, -i as y "
            "from generate_series(1, 700000) as i"
        )
        session.execute("vacuum wide")
        session.execute("checkpoint")
        pid = session.info.backend_pid
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (20 << 20, resource.RLIM_INFINITY))  # of 28 MB
        with pytest.raises(psycopg.errors.DiskFull, match="could not give what the call needs") as caught:
            session.execute("select ml.train('big', 'regression', 'wide', 'y')")
        assert caught.value.diag.message_hint
        wait_for(lambda: not workers_of(pid))
        assert not any("memfd:motadata_ml" in name for name in open_files(pid))
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        with session.transaction(force_rollback=True):
            session.execute(TRAIN["number"].encode(), [True])
    estate.check()


def test_a_worker_that_cannot_be_started(small: Estate) -> None:
    """With no descriptor left for its pipes the training is refused, and the session goes on."""
    with small.connect() as session:
        pid = session.info.backend_pid
        session.execute("select ml.predict_value('number', to_jsonb(p)) from points p limit 1")
        limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (len(open_files(pid)) + 2, limits[1]))
        with pytest.raises(psycopg.Error) as caught:
            session.execute(TRAIN["number"].encode(), [True])
        assert caught.value.sqlstate == "53000"
        resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
        with session.transaction(force_rollback=True):
            session.execute(TRAIN["number"].encode(), [True])
    small.check()
