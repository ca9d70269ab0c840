"""Trees over a chunk of a table: rows in the order that the product gives them against rows as they come."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray

from benchmarks.effort import Effort
from benchmarks.measure import Results, interleave, require
from benchmarks.models import LISTED

CHUNK = 10_000
"""Rows of a chunk of ``ml.predict_batch``."""

WIDE = 60
"""Features of which none matters more than another."""

Array = NDArray[np.float64]


def measure(dsn: str, results: Results, effort: Effort) -> None:
    """Compare a forest, a boosting, and a forest of many features alike, on one thread."""
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier

    with psycopg.connect(dsn) as session:
        rows = _numbers(session, f"select {LISTED}, label::int from sample")
        fresh = _numbers(session, f"select {LISTED} from points offset 1000 limit {CHUNK}")
    random = np.random.default_rng(1)
    many = random.standard_normal((len(rows), WIDE))
    forest = RandomForestClassifier(100, max_depth=10, random_state=42, n_jobs=-1)
    boosting = HistGradientBoostingClassifier(random_state=42)
    _compare("forest", forest.fit(rows[:, :-1], rows[:, -1]), fresh, results, effort)
    _compare("boosting", boosting.fit(rows[:, :-1], rows[:, -1]), fresh, results, effort)
    forest.fit(many[:CHUNK], many[:CHUNK].sum(axis=1) > 0)
    _compare("wide_forest", forest, random.standard_normal((CHUNK, WIDE)), results, effort)


def _numbers(session: psycopg.Connection[Any], query: str) -> Array:
    return np.array(session.execute(query.encode()).fetchall(), np.float64)


def _compare(name: str, estimator: Any, rows: Array, results: Results, effort: Effort) -> None:
    from motadata_ml_server.prediction.runtimes import onnx_library
    from motadata_ml_server.prediction.runtimes.onnx import METADATA_KEY
    from motadata_ml_server.prediction.runtimes.row_order import alike_together
    from motadata_ml_server.worker.compile.onnx_trees import emit_trees

    ort = onnx_library.load()
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(emit_trees(estimator, rows.shape[1]), options)
    features = json.loads(session.get_modelmeta().custom_metadata_map[METADATA_KEY])["row_order"]

    def as_they_come() -> Array:
        return np.asarray(session.run(None, {"features": rows})[0])

    def in_order() -> Array:
        order = alike_together(rows, features)
        answers = np.empty((len(rows), 1))
        answers[order] = session.run(None, {"features": rows[order]})[0]
        return answers

    timings, answers = interleave({"ours": in_order, "plain": as_they_come}, 2 * effort.rounds)
    require(np.array_equal(answers["ours"], answers["plain"]), f"trees of {name}, rows in another order")
    results.ratio(f"order_{name}_ratio", timings, "ours", "plain")
