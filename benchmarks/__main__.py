"""Run the benchmarks: ``python -m benchmarks [--quick] [--only NAME]``."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable

import psycopg

from benchmarks import (
    batch,
    exponents,
    http,
    inspection,
    machine,
    madlib,
    models,
    ordering,
    reading,
    report,
    rows,
    scale,
    serving,
    standbys,
    starting,
    training,
)
from benchmarks.effort import FULL, QUICK, Effort
from benchmarks.measure import Results
from benchmarks.server import prepare, running_server


def parts(dsn: str, results: Results, effort: Effort) -> dict[str, Callable[[], None]]:
    """Return all measurements by name, in the order they are run."""
    return {
        "reading": lambda: reading.measure(dsn, results, effort),
        "rows": lambda: rows.measure(dsn, results, effort),
        "batch": lambda: batch.measure(dsn, results, effort),
        "inspection": lambda: inspection.measure(dsn, results, effort),
        "ordering": lambda: ordering.measure(dsn, results, effort),
        "serving": lambda: serving.measure(dsn, results, effort),
        "http": lambda: http.measure(dsn, results, effort),
        "scale": lambda: scale.measure(dsn, results, effort),
        "training": lambda: training.measure(dsn, results, effort),
        "starting": lambda: starting.measure(dsn, results, effort),
        **({"standbys": lambda: standbys.measure(results, effort)} if effort.standbys else {}),
        "madlib": lambda: madlib.measure(dsn, results, effort),
    }


def main() -> None:
    """Measure everything and write the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rows and rounds, under four minutes")
    parser.add_argument(
        "--only", metavar="NAME", action="append", help="a part to run alone; the others keep their figures"
    )
    arguments = parser.parse_args()
    effort = QUICK if arguments.quick else FULL
    results = Results(report.figures() if arguments.only else {})
    started = time.monotonic()
    with running_server() as dsn:
        all_parts = parts(dsn, results, effort)
        chosen = arguments.only or list(all_parts)
        unknown = sorted(set(chosen) - set(all_parts))
        if unknown:
            parser.error(f"no part {unknown[0]!r}; there are {', '.join(all_parts)}")
        with psycopg.connect(dsn, autocommit=True) as session:
            print(f"preparing {effort.points:,} points and {effort.flights:,} flights", flush=True)
            prepare(session, effort.points, effort.sample, effort.flights)
            models.train(session)
        for name in chosen:
            print(f"[{time.monotonic() - started:5.0f} s] {name}", flush=True)
            all_parts[name]()
    seconds = time.monotonic() - started
    print(f"[{seconds:5.0f} s] done", flush=True)
    about = machine.describe(effort.mode, seconds, points=effort.points, sample=effort.sample, flights=effort.flights)
    report.write_results(results.figures, about)
    if too_fast := exponents.too_fast(results.figures):
        sys.exit("\n".join(["costs grow faster than they should:", *too_fast]))


if __name__ == "__main__":
    main()
