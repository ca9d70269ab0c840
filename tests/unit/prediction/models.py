"""Plans, rows and predictors that the tests of inference share."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.columns import Column, ColumnSchema, ColumnTable, TextValues
from motadata_ml_server.features.plan import FeaturePlan
from motadata_ml_server.features.row import DenseRow
from motadata_ml_server.persistence.skops_store import dump
from motadata_ml_server.prediction.predictor import Predictor
from motadata_ml_server.worker.compile.compare import Compiled, compile_estimator

NUMBER = {"kind": "number", "source": "number", "sql_type": "double precision", "width": 1}

MIXED: dict[str, Any] = {
    "version": 1,
    "columns": [
        {"name": "delay", **NUMBER, "shift": [3.0], "scale": [2.0], "impute": 1.5},
        {
            "name": "carrier",
            "kind": "category",
            "source": "text",
            "sql_type": "text",
            "encode": "onehot",
            "categories": ["AA", "UA", "true", "3"],
            "width": 4,
            "shift": None,
            "scale": None,
        },
        {
            "name": "note",
            "kind": "text",
            "source": "text",
            "sql_type": "text",
            "vocabulary": ["late", "on time", "on", "time", "storm"],
            "idf": [1.5, 2.0, 1.0, 1.25, 3.0],
            "sublinear": True,
            "ngram": [1, 2],
            "width": 5,
        },
        {
            "name": "night",
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
            "parts": ["days", "year", "month", "day", "dow", "hour", "minute"],
            "impute": [15000.0, 2011.0, 6.0, 15.0, 3.0, 12.0, 30.0],
            "shift": [15000.0, 2000.0, 6.0, 15.0, 3.0, 12.0, 30.0],
            "scale": [400.0, 10.0, 3.0, 8.0, 2.0, 7.0, 17.0],
            "width": 7,
        },
        {
            "name": "gate",
            "kind": "vector",
            "source": "vector",
            "sql_type": "double precision[]",
            "size": 2,
            "width": 2,
            "impute": [0.5, 0.25],
        },
        {
            "name": "origin",
            "kind": "category",
            "source": "text",
            "sql_type": "text",
            "encode": "target",
            "categories": ["EWR", "JFK"],
            "values": [[0.1], [0.7]],
            "default": [0.4],
            "width": 1,
        },
        {
            "name": "tail",
            "kind": "category",
            "source": "text",
            "sql_type": "text",
            "encode": "ordinal",
            "categories": ["x", "y"],
            "unknown": -1.0,
            "width": 1,
        },
        {
            "name": "seen",
            **NUMBER,
            "width": 2,
            "impute": 7.0,
            "indicator": True,
            "shift": [7.0, 0.0],
            "scale": [2.0, 1.0],
        },
    ],
}
"""Every kind of feature and encoding that a plan knows."""

ROW: dict[str, Any] = {
    "delay": 12.5,
    "carrier": "UA",
    "note": "Storm, on time; storm late",
    "night": True,
    "at": "2013-07-04T23:59:30-05:00",
    "gate": [1, 2.5],
    "origin": "JFK",
    "tail": "y",
    "seen": 9,
}

NULLS: dict[str, Any] = dict.fromkeys(ROW)


def assert_close(found: Any, expected: Any, *, rtol: float = 1e-9, atol: float = 0.0) -> None:
    """Compare anything that numpy takes as an array."""
    np.testing.assert_allclose(np.asarray(found), np.asarray(expected), rtol=rtol, atol=atol)


def numeric_plan(width: int, impute: float | None = 0.0) -> FeaturePlan:
    """Return a plan of plain numbers."""
    columns = [{"name": f"f{at}", **NUMBER, "impute": impute} for at in range(width)]
    return FeaturePlan.from_json({"version": 1, "columns": columns})


def number_table(values: NDArray[np.float64]) -> ColumnTable:
    """Return a table of plain numbers."""
    return ColumnTable(
        len(values),
        {
            f"f{at}": Column(ColumnSchema(f"f{at}", "number", "double precision"), values[:, at].copy())
            for at in range(values.shape[1])
        },
    )


def text_column(name: str, texts: list[str | None]) -> Column:
    """Return a dictionary-encoded column."""
    dictionary = list(dict.fromkeys(text for text in texts if text is not None))
    codes = np.array([-1 if text is None else dictionary.index(text) for text in texts], dtype=np.int32)
    return Column(ColumnSchema(name, "text", "text"), TextValues(codes, dictionary))


def encode_rows(plan: dict[str, Any], rows: list[Any]) -> NDArray[np.float64]:
    """Encode rows one by one."""
    encoder = DenseRow(FeaturePlan.from_json(plan).columns)
    encoded = []
    for row in rows:
        encoder.fill(row)
        encoded.append(encoder.buffer[0].copy())
    return np.array(encoded)


def compiled_predictor(
    estimator: Any,
    task: str,
    plan: FeaturePlan,
    check: NDArray[np.float64],
    label_type: str | None = "integer",
) -> tuple[Compiled, Predictor]:
    """Compile a fitted estimator and open what is stored of it."""
    compiled = compile_estimator(estimator, task, check)
    payload = compiled.payload if compiled.kind else dump(estimator)
    classes = [str(label) for label in estimator.classes_] if task == "classification" else None
    return compiled, Predictor(plan, compiled.kind or "skops", payload, classes, label_type, task)
