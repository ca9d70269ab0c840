"""The table of `make test-matrix`, and when it ends as failed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from motadata_ml.install import SetupError
from tests.matrix.__main__ import Row, count, table, verdict
from tests.matrix.servers import find

PASSED = Row(15, "15.1", "Debian", passed=3)
FAILED = Row(16, "16.1", "PyPI", passed=3, failed=1)
ABSENT = Row(17, reason="it is not there")

SUITE = """
import pytest

def test_passes(): pass
def test_fails(): assert False
@pytest.fixture
def broken(): raise RuntimeError
def test_breaks(broken): pass
@pytest.mark.skip(reason="not now")
def test_skipped(): pass
"""


def test_counts_are_those_of_pytest(tmp_path: Path) -> None:
    suite, report = tmp_path / "test_suite.py", tmp_path / "report.xml"
    suite.write_text(SUITE)
    subprocess.run([sys.executable, "-m", "pytest", suite, f"--junit-xml={report}"], check=False, capture_output=True)
    assert count(report) == (1, 2, 1)


@pytest.mark.parametrize(
    ("rows", "asked", "status"),
    [
        ([PASSED], [], 0),
        ([PASSED, ABSENT], [], 0),
        ([PASSED, ABSENT], [15, 17], 1),
        ([PASSED, FAILED], [], 1),
        ([ABSENT], [], 1),
        ([], [], 1),
    ],
)
def test_status_is_1_where_a_test_failed_or_nothing_ran(rows: list[Row], asked: list[int], status: int) -> None:
    assert verdict(rows, asked) == status


def test_table_says_what_could_not_run_and_why() -> None:
    lines = table([PASSED, ABSENT]).splitlines()
    assert lines[2].startswith("| 15.1 | Debian | 3 | 0 | 0 |")
    assert lines[3] == "| 17 | - | - | - | - | - | could not run: it is not there |"


def test_a_version_that_is_nowhere_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOTADATA_ML_POSTGRESQL", str(tmp_path))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(SetupError, match="PostgreSQL 99 is not installed") as caught:
        find(99)
    assert "postgresql-99" in caught.value.remedy
    assert list(tmp_path.iterdir()) == []
