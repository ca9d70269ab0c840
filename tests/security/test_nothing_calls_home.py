"""Nothing calls home: a server that trains and predicts with every runtime, watched by strace from its start."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

from motadata_ml.install import Server
from tests.operations.clusters import Cluster
from tests.points import points
from tests.processes import wait_for

ROOT = Path(__file__).parents[2]
LIBRARY = "plpython/motadata_ml_server/prediction/runtimes/onnx_library.py"

MODELS = {
    "linear": ("regression", "y", "ridge"),
    "onnx": ("classification", "flag", "random_forest"),
    "sklearn": ("regression", "y", "KernelRidge"),
    "grouped": ("regression", "y", "linear"),
}
"""A model for each runtime that a session has: its type, its target and its algorithm."""

CALLS = "openat,open,creat,mkdir,mkdirat,socket,connect,sendto,sendmsg,rename,renameat,unlink,clone,clone3,execve"

_OPENED = re.compile(r'^(\d+) +(?:openat\(AT_FDCWD|open\(|creat\(|mkdir\(|mkdirat\(AT_FDCWD),? ?"([^"]*)", (.*)$')
_SOCKET = re.compile(r"^(\d+) +(?:socket|connect|sendto|sendmsg)\((.*)$")


@dataclass
class Watched:
    """What the processes of a server did.

    Attributes
    ----------
    home : Path
        The home of the server's user, as the environment says it.
    sessions : dict of int to str
        The sessions, and the runtime that each used.
    threads : dict of str to int
        The threads that a session had after all its work, by its runtime.
    lines : list of str
        What strace saw.
    data : Path
        The data directory.
    """

    home: Path
    data: Path
    sessions: dict[int, str] = field(default_factory=dict)
    threads: dict[str, int] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)


def _work(session: psycopg.Connection[object], runtime: str) -> None:
    """Train and predict one by one, as a table, and with explanation of the state of things."""
    model_type, target, algorithm = MODELS[runtime]
    session.execute("set client_min_messages = error")
    group = ", group_by => 'c'" if runtime == "grouped" else ""
    columns = "a, b, c, " + target
    session.execute(
        f"select ml.train(%s, %s, 'select {columns} from points', %s, algorithm => %s{group})".encode(),
        [runtime, model_type, target, algorithm],
    )
    found = session.execute("select ml.get_model_info(%s) -> 'runtime' ->> 'name'", [runtime]).fetchone()
    assert found == (runtime,)
    session.execute("select ml.predict(%s, to_jsonb(p)) from points p limit 20", [runtime])
    session.execute("select count(*) from ml.predict_batch(%s, 'points')", [runtime])
    if runtime == "onnx":
        session.execute("select ml.export_onnx(%s)", [runtime])
        session.execute("select ml.to_sql(%s)", [runtime])
    session.execute("select * from ml.evaluate(%s, 'points')", [runtime])


@pytest.fixture(scope="module")
def watched(installation: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """Run a server under strace, with a home folder of its own that is empty, and have it do all its work."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.fail("strace is missing: `make test-security` installs it", pytrace=False)
    folder = tmp_path_factory.mktemp("watched")
    home = folder / "home"
    home.mkdir()
    cluster = Cluster.create(installation, folder / "data")
    cluster.stop()
    environment = {
        "PATH": f"{sys.prefix}/bin:{os.environ['PATH']}",
        "HOME": str(home),
        "LC_ALL": "C.UTF-8",
    }
    trace = folder / "trace"
    command = [strace, "-f", "-qq", "-s", "200", "-e", f"trace={CALLS}", "-o", str(trace)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command, str(installation.program("postgres")), "-D", str(cluster.data)],
            env=environment,
            stdout=log,
            stderr=log,
        )
    seen = Watched(home, cluster.data)
    try:
        wait_for(lambda: _answers(cluster), 60)
        with cluster.connect() as session:
            session.execute("create extension motadata_ml cascade")
            session.execute(points(2000))
        for runtime in MODELS:
            with cluster.connect() as session:
                seen.sessions[session.info.backend_pid] = runtime
                _work(session, runtime)
                seen.threads[runtime] = len(list(Path(f"/proc/{session.info.backend_pid}/task").iterdir()))
    finally:
        cluster.stop("fast")
        process.wait(60)
    seen.lines = trace.read_text(errors="replace").splitlines()
    yield seen
    shutil.rmtree(folder)


