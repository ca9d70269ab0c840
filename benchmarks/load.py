"""Load generators, both in C and on one thread: pgbench for the server, wrk for HTTP services."""

from __future__ import annotations

import json
import math
import re
import statistics
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.measure import require
from benchmarks.server import BINDIR
from benchmarks.services import program

KEYS = 10_000
"""Rows that requests ask for, each as often."""

COLD_SECONDS = 0.25
"""Added to a load for each session, which starts cold."""

TRIES = 3
"""Loads started, each longer, until all sessions were warm soon enough."""

_REQUESTS = """
request = function() return wrk.format("GET", "/predict/" .. math.random(1, {keys})) end
done = function(summary, latency)
  local e = summary.errors
  io.write(string.format('RESULT {{"seconds": %f, "requests": %d, "errors": %d, "p50": %f, "p99": %f}}\\n',
    summary.duration / 1e6, summary.requests, e.connect + e.read + e.write + e.status + e.timeout,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
"""


_POST = """
wrk.method = "POST"
wrk.body = [==[{body}]==]
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer {key}"
"""

_DONE = "done =" + _REQUESTS.replace("{{", "{").replace("}}", "}").partition("done =")[2]


@dataclass(frozen=True)
class Load:
    """What a load found.

    Attributes
    ----------
    per_second : float
        Requests answered a second.
    p50_ms, p99_ms : float
        Percentiles of their latency in milliseconds.
    """

    per_second: float
    p50_ms: float
    p99_ms: float


def best(loads: Sequence[Load]) -> Load:
    """Return the round with the most requests."""
    return max(loads, key=lambda load: load.per_second)


def median(loads: Sequence[Load]) -> float:
    """Return the middle round's requests a second."""
    return statistics.median(load.per_second for load in loads)


def pgbench(dsn: str, query: str, clients: int, seconds: int, protocol: str = "prepared") -> Load:
    """Ask the server for random rows; counted from when every session has answered once, as a service's workers have.

    What a session's first answer takes is measured apart, as the cold start.
    """
    cold = math.ceil(clients * COLD_SECONDS)
    for _ in range(TRIES):
        entries = _transactions(dsn, query, clients, seconds + cold, protocol)
        firsts = [entries[entries[:, 0] == client, 2] for client in range(clients)]
        if all(len(ends) for ends in firsts):
            warm = max(ends.min() for ends in firsts)
            counted = entries[entries[:, 2] > warm]
            window = (entries[:, 2].max() - warm) / 1e6
            if window > seconds / 2:
                p50, p99 = np.percentile(counted[:, 1] / 1e3, [50, 99])
                return Load(len(counted) / window, float(p50), float(p99))
        cold *= 3
    raise RuntimeError(f"{clients} sessions are still cold after {seconds + cold // 3} s")


def _transactions(dsn: str, query: str, clients: int, seconds: int, protocol: str) -> NDArray[np.int64]:
    """Return client, latency and end of each transaction, in microseconds."""
    with TemporaryDirectory() as name:
        script = Path(name) / "script.sql"
        script.write_text(f"\\set id random(1, {KEYS})\n{query};\n")
        command: list[Any] = [BINDIR / "pgbench", "-n", "-M", protocol, "-c", clients, "-j", 1, "-T", seconds]
        command += ["-l", "--log-prefix", Path(name) / "log", "-f", script, dsn]
        run = subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True)
        lines = [line.split() for log in Path(name).glob("log*") for line in log.read_text().splitlines()]
    failed = re.search(r"failed transactions: (\d+)", run.stdout)
    require(failed is not None and failed[1] == "0", f"pgbench without failures: {run.stdout}")
    return np.array([[int(line[0]), int(line[2]), int(line[4]) * 1_000_000 + int(line[5])] for line in lines])


def wrk(port: int, clients: int, seconds: int) -> Load:
    """Ask a service for random rows, over connections that stay open."""
    return _wrk(f"http://127.0.0.1:{port}", _REQUESTS.format(keys=KEYS), clients, seconds)


def wrk_post(port: int, path: str, key: str, body: str, clients: int, seconds: int) -> Load:
    """Send a service one body again and again, with a key, over connections that stay open."""
    script = _POST.format(body=body, key=key) + _DONE
    return _wrk(f"http://127.0.0.1:{port}{path}", script, clients, seconds)


def _wrk(url: str, text: str, clients: int, seconds: int) -> Load:
    with TemporaryDirectory() as name:
        script = Path(name) / "requests.lua"
        script.write_text(text)
        command = [program("wrk"), "-t1", f"-c{clients}", f"-d{seconds}s", "-s", str(script)]
        run = subprocess.run([*command, url], check=True, capture_output=True, text=True)
    (line,) = [line for line in run.stdout.splitlines() if line.startswith("RESULT ")]
    found = json.loads(line.removeprefix("RESULT "))
    require(found["errors"] == 0, f"the service answers without errors: {found}")
    return Load(found["requests"] / found["seconds"], found["p50"], found["p99"])


def rounds_of(sides: Mapping[str, Callable[[], Load]], rounds: int) -> dict[str, list[Load]]:
    """Run all loads in turn, several times."""
    found: dict[str, list[Load]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, side in sides.items():
            found[name].append(side())
    return found
