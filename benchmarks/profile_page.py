"""docs/profiles.md, from benchmarks/profile.json alone: ``python -m benchmarks.profile_page`` writes it anew."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "profiles.md"
SOURCE = ROOT / "benchmarks" / "profile.json"

PATHS: dict[str, tuple[str, str, str]] = {
    "read": ("Reading a table", "milliseconds", "{points:,} rows of 11 numbers into NumPy, in the server."),
    "train": ("Training", "milliseconds", "`ml.train` of a logistic regression on {points:,} rows of 10 numbers."),
    "row_linear": ("One row, linear regression", "microseconds", "`ml.predict_value` in a SELECT, an array of 10."),
    "row_forest": ("One row, forest", "microseconds", "The same, 100 trees of depth 10."),
    "row_mixed": (
        "One row, jsonb",
        "microseconds",
        "`ml.predict('mixed', to_jsonb(f))`, gradient boosting on flights.",
    ),
    "batch_logistic": ("A table, logistic regression", "milliseconds", "`ml.predict_batch` over {points:,} rows."),
    "batch_forest": ("A table, forest", "milliseconds", "The same, 100 trees of depth 10."),
    "cold": ("A new session's first prediction", "milliseconds", "A forest, from connecting to the answer."),
}

_PREAMBLE = """\
# Where the time goes

Written by `make profile` from `benchmarks/profile.json`. Each step is timed by taking the product's own steps one
after another inside the server, or as the difference between two statements of which one does a step more: small
differences of large numbers can come out below zero. Each figure is the best of five rounds, so steps need not add up
to the whole. A **floor** is what the path could not do without: the scan alone, the arithmetic alone, a copy in memory.
"""


def page(found: Mapping[str, Any]) -> str:
    """Return the page."""
    about = found["about"]
    lines = [
        _PREAMBLE,
        f"{about['machine']}, PostgreSQL {about['postgresql']}, Python {about['python']}, scikit-learn "
        f"{about['scikit-learn']}, ONNX Runtime {about['onnxruntime']}, {about['date']}.",
    ]
    for path, (title, unit, what) in PATHS.items():
        lines += [
            "",
            f"## {title}",
            "",
            what.format_map(about),
            "",
            f"| step | {unit} | share |",
            "| --- | --- | --- |",
        ]
        steps = found[path]
        whole = next(value for name, value in steps.items() if name.startswith("whole"))
        for name, value in steps.items():
            shown = f"**floor**:{name.removeprefix('floor:')}" if name.startswith("floor:") else name
            if name.startswith("whole"):
                shown = f"**{name}**"
            lines.append(f"| {shown} | {value:.3g} | {value / whole:.0%} |")
    return "\n".join(lines) + "\n"


def text(found: Mapping[str, Any]) -> str:
    """Return the same for a terminal."""
    lines = []
    for path, (title, unit, _) in PATHS.items():
        lines += ["", f"{title} ({unit})", *(f"  {name:50s} {value:10.3g}" for name, value in found[path].items())]
    return "\n".join(lines)


def load() -> dict[str, Any]:
    """Return the profile as it lies in the project."""
    return dict(json.loads(SOURCE.read_text()))


if __name__ == "__main__":
    PAGE.write_text(page(load()))
