"""The service a competent user would write: FastAPI, asyncpg with prepared statements, a model loaded at start.

Run by uvicorn with uvloop and httptools: ``uvicorn benchmarks.fastapi_server:app``, with BENCH_DSN, BENCH_MODEL (a
file of joblib, or of ONNX) in the environment.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import numpy as np
from fastapi import FastAPI, Header, HTTPException
from numpy.typing import NDArray
from pydantic import BaseModel

from benchmarks.models import LISTED

Score = Callable[[NDArray[np.float64]], float]
QUERY = f"select {LISTED} from keyed where id = $1"
KEY = "select tenant from service_key where digest = $1"
CONNECTIONS = 8
"""Of each worker's pool."""


def scorer(file: str) -> Score:
    """Load a model, and return what scores a row."""
    if file.endswith(".joblib"):
        import joblib

        estimator = joblib.load(file)
        return lambda row: float(estimator.predict_proba(row)[0, 1])
    from motadata_ml_server.prediction.runtimes import onnx_library

    onnxruntime = onnx_library.load()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda row: float(session.run(["probabilities"], {name: row.astype(np.float32)})[0][0, 1])


@asynccontextmanager
async def lifespan(application: FastAPI) -> AsyncIterator[None]:
    """Hold the model and the connections while the service runs."""
    application.state.score = scorer(os.environ["BENCH_MODEL"])
    async with asyncpg.create_pool(os.environ["BENCH_DSN"], min_size=CONNECTIONS, max_size=CONNECTIONS) as pool:
        application.state.pool = pool
        yield


app = FastAPI(lifespan=lifespan)


@app.get("/predict/{row_id}")
async def predict(row_id: int) -> dict[str, Any]:
    """Fetch a row by its key and score it."""
    row = await app.state.pool.fetchrow(QUERY, row_id)
    return {"probability": app.state.score(np.array([tuple(row)], dtype=np.float64))}


class Row(BaseModel):
    """The features of one row, in their order."""

    input_data: list[float]


@app.post("/score")
async def score(row: Row, authorization: str = Header()) -> dict[str, Any]:
    """Look a key up, and score the row that came with it."""
    digest = hashlib.sha256(authorization.removeprefix("Bearer ").encode()).digest()
    tenant = await app.state.pool.fetchval(KEY, digest)
    if tenant is None:
        raise HTTPException(401)
    return {"probability": app.state.score(np.array([row.input_data], dtype=np.float64))}


@app.get("/worker")
async def worker() -> dict[str, int]:
    """Say which process answers."""
    return {"pid": os.getpid()}
