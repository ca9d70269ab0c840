"""Where the time goes on each path: ``python -m benchmarks.profiles`` prints it and writes benchmarks/profile.json.

Each step is timed by taking the product's own steps one after another, or as the difference between two statements of
which one does a step more.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psycopg

from benchmarks import machine, models, profile_sql, reading
from benchmarks.models import ARRAY, LISTED
from benchmarks.profile_page import ROOT, text
from benchmarks.server import prepare, running_server

POINTS = 200_000
SAMPLE = 20_000
FLIGHTS = 100_000
ROW_COUNT = 20_000
INSIDE_COUNT = 5_000
ROUNDS = 5

Session = psycopg.Connection[Any]


def seconds(action: Callable[[], Any], rounds: int = ROUNDS) -> float:
    """Return the least of some rounds."""
    found = []
    for _ in range(rounds):
        started = time.perf_counter()
        action()
        found.append(time.perf_counter() - started)
    return min(found)


def _value(session: Session, query: str, values: list[Any] | None = None) -> Any:
    row = session.execute(query.encode(), values).fetchone()
    assert row is not None
    return row[0]


def read(session: Session) -> dict[str, float]:
    """Milliseconds to read all points, 11 numbers each, and what each of the steps adds."""
    listed = ", ".join(f"c{n}" for n in range(1, 12))
    found = {
        "scan": seconds(lambda: session.execute(profile_sql.SCAN)),
        "fetched": seconds(lambda: session.execute("select profile_fetch(11, false)")),
        "packed": seconds(lambda: session.execute("select profile_fetch(11, true)")),
        "one": seconds(lambda: session.execute("select bench_read('select c1 from numbers', false)")),
        "all": seconds(lambda: session.execute(f"select bench_read('select {listed} from numbers', false)")),
        "float8send": seconds(
            lambda: session.execute(
                "select "
                + ", ".join(f"length(string_agg(float8send(c{n}), ''))" for n in range(1, 12))
                + " from numbers"
            )
        ),
    }
    source = np.ones(POINTS * 11)
    found["memory"] = seconds(source.copy)
    return {
        "floor: copy of as many bytes in memory": found["memory"] * 1e3,
        "floor: scan that sums every column": found["scan"] * 1e3,
        "fetch rows through a cursor": found["fetched"] * 1e3,
        "pack columns into arrays": (found["packed"] - found["fetched"]) * 1e3,
        "take the bytes, share and decode them": (found["all"] - found["packed"]) * 1e3,
        "whole": found["all"] * 1e3,
        "each further column": (found["all"] - found["one"]) / 10 * 1e3,
        "instead: string_agg(float8send(column))": found["float8send"] * 1e3,
    }


def train(session: Session) -> dict[str, float]:
    """Milliseconds of each phase of a training of a logistic regression on all points."""
    source = f"select {LISTED}, label from points"
    best: dict[str, float] = {}
    for _ in range(ROUNDS):
        said = json.loads(_value(session, "select profile_train(%s, 'logistic_regression')", [source]))
        phases = _phases(said["times"], said["fit"])
        if not best or phases["whole"] < best["whole"]:
            best = phases
    floor = seconds(lambda: session.execute(profile_sql.SCAN_FEATURES))
    return {"floor: scan that sums every column": floor * 1e3, **best}


def _phases(times: list[tuple[str, float]], fit_seconds: float) -> dict[str, float]:
    first = dict(reversed(times))
    last = dict(times)
    phases = {
        "check arguments, describe the query": first["prepared"] - first["start"],
        "start the worker process": first["started"] - first["prepared"],
        "read rows (the worker imports meanwhile)": last["read"] - first["started"],
        "wait for the worker's imports": first["encode"] - last["read"],
        "divide and encode": first["fit"] - first["encode"],
        "floor: fit": fit_seconds,
        "around the fit": first["score"] - first["fit"] - fit_seconds,
        "score": first["compile"] - first["score"],
        "compile, compare, serialise": first["result"] - first["compile"],
        "store": first["stored"] - first["result"],
        "end the worker": first["ended"] - first["stored"],
        "whole": first["ended"] - first["start"],
    }
    return {name: value * 1e3 for name, value in phases.items()}


def row(session: Session, model: str) -> dict[str, float]:
    """Microseconds of one row's prediction from ten numbers, and what each of the steps adds."""

    def each(expression: str) -> float:
        query = f"select sum({expression}) from (select * from points limit {ROW_COUNT}) as p"
        session.execute(query.encode())
        return seconds(lambda: session.execute(query.encode())) / ROW_COUNT * 1e6

    bare = each("c1 + coalesce(array_length(" + ARRAY + ", 1), 0)")
    empty = each(f"profile_empty('{model}', {ARRAY})") - bare
    visible = each(f"profile_visible('{model}', {ARRAY})") - bare
    whole = each(f"ml.predict_value('{model}', {ARRAY})") - bare
    inside = _inside(session, model, f"select {ARRAY} as input from points")
    encode = inside.get("encode")
    steps = {
        "floor: scan and array, without a call": bare,
        "call PL/Python and convert the arguments": empty,
        "who may see which version, find it in the cache": visible - empty,
    }
    if encode is None:
        steps["floor: multiply and add"] = inside["scores"]
    else:
        steps["encode the row"] = encode
        steps["floor: ONNX Runtime"] = inside["runtime"]
        steps["scores of the leaves"] = inside["scores"] - encode - inside["runtime"]
    steps["answer from scores"] = inside["predictor"] - inside["scores"]
    steps["entry point, errors, the rest"] = whole - visible - inside["predictor"]
    steps["whole, without the scan"] = whole
    return steps


