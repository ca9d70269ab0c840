"""The compiled loops against ONNX Runtime and scikit-learn, on one thread: ``python -m benchmarks.native``.

A forest of 100 trees of depth 10 over 10 features, and the other loops. Answers are compared before anything is timed;
the sides of a pair take turns, and the best of several rounds counts.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.measure import interleave

Array = NDArray[np.float64]


def best(sides: dict[str, Callable[[], Any]], rounds: int, per: int) -> dict[str, float]:
    """Return the best microseconds of each side, for one of `per` things that a call does."""
    timings, _ = interleave(sides, rounds)
    return {name: timing.best / per * 1e6 for name, timing in timings.items()}


def repeated(call: Callable[[], Any], times: int) -> Callable[[], None]:
    """Return a function that calls another several times."""

    def run() -> None:
        for _ in range(times):
            call()

    return run


class Forest:
    """A fitted forest, its arrays, and rows to predict."""

    def __init__(self, rows: int) -> None:
        from sklearn.ensemble import RandomForestClassifier

        random = np.random.default_rng(0)
        x = random.random((20_000, 10))
        y = 3 * x[:, 0] - 2 * x[:, 1] + x[:, 2] * x[:, 3] + random.random(20_000) * 0.3 > 0.7
        self.estimator = RandomForestClassifier(100, max_depth=10, n_jobs=2, random_state=0).fit(x, y)
        self.estimator.n_jobs = 1
        self.rows = random.random((rows, 10))

    def arrays(self) -> dict[str, Any]:
        """Return the arguments of `Trees`."""
        from motadata_ml_server.worker.compile.sklearn_trees import read_ensemble

        ensemble = read_ensemble(self.estimator)
        assert ensemble is not None
        trees = ensemble.trees
        return {
            "features": 10,
            "outputs": 1,
            "starts": np.cumsum([0, *(len(tree.left) for tree in trees)]).astype(np.int64),
            "feature": np.concatenate([tree.feature for tree in trees]).astype(np.int32),
            "threshold": np.concatenate([tree.threshold for tree in trees]),
            "left": np.concatenate([tree.left for tree in trees]).astype(np.int32),
            "right": np.concatenate([tree.right for tree in trees]).astype(np.int32),
            "missing_left": np.concatenate([tree.missing_left for tree in trees]),
            "values": np.concatenate([tree.values for tree in trees]),
            "cover": np.concatenate([each.tree_.weighted_n_node_samples for each in self.estimator.estimators_]),
            "divide": ensemble.divide,
        }

    def session(self) -> Any:
        """Return ONNX Runtime's session of the same forest, on one thread."""
        from motadata_ml_server.prediction.runtimes import onnx_library
        from motadata_ml_server.worker.compile.onnx_trees import emit_trees

        ort = onnx_library.load()

        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        return ort.InferenceSession(emit_trees(self.estimator, 10), options, providers=["CPUExecutionProvider"])


def measure(loops: Any, rounds: int, rows: int) -> dict[str, dict[str, float]]:
    """Return the best microseconds of every pair."""
    from motadata_ml_server.loops.quadrature import gauss_legendre

    forest = Forest(rows)
    arrays = forest.arrays()
    began = time.perf_counter()
    trees = loops.Trees(**arrays)
    made = time.perf_counter() - began
    session = forest.session()
    out = np.empty((rows, 1))
    missing = forest.rows.copy()
    missing[:, 3] = np.nan

    trees.table(forest.rows, out)
    few = forest.rows[:5000]
    assert np.array_equal(out[:5000, 0], forest.estimator.predict_proba(few)[:, 1])
    found: dict[str, dict[str, float]] = {"shape": {"nodes": trees.nodes, "bytes": trees.nbytes, "made_us": made * 1e6}}
    found["table"] = best(
        {
            "compiled": lambda: trees.table(forest.rows, out),
            "compiled_nan": lambda: trees.table(missing, out),
            "onnxruntime": lambda: session.run(None, {"features": forest.rows}),
            "scikit_learn": lambda: forest.estimator.predict_proba(forest.rows),
        },
        rounds,
        rows,
    )
    found["row"] = _rows(loops, trees, session, forest, rounds)
    points, weights = gauss_legendre(trees.path_features)
    part = forest.rows[:64]
    reasons = np.empty((64, 1, 10))
    found["reasons"] = best({"compiled": lambda: trees.reasons(part, reasons, points, weights)}, rounds, 64)
    assert np.allclose(reasons.sum(axis=(1, 2)) + trees.expected[0], forest.estimator.predict_proba(part)[:, 1])
    found["linear_table"] = _linear(loops, forest.rows, rounds)
    return found


