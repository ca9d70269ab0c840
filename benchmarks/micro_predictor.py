"""Microseconds per call of the predictor alone, without PostgreSQL.

Run with the server package importable: ``python benchmarks/micro_predictor.py``.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import json
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression

from motadata_ml_server.features.plan import FeaturePlan
from motadata_ml_server.inference.compile import compile_estimator
from motadata_ml_server.inference.dense_row import DenseRow
from motadata_ml_server.inference.plan_columns import plan_columns
from motadata_ml_server.inference.predictor import Predictor

ROWS = 2000
NUMBER = {"kind": "number", "source": "number", "sql_type": "double precision", "width": 1, "impute": 0.5}


def numeric_plan(count: int, *, scaled: bool) -> dict[str, Any]:
    """Return a plan of plain numbers."""
    factors = {"shift": [0.5], "scale": [0.3]} if scaled else {}
    return {"version": 1, "columns": [{"name": f"f{at}", **NUMBER, **factors} for at in range(count)]}


def mixed_plan(*, scaled: bool) -> dict[str, Any]:
    """Return a plan of twelve columns: eight numbers, two categories, a boolean, a timestamp."""
    plan = numeric_plan(8, scaled=scaled)
    text = {"kind": "category", "source": "text", "sql_type": "text"}
    airports = [f"A{at:02d}" for at in range(100)]
    plan["columns"] += [
        {"name": "carrier", **text, "encode": "onehot", "categories": list("ABCDEFGHIJ"), "width": 10},
        {
            "name": "airport",
            **text,
            "encode": "target",
            "categories": airports,
            "values": [[at / 100] for at in range(100)],
            "default": [0.5],
            "width": 1,
        },
        {
            "name": "late",
            "kind": "boolean",
            "source": "boolean",
            "sql_type": "boolean",
            "width": 1,
            "impute": 0.0,
        },
        {
            "name": "at",
            "kind": "timestamp",
            "source": "timestamp",
            "sql_type": "timestamp with time zone",
            "parts": ["days", "month", "dow", "hour"],
            "width": 4,
            "impute": [0.0, 1.0, 1.0, 1.0],
        },
    ]
    return plan


def rows_of(plan: dict[str, Any], generator: np.random.Generator) -> list[dict[str, Any]]:
    """Return random rows as parsed JSON."""
    rows = []
    for _ in range(ROWS):
        row: dict[str, Any] = {}
        for column in plan["columns"]:
            kind = column["kind"]
            if kind == "number":
                row[column["name"]] = float(generator.random())
            elif kind == "boolean":
                row[column["name"]] = bool(generator.integers(2))
            elif kind == "category":
                row[column["name"]] = str(generator.choice(column["categories"]))
            else:
                day, hour = generator.integers(1, 28), generator.integers(24)
                row[column["name"]] = f"2013-{generator.integers(1, 12):02d}-{day:02d}T{hour:02d}:15:00-05:00"
        rows.append(json.loads(json.dumps(row)))
    return rows


def encode(plan: dict[str, Any], rows: list[dict[str, Any]]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Encode rows one by one."""
    encoder = DenseRow(plan_columns(plan))
    encoded = []
    for row in rows:
        encoder.fill(row)
        encoded.append(encoder.buffer[0].copy())
    return np.array(encoded)


def measure(call: Callable[[Any], Any], inputs: list[Any]) -> float:
    """Return the best mean of five passes, in microseconds."""
    best = float("inf")
    for _ in range(5):
        start = time.perf_counter()
        for item in inputs:
            call(item)
        best = min(best, (time.perf_counter() - start) / len(inputs))
    return best * 1e6


def main() -> None:
    """Print one line per measure."""
    generator = np.random.default_rng(0)
    forest = RandomForestClassifier(100, max_depth=10, random_state=0)
    for title, plan, estimator, task in (
        ("linear, 10 numbers", numeric_plan(10, scaled=True), LinearRegression(), "regression"),
        ("logistic, 10 numbers", numeric_plan(10, scaled=True), LogisticRegression(), "classification"),
        ("logistic, 12 mixed", mixed_plan(scaled=True), LogisticRegression(), "classification"),
        ("forest 100x10, 10 numbers", numeric_plan(10, scaled=False), forest, "classification"),
        ("forest 100x10, 12 mixed", mixed_plan(scaled=False), forest, "classification"),
    ):
        rows = rows_of(plan, generator)
        encoded = encode(plan, rows)
        score = encoded[:, 0] + encoded[:, 1] + generator.normal(0, 0.4, ROWS)
        target = score if task == "regression" else (score > np.median(score)).astype(int)
        compiled = compile_estimator(estimator.fit(encoded, target), task, encoded[:200])
        classes = ["0", "1"] if task == "classification" else None
        predictor = Predictor(
            FeaturePlan.from_json(plan), str(compiled.kind), compiled.payload, classes, "integer", task
        )
        lists = [list(row.values()) for row in rows]
        shapes: dict[str, list[Any]] = {"dict": rows}
        if FeaturePlan.from_json(plan).all_numeric:
            shapes["list"] = lists
        for shape, inputs in shapes.items():
            line = f"{title:26s} {compiled.kind:7s} {shape}: value {measure(predictor.value, inputs):6.2f}"
            line += f"  one {measure(predictor.one, inputs):6.2f} us"
            print(line)
        encoder = DenseRow(plan_columns(plan))
        print(f"{'':26s} encoding alone, dict: {measure(encoder.fill, rows):6.2f} us")
        single = encoded[:1].copy()
        start = time.perf_counter()
        for _ in range(50):
            estimator.predict(single)
        print(f"{'':26s} scikit-learn predict: {(time.perf_counter() - start) / 50 * 1e6:6.0f} us")


if __name__ == "__main__":
    main()
