"""Build into dist/ what a release hands out: `python -m tools.dist`; `--no-bundle` leaves out what needs a network."""

from __future__ import annotations

import sys
from pathlib import Path

from tools.dist import bundle, packages, pgxn

FOLDER = packages.ROOT / "dist"


def main(arguments: list[str]) -> None:
    """Build, and say what was written and how large it is."""
    written = packages.build(FOLDER)
    written.append(pgxn.build(FOLDER))
    if "--no-bundle" not in arguments:
        written.append(bundle.build([path for path in written if path.suffix == ".whl"], FOLDER))
    for path in written:
        sys.stdout.write(f"{_size(path):>8}  {path.relative_to(packages.ROOT)}\n")


def _size(path: Path) -> str:
    return f"{path.stat().st_size / 1e6:.1f} MB"


if __name__ == "__main__":
    main(sys.argv[1:])
