"""``evaluate``: a model's scores on rows it was not trained on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from motadata_ml._calls import Call, Steps
from motadata_ml._frames import to_frame, to_series
from motadata_ml._operations.batch import Batch, predict_batch
from motadata_ml._operations.management import info_steps
from motadata_ml._operations.metrics import classification, regression
from motadata_ml._operations.records import native
from motadata_ml._operations.settings import Settings
from motadata_ml.errors import InsufficientDataError, InvalidArgumentError, UnsupportedOperationError


def evaluate(
    settings: Settings,
    model_id: str,
    data: Any,
    *,
    target: str | None = None,
    tenant_id: str | None = None,
    version: str | None = None,
) -> Call[dict[str, Any]]:
    """Return the call that scores a model.

    Of a table or SELECT only the target and the predictions leave the server.
    """
    rows: Any = data
    actual: pd.Series[Any] | None = None
    if not isinstance(data, str):
        rows, actual = _split(data, target)

    def steps() -> Steps[dict[str, Any]]:
        info = yield from info_steps(settings, model_id, tenant_id, version)
        model_type = info["model_type"]
        if model_type not in {"classification", "regression"}:
            raise UnsupportedOperationError(
                f"a {model_type} model has no target to score against",
                hint="its metrics of training are in get_model_info()['metrics']",
            )
        named = {"tenant_id": tenant_id, "version": info["version"]}
        key = (target or info["target"]) if actual is None else None
        batch: Batch = yield from predict_batch(settings, model_id, rows, id_column=key, **named).steps()
        truth = list(actual) if actual is not None else _values(batch.ids or [], info)
        return _scores(model_type, truth, list(batch.predictions))

    return Call(steps, model_id=model_id, repeat=True)


def _split(data: Any, target: str | None) -> tuple[Any, pd.Series[Any]]:
    """Return features and target of in-memory rows."""
    if isinstance(data, tuple) and len(data) == 2:
        frame, labels = to_frame(data[0], "X"), to_series(data[1], "y")
        if len(frame) != len(labels):
            raise InvalidArgumentError(
                f"X and y must have the same length, got {len(frame)} and {len(labels)} rows",
                hint="make y from the same rows as X",
            )
        return data[0], labels
    frame = to_frame(data, "data")
    if target is None or target not in frame.columns:
        raise InvalidArgumentError(f"target must name a column of data, got {target!r}", hint="or pass data=(X, y)")
    return frame, frame[target]


def _values(texts: list[str], info: dict[str, Any]) -> list[Any]:
    """Return the target's values, from their text in PostgreSQL."""
    label_type = info.get("label_type") if info["model_type"] == "classification" else "number"
    return [None if text is None else native(text, label_type) for text in texts]


def _scores(model_type: str, actual: list[Any], predicted: list[Any]) -> dict[str, Any]:
    """Return the metrics over the rows whose target is known."""
    known = [(a, p) for a, p in zip(actual, predicted, strict=True) if not pd.isna(a)]
    if not known:
        raise InsufficientDataError("no row has a value in the target", hint="score on rows whose outcome is known")
    truth, guess = [a for a, _ in known], [p for _, p in known]
    if model_type == "regression":
        return regression(np.array(truth, dtype=np.float64), np.array(guess, dtype=np.float64))
    return classification(truth, guess)