def _inside(session: Session, model: str, source: str) -> dict[str, float]:
    """Return the microseconds of what a prediction does in Python.

    The rows differ: of one row again and again a processor guesses every branch.
    """
    found: dict[str, float] = json.loads(
        _value(session, "select profile_row(%s, %s)", [model, f"{source} limit {INSIDE_COUNT}"])
    )
    return found


def jsonb_row(session: Session) -> dict[str, float]:
    """Microseconds of one row's prediction from jsonb to jsonb, on flights."""

    def each(expression: str) -> float:
        query = f"select max({expression}) from (select * from flights limit {ROW_COUNT}) as f"
        session.execute(query.encode())
        return seconds(lambda: session.execute(query.encode())) / ROW_COUNT * 1e6

    bare = each("f.id")
    json_made = each("octet_length(to_jsonb(f)::text)") - bare
    empty = each("octet_length(profile_empty('mixed', to_jsonb(f))::text)") - bare
    whole = each("octet_length(ml.predict('mixed', to_jsonb(f))::text)") - bare
    inside = _inside(session, "mixed", "select to_jsonb(f)::text as input from flights f")
    return {
        "floor: to_jsonb and its text, without a call": json_made,
        "call PL/Python, pass the text": empty - json_made,
        "parse the JSON": inside["parse"],
        "encode the row": inside.get("encode", 0.0),
        "floor: runtime": inside.get("runtime", inside["scores"]),
        "answer from scores": inside["predictor"] - inside.get("encode", 0.0) - inside.get("runtime", inside["scores"]),
        "visibility, write the JSON, the rest": whole - empty - inside["parse"] - inside["predictor"],
        "whole, without the scan": whole,
    }


def batch(session: Session, model: str) -> dict[str, float]:
    """Milliseconds of ``ml.predict_batch`` over all points, and what each of the steps takes."""
    source = f"select {LISTED} from points"
    best: dict[str, float] = {}
    for _ in range(ROUNDS):
        steps = json.loads(_value(session, "select profile_batch(%s, %s)", [model, source]))
        best = {name: min(value, best.get(name, value)) for name, value in steps.items()}
    whole = seconds(
        lambda: session.execute(
            f"select max(confidence), max(prediction) from ml.predict_batch('{model}', '{source}')".encode()
        )
    )
    floor = seconds(lambda: session.execute(profile_sql.SCAN_FEATURES))
    return {
        "floor: scan that sums every column": floor * 1e3,
        "read": best["read"] * 1e3,
        "decode": best["decode"] * 1e3,
        "floor: encode and predict": best["predict"] * 1e3,
        "describe the source, pack the answers": best["pack"] * 1e3,
        "return rows from the packed answers": (whole - sum(best.values())) * 1e3,
        "whole": whole * 1e3,
    }


def cold(dsn: str) -> dict[str, float]:
    """Milliseconds of each step of a new session's first prediction, by a forest."""
    found: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        started = time.perf_counter()
        with psycopg.connect(dsn, autocommit=True) as session:
            found.setdefault("connect", []).append(time.perf_counter() - started)
            for name, statement in profile_sql.COLD.items():
                started = time.perf_counter()
                session.execute(statement.encode())
                found.setdefault(name, []).append(time.perf_counter() - started)
    best = {name: min(values) * 1e3 for name, values in found.items()}
    plain = seconds(lambda: subprocess.run([sys.executable, "-I", "-c", "pass"], check=True)) * 1e3
    quiet = {**os.environ, "ORT_DISABLE_TELEMETRY": "1"}  # as in a session
    imports = (
        seconds(lambda: subprocess.run([sys.executable, "-I", "-c", "import onnxruntime"], check=True, env=quiet)) * 1e3
    )
    return {
        "connect": best["connect"],
        "start Python in the session": best["interpreter"],
        "import the server package and NumPy": best["imports"],
        "look the model up": best["look_up"],
        "import ONNX Runtime": best["runtime"],
        "read, check and open the model": best["load"],
        "predict": best["predict"],
        "whole": sum(best.values()),
        "floor: python -c pass": plain,
        "floor: python -c 'import onnxruntime'": imports,
    }


def measure(dsn: str) -> dict[str, dict[str, float]]:
    """Profile every path."""
    with psycopg.connect(dsn, autocommit=True) as session:
        prepare(session, POINTS, SAMPLE, FLIGHTS)
        models.train(session)
        session.execute(reading.READ)
        for function in profile_sql.ALL:
            session.execute(function.encode())
        return {
            "read": read(session),
            "train": train(session),
            "row_linear": row(session, "linear"),
            "row_forest": row(session, "forest"),
            "row_mixed": jsonb_row(session),
            "batch_logistic": batch(session, "logistic"),
            "batch_forest": batch(session, "forest"),
            "cold": cold(dsn),
        }


def main() -> None:
    """Profile, print, and write what docs/profiles.md is drawn from."""
    started = time.monotonic()
    with running_server() as dsn:
        found = measure(dsn)
    about = machine.describe("full", time.monotonic() - started, points=POINTS, sample=SAMPLE, flights=FLIGHTS)
    rounded = {path: {step: float(f"{value:.4g}") for step, value in steps.items()} for path, steps in found.items()}
    Path(ROOT / "benchmarks" / "profile.json").write_text(json.dumps({"about": about, **rounded}, indent=1) + "\n")
    print(text({"about": about, **rounded}))


if __name__ == "__main__":
    main()
