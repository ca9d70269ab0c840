"""What the benchmarks leave: ``benchmarks/results.json``, and from it alone the documents.

``python -m benchmarks.report`` writes docs/benchmarks.md, its plots, and the README's figures anew.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.catalogue import CURVES, FIGURES, OPTIONAL, SECTIONS, Curve, note_of, verdict
from benchmarks.exponents import LIMITS
from benchmarks.svg import Points, line_chart

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results.json"
PAGE = "docs/benchmarks.md"
PLOTS = "docs/benchmarks"

COUNTS = ("points", "sample", "flights", "seconds")
"""Numbers that describe the run and are no figures."""

_PREAMBLE = """\
# Benchmarks

Written by `make bench` from `benchmarks/results.json`; `make report` writes it anew. Both sides of a pair do the same
work on the same machine in the same run, in turn. The best of several rounds counts, the median stands beside it. A
pair whose answers differ, or a cost that grows faster than it should, fails the run: predictions are compared row by
row to 1e-5, trainings by their log loss and accuracy on the same held out rows to 1e-4, tables read by the sum of each
column.

The other side is what a competent user would write: ADBC into Arrow, scikit-learn with a thread for each core,
FastAPI under uvicorn with uvloop, httptools, asyncpg and as many workers as serve best, a model loaded at start.
Requests come from pgbench and wrk, both one thread of C on the same cores; both sides fetch the row from the same
PostgreSQL and are warm before anything is counted. Ratios are what to compare between machines.

