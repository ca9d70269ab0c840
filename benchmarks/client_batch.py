"""What a competent user's program does to predict a table outside the database.

``python -m benchmarks.client_batch DSN MODEL_FILE TABLE`` does it in a process of its own and prints its seconds
and the most memory of its own that it took for it, in MB, libraries and model left out.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.measure import peak_growth_mb
from benchmarks.models import LISTED


def read(connection: Any, table: str) -> NDArray[np.float64]:
    """Read the features over ADBC."""
    with connection.cursor() as cursor:
        cursor.execute(f"select {LISTED} from {table}")
        return np.column_stack([column.to_numpy() for column in cursor.fetch_arrow_table().columns])


def predict(dsn: str, estimator: Any, table: str) -> None:
    """Read a table, predict it, and copy the predictions back."""
    import adbc_driver_postgresql.dbapi as adbc
    import pyarrow as pa

    with adbc.connect(dsn, autocommit=True) as connection, connection.cursor() as cursor:
        rows = read(connection, table)
        chances = estimator.predict_proba(rows)
        at = chances.argmax(axis=1)
        predictions = pa.table(
            {
                "id": pa.array(np.arange(1, len(rows) + 1)).cast(pa.string()),
                "prediction": pa.array(np.array(["false", "true"])[at]),
                "confidence": chances[np.arange(len(rows)), at],
            }
        )
        cursor.adbc_ingest("client", predictions, mode="replace")


def in_new_process(dsn: str, file: Path, table: str) -> tuple[float, float]:
    """Return seconds, and MB that a process grew by, that holds its libraries and the model."""
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.client_batch", dsn, str(file), table]
    run = subprocess.run(command, check=True, capture_output=True, text=True)
    seconds, growth = map(float, run.stdout.split())
    return seconds, growth


def main(dsn: str, file: str, table: str) -> None:
    """Predict a table and print what it took."""
    import joblib
    import pyarrow  # noqa: F401

    estimator = joblib.load(file)
    predict(dsn, estimator, "(select * from sample limit 10) as warm")
    seconds: list[float] = []

    def measured() -> None:
        started = time.perf_counter()
        predict(dsn, estimator, table)
        seconds.append(time.perf_counter() - started)

    growth = peak_growth_mb(os.getpid(), measured)
    print(seconds[0], growth)


if __name__ == "__main__":
    main(*sys.argv[1:])
