"""Predictions a second with 0, 1 and 2 hot standbys behind one libpq connection string.

Each server runs on one core, as far as the machine has them. They share it with the clients and with whatever else
runs there, so beside the predictions a second stand what a prediction costs its server in CPU time, which tells what a
server more brings, and the share of the busiest server, which tells how evenly they are spread. Every client is a
pgbench process that names all servers with ``target_session_attrs=prefer-standby``; each begins its list of hosts at
another standby, which spreads them as ``load_balance_hosts`` does from libpq 16 on.
"""

from __future__ import annotations

import contextlib
import os
import re
import statistics
import subprocess
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import psycopg

from benchmarks.effort import Effort
from benchmarks.measure import Results
from benchmarks.server import BINDIR, pin, prepare, running_server, running_standby

CLIENTS = 4
COUNTS = (0, 1, 2)

_ROW = "select ml.predict_value('{model}', ARRAY[{values}]);\n"
_MANY = "select count(ml.predict_value('{model}', ARRAY[{columns}])) from (select * from points limit 1000) as p;\n"


@dataclass(frozen=True)
class Workload:
    """What a client asks.

    Attributes
    ----------
    name : str
        Its part of the figures' names.
    script : str
        A pgbench script.
    rows : int
        Predictions of one run of the script.
    """

    name: str
    script: str
    rows: int


def workloads() -> list[Workload]:
    """Return what is measured: a statement with one row, and one with a thousand."""
    columns = [f"c{number}" for number in range(1, 11)]
    random = "".join(f"\\set {column} random(0, 1000)\n" for column in columns)
    values = ", ".join(f":{column} / 1000.0" for column in columns)
    found = []
    for model in ("linear", "forest"):
        found.append(Workload(f"{model}_row", random + _ROW.format(model=model, values=values), 1))
        found.append(Workload(f"{model}_rows", _MANY.format(model=model, columns=", ".join(columns)), 1000))
    return found


@dataclass(frozen=True)
class Outcome:
    """What the clients got from some servers.

    Attributes
    ----------
    a_second : float
        Predictions a second of all clients together.
    cpu_us : float
        CPU time of the servers by prediction, in microseconds, the clients' own left out.
    busiest : float
        Share of the CPU time that the busiest server had.
    """

    a_second: float
    cpu_us: float
    busiest: float


def run_clients(servers: list[str], work: Workload, seconds: int) -> Outcome:
    """Run the clients for some seconds against the primary, named first, and its standbys."""
    before = [_cpu_seconds(server) for server in servers]
    primary, *standbys = [psycopg.conninfo.conninfo_to_dict(server) for server in servers]
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        script.write(work.script)
        script.flush()
        running = []
        for client in range(CLIENTS):
            turn = client % max(1, len(standbys))
            hosts = [*standbys[turn:], *standbys[:turn], primary]
            dsn = psycopg.conninfo.make_conninfo(
                host=",".join(str(host["host"]) for host in hosts),
                port=",".join(str(host["port"]) for host in hosts),
                user="postgres",
                dbname="bench",
                target_session_attrs="prefer-standby",
            )
            command = [BINDIR / "pgbench", "-n", "-M", "prepared", "-T", seconds, "-f", script.name, dsn]
            running.append(
                subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            )
        rate = runs = 0.0
        for process in running:
            out, err = process.communicate()
            found = re.search(r"processed: (\d+).*^tps = ([0-9.]+)", out, re.MULTILINE | re.DOTALL)
            if process.returncode or found is None:
                raise RuntimeError(f"pgbench failed: {err}")
            runs += int(found[1])
            rate += float(found[2])
    used = [_cpu_seconds(server) - start for server, start in zip(servers, before, strict=True)]
    return Outcome(rate * work.rows, sum(used) / (runs * work.rows) * 1e6, max(used) / sum(used))


def _cpu_seconds(server: str) -> float:
    """Return the CPU time of all sessions of a server that have ended."""
    with psycopg.connect(server, autocommit=True) as session:
        row = session.execute("select split_part(pg_read_file('postmaster.pid'), chr(10), 1)").fetchone()
        assert row is not None
        while _sessions(int(row[0])) - {session.info.backend_pid}:
            time.sleep(0.02)
        fields = Path(f"/proc/{row[0]}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")


def _sessions(postmaster: int) -> set[int]:
    """Return the processes of a server's sessions, those that have ended and are not counted yet among them."""
    found = set()
    for child in map(int, Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()):
        with contextlib.suppress(OSError):
            title = Path(f"/proc/{child}/cmdline").read_bytes()
            if not title or b" bench " in title:
                found.add(child)
    return found


def measure(results: Results, effort: Effort) -> None:
    """Run servers of its own, one to a core, and compare them with and without standbys."""
    cores = sorted(os.sched_getaffinity(0))
    with ExitStack() as stack:
        with pin(cores[0]):
            primary = stack.enter_context(running_server())
        with psycopg.connect(primary, autocommit=True) as session:
            prepare(session, 20_000, 1_000, 1_000)
            listed = ", ".join(f"c{number}" for number in range(1, 11))
            query = f"select {listed}, target from points"
            session.execute("select ml.train('linear', 'regression', %s, 'target', algorithm => 'ridge')", [query])
            session.execute(
                "select ml.train('forest', 'regression', %s, 'target', algorithm => 'random_forest', "
                'hyperparameters => \'{"n_estimators": 100, "max_depth": 10}\')',
                [query],
            )
        standbys = []
        for number in range(max(COUNTS)):
            with pin(cores[(number + 1) % len(cores)]):
                standbys.append(stack.enter_context(running_standby(primary)))
        _wait_for(primary, standbys)
        for work in workloads():
            found: dict[int, list[Outcome]] = {count: [] for count in COUNTS}
            for _ in range(effort.load_rounds):
                for count in COUNTS:
                    found[count].append(run_clients([primary, *standbys[:count]], work, effort.load_seconds))
            for count, outcomes in found.items():
                rate, cost, share = (
                    statistics.median(getattr(outcome, name) for outcome in outcomes)
                    for name in ("a_second", "cpu_us", "busiest")
                )
                results.add(f"standby_{work.name}_{count}_per_second", rate)
                results.add(f"standby_{work.name}_{count}_cpu_us", cost)
                results.add(f"standby_{work.name}_{count}_busiest", share)


def _wait_for(primary: str, standbys: list[str]) -> None:
    with psycopg.connect(primary) as session:
        row = session.execute("select pg_current_wal_insert_lsn()").fetchone()
    for standby in standbys:
        with psycopg.connect(standby, autocommit=True) as session:
            while session.execute("select pg_last_wal_replay_lsn() >= %s::pg_lsn", row).fetchone() != (True,):
                session.execute("select pg_sleep(0.05)")