class OneByOne:
    """The ways of predicting one row after another, each a method that does all of some fresh rows.

    Parameters
    ----------
    loops : module
        The compiled loops.
    trees : Trees
        The forest in them.
    session : onnxruntime.InferenceSession
        The same forest.
    fresh : ndarray of shape (rows, 10)
        Rows to predict.
    """

    def __init__(self, loops: Any, trees: Any, session: Any, fresh: Array) -> None:
        self._encoder = loops.RowEncoder([("number", f"c{at}", at, 0.0, 1.0, 0.5) for at in range(10)], 10)
        self._linear = loops.LinearRow([("number", f"c{at}", 0.5, 0.5, np.ones(1)) for at in range(10)], np.zeros(1))
        self._row = np.zeros(10)
        self._scores = trees.bind(self._row).scores
        self.encoded = trees.bind(self._encoder).scores
        self._fresh = fresh
        self._lists = fresh.tolist()
        self._named = [dict(zip([f"c{at}" for at in range(10)], values, strict=True)) for values in self._lists]
        self._session, self._given = session, np.zeros((1, 10))
        self._binding = _bound(session, self._given, np.zeros((1, 1)))

    def array_and_scores(self) -> None:
        """Copy each row into the bound array, and score it."""
        row, scores = self._row, self._scores
        for values in self._fresh:
            row[:] = values
            scores()

    def array_alone(self) -> None:
        """Copy each row into the bound array."""
        row = self._row
        for values in self._fresh:
            row[:] = values

    def list_to_scores(self) -> None:
        """Encode each row from a list, and score it."""
        fill, encoded = self._encoder.fill, self.encoded
        for values in self._lists:
            fill(values)
            encoded()

    def json_to_scores(self) -> None:
        """Encode each row from a dict, and score it."""
        fill, encoded = self._encoder.fill, self.encoded
        for values in self._named:
            fill(values)
            encoded()

    def json_encoded_alone(self) -> None:
        """Encode each row from a dict."""
        fill = self._encoder.fill
        for values in self._named:
            fill(values)

    def linear_json_to_scores(self) -> None:
        """Score each row from a dict by a linear model."""
        scores = self._linear.scores
        for values in self._named:
            scores(values)

    def onnxruntime_bound(self) -> None:
        """Copy each row into the array that ONNX Runtime reads, and run it."""
        given, run, binding = self._given, self._session.run_with_iobinding, self._binding
        for values in self._fresh:
            given[0] = values
            run(binding)


def _rows(loops: Any, trees: Any, session: Any, forest: Forest, rounds: int) -> dict[str, float]:
    fresh = forest.rows[:4000]
    ways = OneByOne(loops, trees, session, fresh)
    ways.list_to_scores()
    assert ways.encoded() == [forest.estimator.predict_proba(fresh[-1:])[0, 1]]
    timed = best(
        {
            way.__name__: way
            for way in (
                ways.array_and_scores,
                ways.array_alone,
                ways.list_to_scores,
                ways.json_to_scores,
                ways.json_encoded_alone,
                ways.linear_json_to_scores,
                ways.onnxruntime_bound,
            )
        },
        rounds,
        len(fresh),
    )
    single = _leaf(loops)
    timed["call_alone"] = best({"call": repeated(single.scores, 20_000)}, rounds, 20_000)["call"]
    timed["in_c"] = timed["array_and_scores"] - timed["array_alone"] - timed["call_alone"]
    timed["scikit_learn"] = best({"sklearn": lambda: forest.estimator.predict_proba(fresh[:1])}, rounds, 1)["sklearn"]
    return timed


def _leaf(loops: Any) -> Any:
    """Return a tree of one leaf, bound to a row: what a call costs that computes nothing."""
    return loops.Trees(
        10,
        1,
        starts=np.array([0, 1]),
        feature=np.zeros(1, np.int32),
        threshold=np.zeros(1),
        left=np.array([-1], np.int32),
        right=np.array([-1], np.int32),
        missing_left=np.zeros(1, bool),
        values=np.ones((1, 1)),
    ).bind(np.zeros(10))


def _bound(session: Any, given: Array, result: Array) -> Any:
    from motadata_ml_server.prediction.runtimes import onnx_library

    ort = onnx_library.load()
    binding = session.io_binding()
    binding.bind_ortvalue_input("features", ort.OrtValue.ortvalue_from_numpy(given))
    binding.bind_ortvalue_output("scores", ort.OrtValue.ortvalue_from_numpy(result))
    return binding


def _linear(loops: Any, rows: Array, rounds: int) -> dict[str, float]:
    weights = np.linspace(-1, 1, 10)
    columns = [(np.ascontiguousarray(rows[:, at]), 0.5, 0.0, weights[at : at + 1]) for at in range(10)]
    out, intercepts = np.empty((len(rows), 1)), np.ones(1)
    loops.linear_scores(columns, intercepts, out)
    assert np.allclose(out[:, 0], (rows - 0.5) @ weights + 1.0)
    return best(
        {
            "compiled": lambda: loops.linear_scores(columns, intercepts, out),
            "numpy_matmul": lambda: (rows - 0.5) @ weights + 1.0,
        },
        rounds,
        len(rows),
    )


def main() -> int:
    """Print the figures."""
    from motadata_ml_server import _native

    parser = argparse.ArgumentParser(prog="python -m benchmarks.native")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--rows", type=int, default=100_000)
    given = parser.parse_args()
    if _native.compiled is None:
        sys.stderr.write("motadata_ml_native is not installed: make native\n")
        return 1
    found = measure(_native.compiled, given.rounds, given.rows)
    rounded = {name: {side: round(value, 3) for side, value in sides.items()} for name, sides in found.items()}
    sys.stdout.write(json.dumps({"microseconds": rounded}, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
