"""Run the benchmarks: ``python -m benchmarks [--quick]``."""

from __future__ import annotations

import argparse
import time

import psycopg

from benchmarks import batch, models, reading, report, rows, serving, training
from benchmarks.measure import Results
from benchmarks.server import prepare, running_server


def main() -> None:
    """Measure everything and write the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rows and rounds, under four minutes")
    quick = parser.parse_args().quick
    points = 200_000 if quick else 1_000_000
    rounds = 2 if quick else 5
    results = Results()
    started = time.monotonic()
    with running_server() as dsn:
        with psycopg.connect(dsn, autocommit=True) as session:
            print(f"preparing {points:,} points and 336,776 flights", flush=True)
            prepare(session, points)
            models.train(session)
        print("reading", flush=True)
        reading.measure(dsn, results, rounds)
        print("one row", flush=True)
        rows.measure(dsn, results, rounds, quick)
        print("batch", flush=True)
        batch.measure(dsn, results, min(rounds, 3))
        print("serving", flush=True)
        serving.measure(dsn, results, 4 if quick else 15)
        print("training", flush=True)
        training.measure(dsn, results, min(rounds, 3))
    report.write(results, quick, points, time.monotonic() - started)


if __name__ == "__main__":
    main()
