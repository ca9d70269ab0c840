"""The models that the prediction benchmarks share: trained by ``ml.train``, and by scikit-learn on the same rows."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import psycopg

FEATURES = [f"c{n}" for n in range(1, 11)]
LISTED = ", ".join(FEATURES)
ARRAY = f"array[{LISTED}]"

TOLERANCE = 1e-5
"""How far the answers of two sides may lie apart, on every row."""

_TRAININGS = {
    "linear": ("regression", "target", "algorithm => 'linear_regression'"),
    "logistic": ("classification", "label", "algorithm => 'logistic_regression'"),
    "forest": (
        "classification",
        "label",
        "algorithm => 'random_forest', hyperparameters => '{\"n_estimators\": 100, \"max_depth\": 10}'",
    ),
    "tree": ("regression", "target", "algorithm => 'decision_tree', hyperparameters => '{\"max_depth\": 5}'"),
}


def train(session: psycopg.Connection[Any]) -> None:
    """Train a linear and a logistic regression, a forest, a tree, and a mixed model, each on all rows of its sample."""
    session.execute("set client_min_messages = warning")
    for name, (model_type, target, arguments) in _TRAININGS.items():
        session.execute(
            f"select ml.train(%s, %s, %s, %s, test_size => 0, {arguments})",
            [name, model_type, f"select {LISTED}, {target} from sample", target],
        )
    session.execute(
        "select ml.train('mixed', 'classification', %s, 'late', algorithm => 'hist_gradient_boosting')",
        [
            "select arr_delay >= 15 as late, dep_delay, sched_dep_time, sched_arr_time, carrier, origin, dest, "
            "distance, time_hour from flights limit 100000"
        ],
    )
    session.execute("checkpoint")


_fitted: dict[str, Any] = {}


def reference(session: psycopg.Connection[Any], name: str, threads: int) -> Any:
    """Fit by scikit-learn what ``ml.train`` fitted, once a run: the same estimator, parameters and rows.

    It predicts with that many threads.
    """
    if name not in _fitted:
        _fitted[name] = _fit(session, name)
    if name != "forest":
        return _fitted[name]
    return copy.copy(_fitted[name]).set_params(n_jobs=threads)


def _fit(session: psycopg.Connection[Any], name: str) -> Any:
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rows = session.execute(f"select {LISTED}, label from sample").fetchall()
    x = np.array([row[:10] for row in rows], dtype=np.float64)
    y = np.array([row[10] for row in rows])
    if name == "logistic":
        return make_pipeline(StandardScaler(), LogisticRegression()).fit(x, y)
    return RandomForestClassifier(100, max_depth=10, random_state=42, n_jobs=-1).fit(x, y)
