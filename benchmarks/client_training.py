"""What a competent user's training program does outside the database; run as a process of its own.

``python -m benchmarks.client_training DSN CASE``: reads over ADBC, splits, fits, scores, writes the model back.
"""

from __future__ import annotations

import json
import pickle
import sys
from typing import Any


def main(dsn: str, case: str) -> None:
    """Train one case and print its scores."""
    import adbc_driver_postgresql.dbapi as adbc
    import psycopg
    from sklearn.metrics import accuracy_score, log_loss, precision_recall_fscore_support, roc_auc_score

    from benchmarks.training import CASES

    with adbc.connect(dsn) as connection, connection.cursor() as cursor:
        cursor.execute(CASES[case].query)
        frame = cursor.fetch_arrow_table().to_pandas()
    target = CASES[case].target
    frame = frame[frame[target].notna()]
    held = frame.pop("held").to_numpy(dtype=bool)
    y = frame.pop(target).astype(bool).to_numpy()
    model = _pipeline(case).fit(frame[~held], y[~held])
    chances = model.predict_proba(frame[held])[:, 1]
    labels = chances > 0.5
    for average in ("weighted", "macro"):
        precision_recall_fscore_support(y[held], labels, average=average)
    roc_auc_score(y[held], chances)
    scores = {"accuracy": accuracy_score(y[held], labels), "log_loss": log_loss(y[held], chances)}
    with psycopg.connect(dsn) as session:
        session.execute("create table if not exists client_model (name text, model bytea)")
        session.execute("insert into client_model values (%s, %s)", [case, pickle.dumps(model)])
    print(json.dumps(scores))


def _moment_parts(frame: Any) -> Any:
    import pandas as pd

    moments = frame.iloc[:, 0]
    days = (moments - pd.Timestamp(0, tz=moments.dt.tz)) / pd.Timedelta(days=1)
    clock = [moments.dt.year, moments.dt.month, moments.dt.day, moments.dt.dayofweek, moments.dt.hour]
    return pd.concat([days, *clock], axis=1).to_numpy(dtype=float)


def _pipeline(case: str) -> Any:
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, StandardScaler

    if case == "logreg":
        return make_pipeline(StandardScaler(), LogisticRegression())
    if case == "forest":
        return RandomForestClassifier(100, max_depth=10, random_state=42, n_jobs=-1)
    ordinal = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-1)
    return make_pipeline(
        make_column_transformer(
            ("passthrough", ["dep_delay", "sched_dep_time", "sched_arr_time"]),
            (OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["carrier", "origin"]),
            (ordinal, ["dest", "tailnum"]),
            ("passthrough", ["distance"]),
            (FunctionTransformer(_moment_parts), ["time_hour"]),
        ),
        HistGradientBoostingClassifier(random_state=42),
    )


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