def _answers(cluster: Cluster) -> bool:
    try:
        cluster.connect().close()
    except psycopg.OperationalError:
        return False
    return True


def _descendants(seen: Watched) -> set[int]:
    """Return the sessions, and the threads and processes that they started."""
    family = set(seen.sessions)
    for line in seen.lines:
        started = re.match(r"^(\d+) .*(?:clone3?\(|clone resumed|clone3 resumed).*= (\d+)$", line)
        if started and int(started[1]) in family:
            family.add(int(started[2]))
    return family


def test_no_session_and_no_worker_opens_a_socket(watched: Watched) -> None:
    family = _descendants(watched)
    assert len(family) > len(watched.sessions), "the workers were not seen"
    calls = [line for line in watched.lines if (found := _SOCKET.match(line)) and int(found[1]) in family]
    # a session answers its client on a connection that the server's main process has accepted
    assert [line for line in calls if re.search(r" (?:socket|connect)\(", line)] == []
    assert [line for line in calls if "sin_port=htons(53)" in line] == []


def test_no_session_and_no_worker_asks_for_a_host(watched: Watched) -> None:
    family = _descendants(watched)
    asked = ("/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/host.conf", "/etc/gai.conf")
    opened = [(found[2], line) for line in watched.lines if (found := _OPENED.match(line)) and int(found[1]) in family]
    assert len(opened) > 100, "nothing was seen"
    assert [line for path, line in opened if path in asked] == []


def test_nothing_is_written_outside_the_data_directory(watched: Watched) -> None:
    family = _descendants(watched)
    assert list(watched.home.rglob("*")) == []
    written = []
    for line in watched.lines:
        found = _OPENED.match(line)
        if not found or int(found[1]) not in family:
            continue
        path, rest = found[2], found[3]
        creates = "mkdir" in line.split("(")[0] or re.search(r"O_WRONLY|O_RDWR|O_CREAT", rest)
        if creates and " = -1 " not in rest:
            written.append(path)
    own = (str(watched.data), "/dev/null", "/proc/self/oom_score_adj", "/dev/shm/PostgreSQL.")  # noqa: S108
    semaphores = re.compile(r"^/dev/shm/(sem\.)?[A-Za-z0-9]{6,}$")  # joblib tries once whether there are semaphores
    outside = [path for path in written if path.startswith("/") and not path.startswith(own)]
    assert [path for path in outside if not semaphores.match(path)] == []


def test_a_session_keeps_one_thread_whatever_it_predicted_with(watched: Watched) -> None:
    assert watched.threads == dict.fromkeys(MODELS, 1)


@pytest.mark.no_attack
def test_one_module_imports_onnxruntime_and_turns_its_telemetry_off_before() -> None:
    found = set()
    for folder in ("plpython", "pyclient", "benchmarks", "tools", "tests"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                if any(name.partition(".")[0] == "onnxruntime" for name in names):
                    found.add(str(path.relative_to(ROOT)))
    assert found == {LIBRARY}


@pytest.mark.parametrize("named", ["0", ""])
def test_an_environment_that_wants_telemetry_does_not_get_it(named: str) -> None:
    code = (
        "from motadata_ml_server.prediction.runtimes import onnx_library; onnx_library.load(); import os; "
        "print(os.environ['ORT_DISABLE_TELEMETRY'], len(os.listdir('/proc/self/task')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "ORT_DISABLE_TELEMETRY": named, "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["1", "1"]


@pytest.mark.no_attack
def test_the_images_turn_it_off_for_whatever_runs_in_them() -> None:
    for name in ("Dockerfile.postgres", "docker/Dockerfile.serving"):
        assert "ENV ORT_DISABLE_TELEMETRY=1" in (ROOT / name).read_text()