Apache MADlib is compared only where `BENCH_MADLIB_DSN` names a server that has it; its statements, in
`benchmarks/madlib_sql.py`, were written from its documentation and have not run here.
"""


def write_results(figures: Mapping[str, float], about: Mapping[str, Any]) -> None:
    """Write one flat object: what machine and versions, then name and value of each figure."""
    RESULTS.write_text(json.dumps({**about, **figures}, indent=1) + "\n")


def documents(found: Mapping[str, Any]) -> dict[str, str]:
    """Return the page and its plots, by their path in the project."""
    plots = {name: (curve, _series(curve, found)) for name, curve in CURVES.items()}
    files = {
        f"{PLOTS}/{name}.svg": line_chart(curve.title, curve.x_label, curve.y_label, series)
        for name, (curve, series) in plots.items()
        if series
    }
    files[PAGE] = _page(found, [name for name, (_, series) in plots.items() if series])
    return files


def _series(curve: Curve, found: Mapping[str, Any]) -> dict[str, Points]:
    series: dict[str, Points] = {}
    for label, pattern in curve.series.items():
        matcher = re.compile(re.escape(pattern).replace(re.escape("#"), r"(\d+)"))
        points = [(float(match[1]), float(found[name])) for name in found if (match := matcher.fullmatch(name))]
        if len(points) > 1:
            series[label] = sorted(points)
    return series


def _page(found: Mapping[str, Any], plots: list[str]) -> str:
    about = {name: value for name, value in found.items() if isinstance(value, str) or name in COUNTS}
    lines = [_PREAMBLE, "## This run", "", "| | |", "| --- | --- |"]
    lines += [f"| {name} | {value} |" for name, value in about.items()]
    for title, figures in (SECTIONS | OPTIONAL).items():
        rows = [_row(name, found) for name in figures if name in found]
        if rows:
            lines += ["", f"## {title}", "", "| figure | best | median | target | what it is |"]
            lines += ["| --- | --- | --- | --- | --- |", *rows]
    lines += ["", *_growth(found), "", "## Curves", ""]
    lines += [f"![{CURVES[name].title}]({Path(PLOTS).name}/{name}.svg)\n" for name in plots]
    lines += [*_others(found)]
    return "\n".join(lines).rstrip("\n") + "\n"


def _row(name: str, found: Mapping[str, Any]) -> str:
    median = found.get(f"{name}_median")
    shown = "" if median is None else _digits(median)
    return f"| `{name}` | {_digits(found[name])} | {shown} | {verdict(name, found[name])} | {note_of(name)} |"


def _digits(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"


def _growth(found: Mapping[str, Any]) -> list[str]:
    lines = [
        "## How cost grows",
        "",
        "Cost as a power of the size, fitted to the logarithms: 0 is flat, 1 grows as the size does. The error is the",
        "standard error of the slope; the last slope is that between the two largest sizes alone, where fixed costs",
        "weigh the least.",
        "",
        "| cost | sizes | exponent | error | last slope | at most | because |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for what, limit in LIMITS.items():
        name = f"scale_{what}"
        if f"{name}_exponent" in found:
            sizes = sorted(int(match[1]) for key in found if (match := re.fullmatch(rf"{name}_(\d+)", key)))
            figures = [f"{found[f'{name}_exponent{part}']:.2f}" for part in ("", "_error", "_last")]
            lines.append(
                f"| `{name}_exponent` | {sizes[0]:,} to {sizes[-1]:,} | {' | '.join(figures)} "
                f"| {limit.exponent} | {limit.reason} |"
            )
    return lines


def _others(found: Mapping[str, Any]) -> list[str]:
    """List figures that no section names and no plot shows."""
    shown = re.compile(r"(serve|batch)_.*_\d+_\w+|scale_.*|.*_median")
    rest = [
        name
        for name, value in found.items()
        if not isinstance(value, str)
        and name not in FIGURES
        and not any(name in figures for figures in OPTIONAL.values())
        and not shown.fullmatch(name)
        and name not in COUNTS
    ]
    if not rest:
        return []
    return ["## Further figures", "", "| figure | value |", "| --- | --- |"] + [
        f"| `{name}` | {_digits(found[name])} |" for name in rest
    ]


LOWER, HIGHER = "lower", "higher"

README_ROWS = (
    (
        "one row in a SELECT, linear model",
        "{row_linear_us} µs",
        "{row_naive_plpython_us} µs: pickle in PL/Python",
        LOWER,
    ),
    ("one row in a SELECT, forest of 100 trees", "{row_forest_us} µs", "", LOWER),
    (
        "point queries of 8 clients, logistic",
        "{serve_logistic_per_second} a second",
        "{serve_logistic_fastapi_onnx_8_per_second}: FastAPI, ONNX Runtime; "
        "{serve_logistic_fastapi_sklearn_8_per_second}: FastAPI, scikit-learn",
        HIGHER,
    ),
    (
        "point queries of 8 clients, forest",
        "{serve_forest_per_second} a second",
        "{serve_forest_fastapi_onnx_8_per_second}; {serve_forest_fastapi_sklearn_8_per_second}: the same two",
        HIGHER,
    ),
    (
        "requests over HTTP, both sides",
        "{http_per_second} a second",
        "{http_fastapi_onnx_per_second}: FastAPI, ONNX Runtime",
        HIGHER,
    ),
    ("first prediction of a new session, forest", "{cold_first_predict_ms} ms", "", LOWER),
    (
        "training a logistic regression",
        "{train_logreg_ratio_vs_client} of the other's time",
        "a client with ADBC and pandas",
        LOWER,
    ),
    ("training a forest", "{train_forest_ratio_vs_client} of the other's time", "the same", LOWER),
    (
        "predicting a table, logistic",
        "{batch_logreg_ratio_vs_client} of the other's time",
        "a client that copies back",
        LOWER,
    ),
    (
        "predicting a table, forest",
        "{batch_forest_ratio_vs_client} of the other's time",
        "the same, on all cores",
        LOWER,
    ),
    ("a cancelled training ends within", "{train_cancel_ms_p95} ms", "", LOWER),
)
"""What is measured, our figure, those of the other sides, and which are better."""

_README_HEAD = "| what | motadata_ml | the other side | better is |"
_BLOCK = re.compile(r"(<!-- benchmarks: written by make report -->\n).*?(<!-- end of benchmarks -->)", re.DOTALL)


def readme(text: str, found: Mapping[str, Any]) -> str:
    """Return a README with the figures between its markers drawn from the results."""
    digits = {name: _digits(value) for name, value in found.items() if not isinstance(value, str)}
    rows = [
        f"| {what} | {ours.format_map(digits)} | {theirs.format_map(digits)} | {better} |"
        for what, ours, theirs, better in README_ROWS
    ]
    where = f"One {found['mode']} run on {found['machine']}, {found['date']} ([all figures](docs/benchmarks.md)):"
    block = "\n".join([where, "", _README_HEAD, "| --- | --- | --- | --- |", *rows, ""])
    replaced, count = _BLOCK.subn(lambda match: match[1] + block + match[2], text)
    if count != 1:
        raise ValueError("README.md lacks the markers between which the figures go")
    return replaced


def load() -> dict[str, Any]:
    """Return the results as they lie in the project."""
    return dict(json.loads(RESULTS.read_text()))


def figures() -> dict[str, float]:
    """Return the figures of the results, without what describes their run."""
    return {name: value for name, value in load().items() if not isinstance(value, str) and name not in COUNTS}


def main() -> None:
    """Write everything that is drawn from the results."""
    found = load()
    (ROOT / PLOTS).mkdir(exist_ok=True)
    files = documents(found)
    for stale in set((ROOT / PLOTS).glob("*.svg")) - {ROOT / path for path in files}:
        stale.unlink()
    for path, text in files.items():
        (ROOT / path).write_text(text)
    page = ROOT / "README.md"
    page.write_text(readme(page.read_text(), found))


if __name__ == "__main__":
    main()
