"""No space left: in the data directory, and for the rows on their way to a training worker."""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from motadata_ml.install import Server
from tests.faults.conftest import LONG, TRAIN, Background, Estate, answers, furnish, said
from tests.operations.clusters import Cluster
from tests.processes import limited, open_files, runs, wait_for, workers_of

BIG = (
    "select ml.train('big', 'classification', 'select sin(i * i) as a, cos(i * i) as b, i % 7 as y "
    "from generate_series(1, 20000) as i', 'y', algorithm => 'random_forest')"
)
"""Its artifacts take tens of megabytes."""


@contextlib.contextmanager
def small_file_system(mounted_on: Path | str, megabytes: int) -> Iterator[int]:
    """Mount one in a user namespace, which needs no rights; returns the process that keeps it."""
    keeper = subprocess.Popen(
        ["unshare", "--user", "--map-current-user", "--keep-caps", "--mount", "sh", "-c",
         f"mount -t tmpfs -o size={megabytes}m tmpfs {mounted_on} && echo mounted && exec sleep infinity"],
        stdout=subprocess.PIPE,
    )  # fmt: skip
    assert keeper.stdout is not None
    assert keeper.stdout.readline() == b"mounted\n"
    yield keeper.pid
    keeper.kill()
    keeper.wait()
    keeper.stdout.close()


@contextlib.contextmanager
def filled(folder: Path, spare: int) -> Iterator[None]:
    """Fill a file system but for some bytes."""
    file = folder / "filler"
    space = os.statvfs(folder)
    with file.open("wb") as filler:
        os.posix_fallocate(filler.fileno(), 0, space.f_bavail * space.f_frsize - spare)
    try:
        yield
    finally:
        file.unlink()


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory, installation: Server) -> Iterator[Estate]:
    """Run a server whose data directory lies on a file system of 200 MB."""
    folder = tmp_path_factory.mktemp("small")
    with small_file_system(folder, 200) as keeper:
        cluster = Cluster.create(installation, Path(f"/proc/{keeper}/root{folder}/data"), "max_wal_size = 64MB\n")
        yield furnish(cluster)
        cluster.remove()


@pytest.fixture
def full(small: Estate) -> Iterator[Estate]:
    """Fill the file system but for 64 kB, until the test is over."""
    with small.connect() as session:
        session.execute("checkpoint")
    with filled(small.cluster.data, 65536):
        yield small
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


def test_a_full_log_ends_a_training_with_the_server(small: Estate) -> None:
    """PostgreSQL gives up where it can't write its log; a training under way goes with it, and nothing else."""
    training = Background(small.connect(), LONG)
    worker = training.worker()
    postmaster = small.postmaster
    with filled(small.cluster.data, 0):
        session = small.connect()
        for _ in range(1000):
            if session.closed:
                break
            with contextlib.suppress(psycopg.OperationalError):
                session.execute("select pg_logical_emit_message(true, 'fill', repeat('x', 1000000)), pg_switch_wal()")
        assert session.closed
        assert said(training.join()) in ("57P02", "connection lost")
        wait_for(lambda: not runs(worker), 5)
    wait_for(lambda: not runs(postmaster) or answering(small.cluster), 60)
    if not runs(postmaster):
        small.cluster.start()
    small.check()


def answering(cluster: Cluster) -> bool:
    try:
        cluster.connect().close()
    except psycopg.OperationalError:
        return False
    return True


def test_a_full_shared_memory(tmp_path_factory: pytest.TempPathFactory, installation: Server) -> None:
    """Neither trainings nor predictions need room in /dev/shm: their memory files are anonymous."""
    cluster = Cluster.create(installation, tmp_path_factory.mktemp("shared") / "data")
    estate = furnish(cluster)
    cluster.stop()
    with small_file_system("/dev/shm", 16) as keeper:  # noqa: S108 - of the server alone
        inside = ["nsenter", "--user", "--mount", "--preserve-credentials", "--target", str(keeper)]
        program = [str(installation.program("pg_ctl")), "-D", str(cluster.data), "-w", "-l", str(cluster.log)]
        subprocess.run([*inside, *program, "start"], check=True, stdout=subprocess.DEVNULL, timeout=60)
        with filled(Path(f"/proc/{keeper}/root/dev/shm"), 0):
            with estate.connect() as session:
                session.execute("set min_parallel_table_scan_size = 0; set parallel_setup_cost = 0")
                session.execute("set parallel_tuple_cost = 0")
                with pytest.raises(psycopg.errors.DiskFull):
                    session.execute("select sum(a) from points")
            estate.check()
        estate.check()
        cluster.remove()


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


def test_a_model_that_finds_no_memory_on_its_way_back(estate: Estate) -> None:
    background = Background(estate.connect(), BIG)
    worker = wait_for(lambda: workers_of(background.pid))[0]
    resource.prlimit(worker, resource.RLIMIT_FSIZE, (1 << 20, resource.RLIM_INFINITY))
    error = background.join(60)
    assert said(error) == "53100"
    assert "could not give what the call needs" in str(error)
    wait_for(lambda: not runs(worker))
    estate.check()


@pytest.mark.parametrize("spare", range(10))
def test_a_worker_that_cannot_be_started(small: Estate, spare: int) -> None:
    """With too few descriptors for its files and pipes the training is refused, and leaves none open."""
    with small.connect() as session:
        pid = session.info.backend_pid
        session.execute("select ml.predict_value('number', to_jsonb(p)) from points p limit 1")
        before = open_files(pid)
        with limited(pid, resource.RLIMIT_NOFILE, len(before) + spare), pytest.raises(psycopg.Error) as caught:
            session.execute(TRAIN["number"].encode(), [True])
        assert caught.value.sqlstate == "53000"
        assert len(pipes_and_memory(open_files(pid))) == len(pipes_and_memory(before))
        with session.transaction(force_rollback=True):
            session.execute(TRAIN["number"].encode(), [True])
    small.check()


def pipes_and_memory(files: list[str]) -> list[str]:
    return [name for name in files if name.startswith(("pipe:", "/memfd:motadata_ml"))]
