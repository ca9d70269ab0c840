"""A training process gives up what no fit needs: attacks from inside it, by code that runs as a fit would."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pytest_postgresql.executors import PostgreSQLExecutor

from motadata_ml_server.postgres import kernel
from motadata_ml_server.worker import sandbox
from tests.processes import wait_for, workers_of
from tests.security.conftest import Actors

FOLDER = Path(__file__).parent
Told = dict[str, Any]


def _missing() -> list[str]:
    return [wall.name for wall in kernel.walls() if wall.needed and not wall.stands]


@pytest.fixture(scope="module")
def told(server: PostgreSQLExecutor, module_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Told:
    """Run all attacks against the test server's data directory and a session of its own, as that server's user."""
    if _missing():
        pytest.skip(f"this kernel lacks {_missing()}")
    kept = tmp_path_factory.mktemp("data")
    (kept / "PG_VERSION").write_text("15\n")
    (kept / "global").touch()
    with psycopg.connect(module_dsn) as session:
        done = subprocess.run(
            [sys.executable, "-I", str(FOLDER / "attacks_from_a_fit.py"), str(kept), str(session.info.backend_pid),
             str(server.port)],
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "OPENBLAS_NUM_THREADS": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )  # fmt: skip
        assert session.execute("select 1").fetchone() == (1,)
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in kept.iterdir()) == ["PG_VERSION", "global"]
    assert (kept / "PG_VERSION").read_text() == "15\n"
    answer: Told = json.loads(done.stderr.splitlines()[-1])
    return answer


def test_no_attack_from_inside_a_fit_gets_through(told: Told) -> None:
    attacks = {name: came for name, came in told.items() if isinstance(came, str)}
    assert len(attacks) > 80
    assert {name: came for name, came in attacks.items() if came != "refused"} == {}


@pytest.mark.no_attack
def test_what_a_fit_needs_is_still_there(told: Told) -> None:
    needed = {name: came for name, came in told.items() if isinstance(came, bool)}
    assert len(needed) > 4
    assert all(needed.values()), needed


def test_no_thread_was_there_before_the_sandbox(told: Told) -> None:
    assert told["threads"] == 1


def test_a_real_training_runs_inside(actors: Actors) -> None:
    """The kernel says so of the worker of a training that a tenant started."""
    if _missing():
        pytest.skip(f"this kernel lacks {_missing()}")
    with psycopg.connect(actors.blue.info.dsn, autocommit=True) as session:
        thread = threading.Thread(target=_train_until_cancelled, args=(session,))
        thread.start()
        (worker,) = wait_for(lambda: workers_of(session.info.backend_pid), 30)
        status = Path(f"/proc/{worker}/status")
        wait_for(lambda: "Seccomp:\t2" in status.read_text(), 30)
        assert "NoNewPrivs:\t1" in status.read_text()
        actors.superuser.execute("select pg_cancel_backend(%s)", [session.info.backend_pid])
        thread.join(30)
        assert not thread.is_alive()


def _train_until_cancelled(session: psycopg.Connection[Any]) -> None:
    with pytest.raises(psycopg.errors.QueryCanceled):
        session.execute(
            "select ml.train('slow', 'classification', 'select i as x, (i > 20)::text as y from "
            "generate_series(1, 40) as i', 'y', algorithm => 'gradient_boosting', "
            "hyperparameters => '{\"n_estimators\": 100000000}')"
        )


@pytest.mark.no_attack
def test_the_sandbox_costs_a_training_a_few_milliseconds() -> None:
    code = (
        "import time, joblib\nfrom motadata_ml_server.worker import sandbox\nstarted = time.perf_counter()\n"
        "sandbox.enter()\nprint(time.perf_counter() - started)"
    )
    took = min(
        float(subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, check=True).stdout)
        for _ in range(5)
    )
    assert took < 0.01


@pytest.mark.no_attack
def test_a_kernel_without_the_walls_trains_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "no_new_privileges", lambda: False)
    assert vars(sandbox.enter()) == {"no_new_privileges": False, "landlock": False, "calls": False}
    monkeypatch.setattr(kernel, "no_new_privileges", lambda: True)
    monkeypatch.setattr(kernel, "landlock_version", lambda: 0)
    monkeypatch.setattr(kernel, "machine", lambda: None)
    assert vars(sandbox.enter()) == {"no_new_privileges": True, "landlock": False, "calls": False}


@pytest.mark.no_attack
def test_the_doctor_says_what_holds(actors: Actors) -> None:
    row = actors.superuser.execute("select ok, detail from ml.doctor() where check_name = 'sandbox'").fetchone()
    assert row is not None
    assert row[0] == (not _missing())
    for wall in kernel.walls():
        assert wall.name in row[1]


def test_nothing_readable_holds_data_directories() -> None:
    own = str(Path(sys.prefix).resolve())
    for path in sandbox.readable():
        assert path not in ("/", "/usr", "/usr/local", "/var", "/var/lib", "/etc", "/home", "/tmp", "/opt", own)  # noqa: S108
        assert not path.startswith(("/var/lib/postgresql", "/var/lib/pgsql", "/usr/local/pgsql"))


@pytest.mark.no_attack
def test_the_filter_is_small_enough_for_the_kernel() -> None:
    machine = kernel.machine()
    if machine is None:
        pytest.skip("the numbers of this processor's calls are not known")
    program = sandbox.program(machine, os.getpid())
    assert len(program) < 4096
    for at, (_, jump, other, _) in enumerate(program[:-1]):
        assert at + 1 + max(jump, other) < len(program)
