"""Print the plan of a package: ``python -m tools.plan [FOLDER] [--against FOLDER | --revision REVISION]``."""

from __future__ import annotations

import argparse
import io
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

from tools.plan.report import comparison, report
from tools.plan.rooms import Plan, plan_of

SERVER = Path(__file__).parents[2] / "plpython" / "motadata_ml_server"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a plan, or how it differs from an earlier one; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.plan", description="Print the plan of a Python package.")
    parser.add_argument("folder", nargs="?", type=Path, default=SERVER, help="the package; the server's by default")
    earlier = parser.add_mutually_exclusive_group()
    earlier.add_argument("--against", type=Path, metavar="FOLDER", help="the package as it was, in another folder")
    earlier.add_argument("--revision", help="the package as it was in a revision of git, at the same place")
    parser.add_argument("--counts", action="store_true", help="leave the lists out")
    asked = parser.parse_args(arguments)
    folder = asked.folder.resolve()
    try:
        after = plan_of(folder)
        before = _earlier(folder, asked.against, asked.revision)
    except (FileNotFoundError, SyntaxError) as error:
        print(f"tools.plan: {error}", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        print(f"tools.plan: {error.stderr.decode().strip()}", file=sys.stderr)
        return 1
    text = comparison(before, after) if before is not None else report(after)
    print(text.partition("\n\n")[0] if asked.counts else text.rstrip("\n"))
    return 0


def _earlier(folder: Path, against: Path | None, revision: str | None) -> Plan | None:
    if against is not None:
        return plan_of(against.resolve())
    return None if revision is None else plan_at(folder, revision)


def plan_at(folder: Path, revision: str) -> Plan:
    """Return the plan that a package had in a revision of the repository it lies in.

    Raises
    ------
    subprocess.CalledProcessError
        There is no such repository, revision or folder in it.
    """
    # named as from the folder itself, so that it matters not where the repository begins
    git = ["git", "-C", str(folder), "archive", "--format=zip", revision, "."]
    packed = subprocess.run(git, check=True, capture_output=True).stdout
    with tempfile.TemporaryDirectory() as place, zipfile.ZipFile(io.BytesIO(packed)) as archive:
        there = Path(place) / folder.name
        archive.extractall(there)
        return plan_of(there)


if __name__ == "__main__":
    sys.exit(main())
