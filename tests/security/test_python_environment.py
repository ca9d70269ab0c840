"""Which Python runs and what it imports: nothing a user sets, passes or owns, and no file that lies in the way."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from pytest_postgresql.executors import PostgreSQLExecutor

from tests.processes import wait_for, workers_of
from tests.security.conftest import Actors, refusal, state

MODULES = ("json", "hashlib", "numpy", "onnxruntime", "skops", "sqlglot", "sklearn", "motadata_ml_server", "plpy",
           "sitecustomize", "usercustomize", "ctypes", "subprocess")  # fmt: skip
ROWS = "select i as x, sin(i) as w, (i > 20)::text as y from generate_series(1, 40) as i"


@pytest.fixture
def traps(server: PostgreSQLExecutor, tmp_path: Path) -> Iterator[Path]:
    """Lay files with the names of modules into the data directory, where every backend runs."""
    canary = tmp_path / "imported"
    code = f"open({str(canary)!r}, 'a').write(__name__ + ' ')\nraise SystemExit('a trap was imported')\n"
    made = [Path(server.datadir) / f"{name}.py" for name in MODULES]
    for path in made:
        path.write_text(code)
    yield canary
    for path in made:
        path.unlink()


def test_files_in_the_data_directory_are_not_imported(actors: Actors, traps: Path) -> None:
    with psycopg.connect(actors.blue.info.dsn, autocommit=True) as session:
        label = session.execute("select ml.predict_label('m', array[60, 0])").fetchone()
        assert label == ("secret of blue",)
        session.execute("select ml.to_sql('m')")
        session.execute(f"select ml.train('trapped', 'classification', $r${ROWS}$r$, 'y', algorithm => 'svc')".encode())
        session.execute("select ml.predict('trapped', array[1, 1])")
        session.execute("select ml.delete_model('trapped')")
    assert not traps.exists(), traps.read_text()


def test_the_import_path_has_no_relative_and_no_writable_folder(actors: Actors) -> None:
    row = actors.superuser.execute("select ok, detail from ml.doctor() where check_name = 'import path'").fetchone()
    assert row
    assert row[0], row[1]


@pytest.mark.parametrize(
    "options",
    ["-c plpython3.python_path=/tmp", "-c ml.python_path=/tmp -c ml.virtual_env=/tmp", "-c search_path=pg_temp",
     "-c ml.PYTHONPATH=/tmp -c ml.PYTHONHOME=/tmp -c ml.PYTHONSTARTUP=/tmp/x.py"],
)  # fmt: skip
def test_what_a_client_sends_at_the_start_changes_no_import(actors: Actors, options: str, traps: Path) -> None:
    dsn = psycopg.conninfo.make_conninfo(actors.blue.info.dsn, options=options)
    with psycopg.connect(dsn, autocommit=True) as session:
        assert session.execute("select ml.predict_label('m', array[60, 0])").fetchone() == ("secret of blue",)
    assert not traps.exists()


@pytest.mark.parametrize(
    "attempt",
    [
        "do language plpython3u $$ import os $$",
        "create function blue_own.f() returns int language plpython3u as 'return 1'",
        "create or replace function ml.predict(model_id text, input jsonb, version text default null, "
        "tenant_id text default null) returns jsonb language plpython3u as 'return 1'",
        "create function blue_own.f(bytea) returns float8[] language internal as 'numeric_uplus'",
        "create function blue_own.f() returns int language c as '/tmp/evil.so', 'f'",
        "update pg_language set lanpltrusted = true",
        "alter language plpython3u owner to current_user",
        "create trusted language evil handler ml.predict",
        "load '/tmp/evil.so'",
        "copy (select 1) to program 'touch /tmp/evil'",
        "copy (select 1) to '/tmp/evil.py'",
        "copy blue_own.x from '/etc/passwd'",
        "select pg_read_file('PG_VERSION')",
        "select pg_ls_dir('.')",
        "select lo_import('/etc/passwd')",
        "alter system set session_preload_libraries = 'evil'",
        "create extension plpython3u schema blue_own",
        "alter extension motadata_ml add schema blue_own",
        "alter extension motadata_ml update",
        "create server s foreign data wrapper evil",
    ],
)
def test_users_reach_no_untrusted_code_and_no_file(actors: Actors, attempt: str) -> None:
    before = state(actors.superuser)
    actors.superuser.execute("create table if not exists blue_own.x (t text)")
    assert refusal(actors.blue, attempt).sqlstate in ("42501", "42704", "42710", "0A000", "42601")
    assert state(actors.superuser) == before


@pytest.mark.parametrize(
    "query",
    [
        "select pg_read_file('PG_VERSION') as x, 1 as y",
        "select * from pg_ls_dir('.') as x",
        "select rolpassword as x, 1 as y from pg_authid",
        "select data as x, 1 as y from ml.artifact",
        "copy (select 1 as x, 2 as y) to program 'id'",
        "select 1 as x, 2 as y into blue_own.stolen",
    ],
)
def test_an_input_query_reaches_no_more_than_its_writer(actors: Actors, query: str) -> None:
    for call in ("ml.train('q', 'regression', %s, 'y')", "ml.predict_batch('m', %s)", "ml.evaluate('m', %s)",
                 "ml.drift('m', %s)"):  # fmt: skip
        assert refusal(actors.blue, f"select {call}", query).sqlstate in ("42501", "ML004")


def test_the_worker_gets_nothing_from_the_session_or_the_servers_environment(actors: Actors) -> None:
    dsn = psycopg.conninfo.make_conninfo(actors.blue.info.dsn, options="-c ml.python_path=/tmp")
    with psycopg.connect(dsn, autocommit=True) as session:
        statement = (
            f"select ml.train('slow', 'classification', $r${ROWS}$r$, 'y', algorithm => 'gradient_boosting', "
            "hyperparameters => '{\"n_estimators\": 100000000}')"
        )
        errors: list[psycopg.Error] = []

        def run() -> None:
            try:
                session.execute(statement.encode())
            except psycopg.Error as error:
                errors.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        (worker,) = wait_for(lambda: workers_of(session.info.backend_pid), 30)
        folder = Path(f"/proc/{worker}")
        # Between fork and exec it is still the backend's image.
        while b"motadata" not in (folder / "cmdline").read_bytes():
            time.sleep(0.01)
        names = {entry.partition(b"=")[0].decode() for entry in (folder / "environ").read_bytes().split(b"\0") if entry}
        command = (folder / "cmdline").read_bytes().split(b"\0")
        working_folder = os.readlink(folder / "cwd")
        actors.superuser.execute("select pg_cancel_backend(%s)", [session.info.backend_pid])
        thread.join(30)
    assert not thread.is_alive()
    assert [error.sqlstate for error in errors] == ["57014"]
    allowed = {
        "PATH",
        "LC_ALL",
        "TMPDIR",
        "ORT_DISABLE_TELEMETRY",
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "OMP_WAIT_POLICY",
        "GOMP_SPINCOUNT",
        "KMP_BLOCKTIME",
        "OPENBLAS_THREAD_TIMEOUT",
    }
    assert names <= allowed | {"NUMEXPR_NUM_THREADS", "LC_CTYPE"}
    assert command[1] == b"-I"
    assert working_folder == "/"
