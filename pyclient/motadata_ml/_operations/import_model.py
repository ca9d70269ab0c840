"""Models that were fitted elsewhere: written, asked for a sample's answers, and sent up."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from motadata_ml._calls import Call, Steps
from motadata_ml._frames import to_frame
from motadata_ml._operations.functions import select_function
from motadata_ml._operations.settings import Settings
from motadata_ml.errors import InvalidArgumentError
from motadata_ml.results import TrainingResult

SAMPLE_ROWS = 200
"""So many rows of a sample are sent, its first."""


def upload(
    settings: Settings,
    model_id: str,
    model: Any,
    sample: Any,
    predictions: Any,
    model_type: str | None,
    classes: Sequence[Any] | None,
    target: str | None,
    deploy: bool | None,
    tenant_id: str | None,
) -> Call[TrainingResult]:
    """Return the call that stores a model as a new version; what it answers is asked here, before it is sent."""
    frame = to_frame(sample, "X_sample").head(SAMPLE_ROWS)
    answers = predictions
    if isinstance(model, (bytes, bytearray, memoryview)):
        data, form = bytes(model), "onnx"
        if predictions is None:
            raise InvalidArgumentError(
                "an ONNX model needs predictions: what it answers for the rows of X_sample",
                hint="predictions=session.run(['probabilities'], {'features': X_sample})[0]",
            )
    else:
        data, form = _written(model), "skops"
        given = sample.head(SAMPLE_ROWS) if hasattr(sample, "head") else sample[:SAMPLE_ROWS]
        answers = model.predict_proba(given) if hasattr(model, "predict_proba") else model.predict(given)
        model_type = model_type or ("classification" if hasattr(model, "classes_") else "regression")
    features = [str(name) for name in frame.columns]
    return import_model(
        settings,
        {
            "model_id": model_id,
            "data": data,
            "format": form,
            "model_type": model_type or ("classification" if classes is not None else "regression"),
            "features": features,
            "classes": None if classes is None else [str(one) for one in classes],
            "sample": [{str(name): _plain(value) for name, value in row.items()} for row in frame.to_dict("records")],
            "predictions": np.asarray(answers)[: len(frame)].tolist(),
            "target": target,
            "deploy": deploy,
        },
        tenant_id,
    )


def import_model(settings: Settings, arguments: Mapping[str, Any], tenant_id: str | None) -> Call[TrainingResult]:
    """Return the call of ``ml.import_model`` with its arguments by SQL's names."""
    given = {**arguments, "tenant_id": settings.tenant(tenant_id)}

    def steps() -> Steps[TrainingResult]:
        answer = yield select_function("import_model", given, "model_id, status, metrics, training_time, model_version")
        return TrainingResult(answer[0])

    return Call(steps, model_id=arguments["model_id"])


def _written(model: Any) -> bytes:
    """Return a fitted scikit-learn model as skops writes it."""
    try:
        import skops.io
    except ImportError as error:
        raise InvalidArgumentError(
            "a scikit-learn model is sent as skops writes it, and skops is not installed",
            hint="pip install skops, or pass the bytes of an ONNX model",
        ) from error
    data: bytes = skops.io.dumps(model)
    return data


def _plain(value: Any) -> Any:
    """Return a value of a frame as JSON has it; None where it is missing."""
    plain = value.item() if hasattr(value, "item") else value
    return None if plain is None or (isinstance(plain, float) and math.isnan(plain)) else plain
