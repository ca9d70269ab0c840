"""`motadata-ml serve` answers over HTTP for the holders of keys, and stops when it is told to."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psycopg
import pytest

from motadata_ml.ml_framework import create_model_manager
from motadata_ml.model_serving import create_api_key
from motadata_ml.postgresql_database import DatabaseConfig, DatabaseConnection

PROGRAM = [str(Path(sys.prefix) / "bin" / "motadata-ml"), "serve"]
TRAIN = """
select ml.train('double', 'regression', 'select x, 2.0 * x as y from generate_series(1, 20) x', 'y',
    algorithm => 'linear')
"""


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.fixture
def serving(dsn: str, role_factory: Callable[..., str], tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Serve as a role of one tenant, with a password that only the file holds."""
    role = role_factory("server")
    password = tmp_path / "password"
    password.write_text("unused by trust\n")
    with psycopg.connect(dsn, autocommit=True) as session:
        session.execute(TRAIN)
        session.execute("select ml.grant_usage(%s, 'default')", [role])
    where = psycopg.conninfo.make_conninfo(dsn, user=role)
    port = free_port()
    process = subprocess.Popen(
        [*PROGRAM, "--port", str(port), "--dsn", where, "--password-file", password],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    address = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + 30
    while True:
        try:
            httpx.get(f"{address}/health")
            break
        except httpx.TransportError:
            assert process.poll() is None, process.communicate()[0]
            assert time.monotonic() < deadline, "it does not answer"
            time.sleep(0.05)
    yield process, address
    process.kill()
    process.communicate()


def test_a_key_is_answered_and_sigterm_ends_it(serving: tuple[subprocess.Popen[str], str], dsn: str) -> None:
    process, address = serving
    with DatabaseConnection(DatabaseConfig.from_dsn(dsn)) as db:
        key = create_api_key(create_model_manager(db), "tests", "default")
    body = {"input_data": {"x": 21}}
    assert httpx.post(f"{address}/api/ml/predict/double", json=body).status_code == 401
    answer = httpx.post(f"{address}/api/ml/predict/double", json=body, headers={"Authorization": f"Bearer {key}"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["prediction"] == pytest.approx(42, rel=1e-9)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert process.returncode in (0, -signal.SIGTERM)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--password-file", "/nowhere/password"], "the password file /nowhere/password cannot be read"),
        (["--dsn", "host=127.0.0.1 port=1 dbname=none connect_timeout=2"], "remedy:"),
        (["--dsn", "not a dsn"], "not a connection string"),
        (["--host", "192.0.2.1", "--anonymous-loopback"], "anonymous_loopback needs a loopback host"),
    ],
)
def test_what_is_missing_is_said_with_a_remedy(dsn: str, arguments: list[str], said: str) -> None:
    given = arguments if "--dsn" in arguments else [*arguments, "--dsn", dsn]
    run = subprocess.run(
        [*PROGRAM, "--port", str(free_port()), *given], capture_output=True, text=True, timeout=60, check=False
    )
    assert run.returncode == 1
    assert "Traceback" not in run.stderr
    assert said in " ".join(run.stderr.split())
    assert "remedy:" in run.stderr


def run_key(dsn: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [PROGRAM[0], "key", *arguments, "--dsn", dsn]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_keys_are_made_listed_and_revoked_on_the_command_line(dsn: str) -> None:
    made = run_key(dsn, "create", "web \x1b[31mshop", "--scope", "admin", "--days", "1", "--tenant", "default")
    assert made.returncode == 0, made.stderr
    assert made.stdout.startswith("mlk_")
    listed = run_key(dsn, "list").stdout
    assert "admin" in listed
    assert "\x1b" not in listed
    assert made.stdout.strip() not in listed
    number = listed.splitlines()[1].split()[0]
    assert run_key(dsn, "revoke", number, "--tenant", "default").returncode == 0
    again = run_key(dsn, "revoke", number, "--tenant", "default")
    assert again.returncode == 1
    assert "remedy: Run: motadata-ml key list" in again.stderr
    wrong = run_key(dsn, "create", "x", "--scope", "root")
    assert wrong.returncode == 1
    assert "scope must be one of predict, read, admin" in wrong.stderr


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_several_processes_serve_together_and_end_together(dsn: str, tmp_path: Path) -> None:
    with psycopg.connect(dsn, autocommit=True) as session:
        session.execute(TRAIN)
    key = run_key(dsn, "create", "tests", "--tenant", "default").stdout.strip()
    secret = tmp_path / "process"
    secret.write_text("a secret of more than thirty-two characters\n")
    port = free_port()
    command = [
        *PROGRAM,
        "--port",
        str(port),
        "--dsn",
        dsn,
        "--workers",
        "2",
        "--no-docs",
        "--process-key-file",
        str(secret),
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    address = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 60
        while len(children_of(process.pid)) < 3 or not _answers(address):  # two, and multiprocessing's tracker
            assert process.poll() is None, process.communicate()[0]
            assert time.monotonic() < deadline, "it does not answer"
            time.sleep(0.1)
        for _ in range(40):  # a connection each, so that both processes get some
            answer = httpx.post(
                f"{address}/api/ml/predict/double",
                json={"input_data": {"x": 21}},
                headers={"Authorization": f"Bearer {key}"},
                timeout=30,
            )
            assert answer.status_code == 200, answer.text
            assert answer.json()["prediction"] == pytest.approx(42, rel=1e-9)
        time.sleep(2.5)
        for bearer in (key, secret.read_text().strip()):
            counted = httpx.get(f"{address}/metrics", headers={"Authorization": f"Bearer {bearer}"}).text
            (line,) = [row for row in counted.splitlines() if "requests_total" in row and "predict/{model_id}" in row]
            assert line.endswith('route="/api/ml/predict/{model_id}",status="200"} 40')
        assert httpx.get(f"{address}/docs").status_code == 404
        processes = children_of(process.pid)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
        deadline = time.monotonic() + 10
        while [pid for pid in processes if Path(f"/proc/{pid}").exists()]:
            assert time.monotonic() < deadline, "a process stays"
            time.sleep(0.05)
    finally:
        process.kill()
        process.communicate()


def _answers(address: str) -> bool:
    try:
        return httpx.get(f"{address}/ready").is_success
    except httpx.TransportError:
        return False
