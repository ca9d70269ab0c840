"""The service a competent user would write: FastAPI, a pooled connection, a model loaded at start.

``python -m benchmarks.fastapi_server DSN MODEL RUNTIME PORT`` with RUNTIME sklearn or onnx.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.models import FEATURES

Score = Callable[[NDArray[np.float32]], float]


def scorer(dsn: str, model: str, runtime: str) -> Score:
    """Fit the model once, and return what scores a row by the runtime."""
    import psycopg
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    with psycopg.connect(dsn) as session:
        rows = session.execute(f"select {', '.join(FEATURES)}, label from points limit 100000").fetchall()
    x = np.array([row[:10] for row in rows], dtype=np.float32)
    y = np.array([row[10] for row in rows])
    estimator: Any = make_pipeline(StandardScaler(), LogisticRegression())
    if model == "forest":
        estimator = RandomForestClassifier(100, max_depth=10, random_state=42, n_jobs=1)
    estimator.fit(x, y)
    if runtime == "sklearn":
        return lambda row: float(estimator.predict_proba(row)[0, 1])
    import onnxruntime
    from skl2onnx import to_onnx

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    graph = to_onnx(estimator, x[:1], options={"zipmap": False}).SerializeToString()
    session_ = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    return lambda row: float(session_.run(["probabilities"], {"X": row})[0][0, 1])


def main(dsn: str, model: str, runtime: str, port: int) -> None:
    """Serve until ended."""
    import uvicorn
    from fastapi import FastAPI
    from psycopg_pool import AsyncConnectionPool

    score = scorer(dsn, model, runtime)
    pool = AsyncConnectionPool(dsn, min_size=8, max_size=8, open=False)
    app = FastAPI()
    query = f"select {', '.join(FEATURES)} from keyed where id = %s"

    @app.on_event("startup")
    async def start() -> None:
        await pool.open()

    @app.get("/predict/{row_id}")
    async def predict(row_id: int) -> dict[str, float]:
        async with pool.connection() as connection:
            row = await (await connection.execute(query.encode(), [row_id], prepare=True)).fetchone()
        return {"probability": score(np.array([row], dtype=np.float32))}

    uvicorn.run(app, host="127.0.0.1", port=port, log_level="error")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
