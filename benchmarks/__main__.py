"""Run the benchmarks: ``python -m benchmarks [--quick] [--only NAME ...]``."""

from __future__ import annotations

import argparse
import importlib
import time

from benchmarks import cluster, data, report
from benchmarks.measure import Results

PARTS = ("ingest", "rows", "batch", "cold", "training", "tosql", "serve", "tenants")


def main() -> None:
    """Measure, check, and write what was found."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rows, fewer rounds; results-quick.json")
    parser.add_argument("--only", nargs="+", choices=PARTS, help="run these parts, and write nothing")
    arguments = parser.parse_args()
    results = Results(arguments.quick)
    started = time.monotonic()
    with cluster.running() as dsn:
        sizes = data.QUICK if arguments.quick else data.FULL
        data.prepare(dsn, sizes)
        for part in arguments.only or PARTS:
            print(f"[{time.monotonic() - started:6.1f} s] {part}", flush=True)
            importlib.import_module(f"benchmarks.{part}").run(dsn, results)
        machine = report.machine(dsn)
    results.put("seconds", time.monotonic() - started)
    report.show(results)
    if not arguments.only:
        report.write(results, machine, sizes)


if __name__ == "__main__":
    main()
