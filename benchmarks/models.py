"""The models that the prediction benchmarks share."""

from __future__ import annotations

from typing import Any

import psycopg

FEATURES = [f"c{n}" for n in range(1, 11)]
ARRAY = f"array[{', '.join(FEATURES)}]"


def train(session: psycopg.Connection[Any]) -> None:
    """Train a linear regression, a logistic regression, a forest and a mixed model."""
    session.execute("set client_min_messages = warning")
    listed = ", ".join(FEATURES)
    sample = f"select {listed}, label from points limit 100000"
    session.execute(
        "select ml.train('linear', 'regression', %s, 'target', algorithm => 'linear_regression')",
        [f"select {listed}, target from points limit 100000"],
    )
    session.execute(
        "select ml.train('logistic', 'classification', %s, 'label', algorithm => 'logistic_regression')", [sample]
    )
    session.execute(
        "select ml.train('forest', 'classification', %s, 'label', algorithm => 'random_forest', "
        'hyperparameters => \'{"n_estimators": 100, "max_depth": 10}\')',
        [sample],
    )
    session.execute(
        "select ml.train('mixed', 'classification', %s, 'late', algorithm => 'hist_gradient_boosting')",
        [
            "select arr_delay >= 15 as late, dep_delay, sched_dep_time, sched_arr_time, carrier, origin, dest, "
            "distance, time_hour from flights limit 100000"
        ],
    )
    session.execute("checkpoint")
