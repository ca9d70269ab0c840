"""The runbook: every block of every chapter runs, in order, and comes to what it says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

import motadata_ml
from motadata_ml.install import Server
from tests.operations.clusters import BINDIR, Cluster

Session = psycopg.Connection[Any]

RUNBOOK = Path(__file__).parents[2] / "docs" / "operations.md"
CHAPTERS = (
    "Monitoring",
    "Quotas",
    "Scheduling",
    "Replicas",
    "Upgrades",
    "PostgreSQL versions",
    "Backup and restore",
    "Uninstall",
)
ELSEWHERE = "Containers"  # tests/container runs its blocks
SETTINGS = """
shared_preload_libraries = 'pg_cron'
cron.database_name = 'shop'
cron.use_background_workers = on
max_worker_processes = 20
log_destination = 'stderr'
"""
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def chapters() -> dict[str, list[tuple[str, str]]]:
    """Return the blocks by chapter, with their languages; those before the first chapter under ''."""
    parts = re.split(r"^## (.+)$", RUNBOOK.read_text(encoding="utf-8"), flags=re.MULTILINE)
    found = {"": BLOCK.findall(parts[0])}
    found |= {title: BLOCK.findall(text) for title, text in zip(parts[1::2], parts[2::2], strict=True)}
    return found


class Reader:
    """Somebody who does what the runbook says, on a server of their own."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self.cluster = cluster
        self.session = cluster.connect("shop")
        others = [Cluster(cluster.server, folder / name) for name in ("standby", "subscriber")]
        self._shell = {
            "PATH": f"{cluster.server.bindir}:{sys.prefix}/bin:{BINDIR}:{os.environ['PATH']}",
            "LC_ALL": "C.UTF-8",
            "PGOPTIONS": "",
            "PRIMARY": str(cluster.port),
            "LOG": str(cluster.log),
            "STANDBY": str(others[0].data),
            "STANDBY_PORT": str(others[0].port),
            "SUBSCRIBER": str(others[1].data),
            "SUBSCRIBER_PORT": str(others[1].port),
        }
        self._functions = ""

    def follow(self, blocks: list[tuple[str, str]]) -> list[Any]:
        """Run blocks; returns the rows of each SQL statement and the output of each shell block."""
        found: list[Any] = []
        for language, text in blocks:
            if language == "sql":
                found += self._sql(text)
            elif language == "sh":
                found.append(self._sh(text))
            else:
                assert language == "ini", f"a block of {language!r} is not run by anybody"
                assert text.strip() in SETTINGS
        return found

    def _sql(self, text: str) -> Iterator[Any]:
        for statement in re.split(r";\n", text):
            if statement.strip():
                cursor = self.session.execute(statement.encode())
                yield cursor.fetchall() if cursor.description else None

    def _sh(self, text: str) -> str:
        self._functions += "".join(re.findall(r"^\w+\(\) \{.*\}\n", text, re.MULTILINE))
        script = f"set -euo pipefail\n{self._functions}{text}"
        done = subprocess.run(
            ["bash", "-c", script], env=self._shell, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, f"{text}\n{done.stdout}{done.stderr}"
        return done.stdout


@pytest.fixture(scope="module")
def reader(installation: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    cluster = Cluster.create(installation, tmp_path_factory.mktemp("runbook") / "data", SETTINGS)
    with cluster.connect() as session:
        session.execute("create database shop")
    with cluster.connect("shop") as session:
        session.execute("create extension motadata_ml cascade")
    reader = Reader(cluster, tmp_path_factory.mktemp("others"))
    reader.follow(chapters()[""])
    yield reader
    reader.session.close()
    cluster.remove()


def test_every_chapter_has_its_test() -> None:
    assert sorted(chapters()) == sorted(["", *CHAPTERS, ELSEWHERE])
    assert all(bool(blocks) == (title != ELSEWHERE) for title, blocks in chapters().items())


def test_monitoring(reader: Reader) -> None:
    found = reader.follow(chapters()["Monitoring"])
    progress, value, stats, sizes, log, scores, drift, broken = found
    assert progress == []
    assert value[0][0] == pytest.approx(170, abs=15)
    assert stats[0][:6] == ("default", "price", "1.0.0", 1, 1, 0)
    assert sizes[0][:3] == ("default", 1, 1)
    *completed, failed = log.splitlines()
    assert [line.split()[0] for line in completed] == ['model="price"']
    assert failed == "0"
    assert scores[0][0]["r2"] > 0.9
    assert [row[3] for row in drift] == [False, False]
    assert broken == []


def test_quotas(reader: Reader) -> None:
    found = reader.follow(chapters()["Quotas"])
    assert found[1][0][:3] == ("default", 1, 100)
    assert found[3] == [(True,)]
    assert reader.session.execute("select * from ml.quota").fetchall() == []


def test_scheduling(reader: Reader) -> None:
    found = [rows for rows in reader.follow(chapters()["Scheduling"]) if rows is not None]
    assert [(row[0], row[5], row[6]) for rows in found for row in rows if row[0] == "rent" and len(row) == 7] == [
        ("rent", "analyst", None)
    ]
    assert [("skipped",)] in found
    assert found[-1] == [(True,)]
    assert reader.session.execute("select count(*) from cron.job").fetchone() == (0,)


def test_replicas(reader: Reader) -> None:
    found = reader.follow(chapters()["Replicas"])
    outputs = [text for text in found if isinstance(text, str)]
    assert outputs[1] == "t|t\n"
    lag = next(rows for rows in found if isinstance(rows, list))
    assert [row[1] for row in lag] == ["streaming"]
    assert re.fullmatch(r"\d+\.\d+\.0\n", outputs[2])
    assert outputs[3].endswith("t\n")
    assert reader.session.execute("select count(*) from pg_replication_slots").fetchone() == (0,)


def test_upgrades(reader: Reader) -> None:
    _, refreshed, version, broken = reader.follow(chapters()["Upgrades"])
    assert refreshed[0][0] >= 0
    assert version == [(motadata_ml.__version__,)]
    assert broken == []


def test_postgresql_versions(reader: Reader) -> None:
    marks, checked = reader.follow(chapters()["PostgreSQL versions"])
    safe = "s" if reader.session.info.server_version >= 170000 else "u"
    assert {mark for _, mark in marks} == {safe}
    assert checked == [(True,)]


def test_backup_and_restore(reader: Reader) -> None:
    whole, in_parts, refreshed = reader.follow(chapters()["Backup and restore"])
    assert (whole, in_parts) == ("t\n", "t\n")
    assert refreshed[0][0] >= 0


def test_uninstall(reader: Reader) -> None:
    (said,) = reader.follow(chapters()["Uninstall"])
    assert said.splitlines() == ["removed extension motadata_ml and schema ml of unwanted", "0"]
