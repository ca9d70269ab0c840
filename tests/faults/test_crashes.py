"""SIGKILL to the worker, the backend and the postmaster, in the middle of what writes."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from tests.faults.conftest import LONG, TRAIN, Background, Estate, Session, answers, backends, said
from tests.processes import fork_servers_of, open_files, runs, shared_files_of, wait_for, workers_of
from tests.sessions import has_ended


def training(estate: Estate) -> tuple[Background, Session | None]:
    """Train, until the fit is under way."""
    started = Background(estate.connect(), LONG)
    started.worker()
    return started, None


def deploying(estate: Estate) -> tuple[Background, Session | None]:
    """Deploy a version, until it waits for a row that another session holds."""
    holder = estate.connect()
    holder.execute("begin")
    holder.execute("select from ml.model for update")
    started = Background(estate.connect(), "select ml.deploy('flag', '1.1.0')")
    with estate.connect() as session:
        wait_for(
            lambda: session.execute("select from pg_locks where not granted and pid = %s", [started.pid]).fetchall()
        )
    return started, holder


def deployed_but_not_committed(estate: Estate) -> tuple[Background, Session | None]:
    """Deploy a version in a transaction that then does something long."""
    started = Background(estate.connect(), "begin", "select ml.deploy('flag', '1.1.0')", "select pg_sleep(60)")
    with estate.connect() as session:
        wait_for(
            lambda: session.execute(
                "select from pg_stat_activity where pid = %s and wait_event = 'PgSleep'", [started.pid]
            ).fetchall()
        )
    return started, None


def predicting_into(estate: Estate) -> tuple[Background, Session | None]:
    """Write predictions into a new table, until its file has some."""
    started = Background(
        estate.connect(),
        "select ml.predict_into('flag', 'select p.* from points p, generate_series(1, 500)', 'predicted')",
    )
    with estate.connect() as session:
        wait_for(
            lambda: session.execute(
                "select from pg_stat_activity where pid = %s and backend_xid is not null and xact_start < now() - "
                "interval '0.5 s'",
                [started.pid],
            ).fetchall()
        )
    return started, None


MOMENTS = [training, deploying, deployed_but_not_committed, predicting_into]
Moment = Callable[[Estate], tuple[Background, Session | None]]


def ended(background: Background, holder: Session | None) -> psycopg.Error | None:
    error = background.join()
    if holder is not None:
        holder.close()
    return error


def nothing_is_left_of(pid: int, workers: list[int], estate: Estate) -> None:
    wait_for(lambda: not any(map(runs, [pid, *workers])), 5)
    with estate.connect() as session:
        assert session.execute("select to_regclass('predicted')").fetchone() == (None,)
    for backend in backends(estate.cluster):
        assert not any("memfd:motadata_ml" in name for name in open_files(backend))
    assert [name for worker in workers for name in shared_files_of(worker)] == []
    estate.check()


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_backend(estate: Estate, moment: Moment) -> None:
    background, holder = moment(estate)
    workers = workers_of(background.pid)
    canary = estate.connect()
    os.kill(background.pid, signal.SIGKILL)
    assert said(ended(background, holder)) == "connection lost"
    wait_for(lambda: has_ended(canary))
    nothing_is_left_of(background.pid, workers, estate)


def took_effect(session: Session) -> bool:
    """Tell whether a session that its postmaster left behind has ended its statement before it noticed: whole then."""
    if session.execute("select to_regclass('predicted')").fetchone() != (None,):
        assert session.execute("select count(*) from predicted").fetchone() == (1_000_000,)
        session.execute("drop table predicted")
        return True
    deployed = session.execute("select version from ml.model_versions where model_id = 'flag' and deployed").fetchall()
    if deployed == [("1.0.0",)]:
        return False
    assert deployed == [("1.1.0",)]
    session.execute("select ml.deploy('flag', '1.0.0')")
    return True


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_postmaster(estate: Estate, moment: Moment) -> None:
    background, holder = moment(estate)
    workers = workers_of(background.pid)
    orphans, postmaster = backends(estate.cluster), estate.postmaster
    os.kill(postmaster, signal.SIGKILL)
    if moment is not predicting_into:
        wait_for(lambda: not any(map(runs, [*orphans, *workers])), 5)
    answered = background.join(60) is None
    if holder is not None:
        holder.close()
    wait_for(lambda: not any(map(runs, orphans)), 5)
    wait_for(lambda: not Path(f"/proc/{postmaster}").exists(), 60)  # another cannot start before it is waited for
    estate.cluster.start()
    with estate.connect() as session:
        whole = took_effect(session)
        if whole:
            estate.kept = answers(session)
        assert whole or not answered
    nothing_is_left_of(background.pid, workers, estate)


def test_a_killed_worker(estate: Estate) -> None:
    background, _ = training(estate)
    worker = workers_of(background.pid)[0]
    os.kill(worker, signal.SIGKILL)
    assert said(background.join()) == "ML016"
    nothing_is_left_of(background.pid, [worker], estate)


def test_a_stopped_worker_still_ends_with_its_statement(estate: Estate) -> None:
    background, _ = training(estate)
    worker = workers_of(background.pid)[0]
    os.kill(worker, signal.SIGSTOP)
    with estate.connect() as session:
        session.execute("select pg_cancel_backend(%s)", [background.pid])
    assert said(background.join(5)) == "57014"
    nothing_is_left_of(background.pid, [worker], estate)


def test_a_killed_backend_takes_its_idle_fork_server_along(estate: Estate) -> None:
    session = estate.connect()
    with session.transaction(force_rollback=True):
        session.execute(TRAIN["number"].encode(), [True])
    pid = session.info.backend_pid
    (server,) = fork_servers_of(pid)
    with estate.crash():
        os.kill(pid, signal.SIGKILL)
    session.close()
    wait_for(lambda: not runs(server), 5)
    estate.check()
