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
    machine,
    madlib,
    models,
    reading,
    report,
    rows,
    scale,
    serving,
    standbys,
    training,
)
from benchmarks.measure import Results
from benchmarks.server import prepare, running_server


def parts(dsn: str, results: Results, quick: bool) -> dict[str, Callable[[], None]]:
    """Return all measurements by name, in the order they are run."""
    rounds = 2 if quick else 5
    sizes = [10**3, 10**4, 10**5] if quick else [10**3, 10**4, 10**5, 10**6, 10**7]
    return {
        "reading": lambda: reading.measure(dsn, results, rounds),
        "rows": lambda: rows.measure(dsn, results, rounds, quick),
        "batch": lambda: batch.measure(dsn, results, min(rounds, 3), sizes),
        "serving": lambda: serving.measure(dsn, results, 2, quick),
        "scale": lambda: scale.measure(dsn, results, quick),
        "training": lambda: training.measure(dsn, results, min(rounds, 3)),
        **({} if quick else {"standbys": lambda: standbys.measure(results, 2, 3)}),
        "madlib": lambda: madlib.measure(dsn, results, min(rounds, 3)),
    }


def main() -> None:
    """Measure everything and write the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rows and rounds, under four minutes")
    parser.add_argument(
        "--only", metavar="NAME", action="append", help="a part to run alone; the others keep their figures"
    )
    arguments = parser.parse_args()
    points, sample = (200_000, 20_000) if arguments.quick else (1_000_000, 100_000)
    results = Results(report.figures() if arguments.only else {})
    started = time.monotonic()
    with running_server() as dsn:
        all_parts = parts(dsn, results, arguments.quick)
        chosen = arguments.only or list(all_parts)
        unknown = sorted(set(chosen) - set(all_parts))
        if unknown:
            parser.error(f"no part {unknown[0]!r}; there are {', '.join(all_parts)}")
        with psycopg.connect(dsn, autocommit=True) as session:
            print(f"preparing {points:,} points and 336,776 flights", flush=True)
            prepare(session, points, sample)
            models.train(session)
        for name in chosen:
            print(f"[{time.monotonic() - started:5.0f} s] {name}", flush=True)
            all_parts[name]()
    seconds = time.monotonic() - started
    print(f"[{seconds:5.0f} s] done", flush=True)
    report.write_results(results.figures, machine.describe(arguments.quick, points, sample, seconds))
    if too_fast := exponents.too_fast(results.figures):
        sys.exit("\n".join(["costs grow faster than they should:", *too_fast]))


if __name__ == "__main__":
    main()
