"""Run the suites that need a server on every major version of PostgreSQL, and print a table.

Usage: python -m tests.matrix [MAJOR ...] [-- ARGUMENTS OF PYTEST]

Ends with status 1 where a test failed, where a version that was asked for by its number could not run, and where
none ran at all.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from motadata_ml.install import SetupError
from tests.matrix.servers import MAJORS, downloads, find

ROOT = Path(__file__).parents[2]
SUITES = ["tests/integration", "tests/migration", "tests/acceptance"]


@dataclass
class Row:
    """What came of one major version."""

    major: int
    version: str = "-"
    origin: str = "-"
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0
    reason: str = ""

    @property
    def ran(self) -> bool:
        """Whether any test of it ran."""
        return self.passed + self.failed > 0


def count(report: Path) -> tuple[int, int, int]:
    """Read how many tests passed, failed and were skipped from a report of pytest's."""
    passed = failed = skipped = 0
    for case in ElementTree.parse(report).iter("testcase"):  # noqa: S314 - written by our own pytest
        kinds = {child.tag for child in case}
        if kinds & {"failure", "error"}:
            failed += 1
        elif "skipped" in kinds:
            skipped += 1
        else:
            passed += 1
    return passed, failed, skipped


def run(major: int, arguments: list[str]) -> Row:
    """Run the suites on one major version; what they print goes to a file beside the report."""
    row = Row(major)
    try:
        source = find(major)
    except SetupError as error:
        row.reason = f"{error} {error.remedy}"
        return row
    row.version, row.origin = source.server.version, source.origin
    reports = downloads() / "matrix"
    reports.mkdir(exist_ok=True)
    reports.chmod(0o777)  # the tests may run as another user
    report, log = reports / f"{major}.xml", reports / f"{major}.log"
    report.unlink(missing_ok=True)
    environment = {**os.environ, "PG_MAJOR": str(major), "PG_BINDIR": str(source.server.bindir)}
    command: list[str | Path] = [
        ROOT / ".ci" / "python",
        "-m",
        "pytest",
        *(arguments or SUITES),
        "-m",
        "not slow",
        "-q",
    ]
    started = time.monotonic()
    with log.open("w") as output:
        status = subprocess.run(
            [*command, f"--junit-xml={report}"], env=environment, stdout=output, stderr=output, check=False
        ).returncode
    row.seconds = time.monotonic() - started
    if report.exists():
        row.passed, row.failed, row.skipped = count(report)
    if not row.ran:
        row.reason = f"pytest ended with status {status} and ran no test: {log}"
    elif status:
        row.failed = max(row.failed, 1)
        row.reason = str(log)
    return row


def table(rows: list[Row]) -> str:
    """Lay out the rows."""
    lines = ["| PostgreSQL | source | passed | failed | skipped | seconds | |", "|---|---|---|---|---|---|---|"]
    for row in rows:
        name = row.version if row.version != "-" else str(row.major)
        what = f"{row.passed} | {row.failed} | {row.skipped} | {row.seconds:.0f}" if row.ran else "- | - | - | -"
        note = row.reason if row.ran or not row.reason else f"could not run: {row.reason}"
        lines.append(f"| {name} | {row.origin} | {what} | {note} |")
    return "\n".join(lines)


def verdict(rows: list[Row], asked: list[int]) -> int:
    """Return the status to end with."""
    silent = [row for row in rows if not row.ran and row.major in asked]
    return int(bool(silent) or any(row.failed for row in rows) or not any(row.ran for row in rows))


def main() -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m tests.matrix", description=__doc__.splitlines()[0])
    parser.add_argument("majors", nargs="*", type=int, metavar="MAJOR", help=f"of {MAJORS}; all if none is named")
    own = sys.argv[1:]
    extra = own[own.index("--") + 1 :] if "--" in own else []
    options = parser.parse_args(own[: own.index("--")] if "--" in own else own)
    rows = []
    for major in options.majors or MAJORS:
        rows.append(run(major, extra))
        print(table(rows[-1:]).splitlines()[-1], file=sys.stderr, flush=True)
    print(table(rows))
    return verdict(rows, options.majors)


if __name__ == "__main__":
    sys.exit(main())
