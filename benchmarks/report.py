"""What the benchmarks leave: ``benchmarks/results.json`` and ``docs/benchmarks.md``."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.measure import Results

ROOT = Path(__file__).parents[1]
LIBRARIES = ("scikit-learn", "numpy", "onnxruntime", "adbc-driver-postgresql", "fastapi")


def write(results: Results, quick: bool, points: int, seconds: float) -> None:
    """Write both files."""
    about: dict[str, str | float] = {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "mode": "quick" if quick else "full",
        "machine": f"{os.cpu_count()} cores, {platform.machine()}",
        "rows": points,
        "seconds": round(seconds),
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in LIBRARIES},
    }
    found = {**about, **results.figures}
    (ROOT / "benchmarks" / "results.json").write_text(json.dumps(found, indent=1) + "\n")
    (ROOT / "docs" / "benchmarks.md").write_text(render(results, about))


def render(results: Results, about: dict[str, str | float]) -> str:
    """Return the page."""
    lines = [
        "# Benchmarks",
        "",
        "Written by `make bench`. Both sides of a pair run in turn on the same machine in the same run; the best of",
        "several rounds counts, and a pair whose answers differ fails the run. Seconds and microseconds are of this",
        "machine; ratios are what to compare.",
        "",
        ", ".join(f"{name} {value}" for name, value in about.items()) + ".",
        "",
        "| figure | value | target | what it is |",
        "| --- | --- | --- | --- |",
    ]
    for name, value in results.figures.items():
        lines.append(f"| `{name}` | {value:.4g} | {results.verdict(name)} | {results.notes[name]} |")
    return "\n".join(lines) + "\n"
