"""Estimators that skl2onnx converts."""

from __future__ import annotations

import json
from typing import Any

from motadata_ml_server.errors import UnsupportedOperationError
from motadata_ml_server.prediction.runtimes.onnx import METADATA_KEY


def convert(estimator: Any, task: str, width: int, *, double: bool) -> bytes:
    """Convert an estimator, keep the one output that is needed, and note what it means.

    Parameters
    ----------
    estimator : object
        A fitted scikit-learn estimator.
    task : str
        Model type.
    width : int
        Encoded numbers of a row.
    double : bool
        Compute in double precision.

    Returns
    -------
    bytes
        The ONNX model.

    Raises
    ------
    UnsupportedOperationError
        If the model type or the converted outputs are of no use here. skl2onnx raises errors of
        its own for estimators it does not know.
    """
    from onnx.utils import Extractor
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType

    if task not in {"classification", "regression"}:
        raise UnsupportedOperationError(f"no converter is used for {task}", hint="The estimator itself predicts.")
    if task == "classification" and not hasattr(estimator, "predict_proba"):
        raise UnsupportedOperationError(
            "no converter is used without probabilities", hint="The estimator itself predicts."
        )
    tensor = (DoubleTensorType if double else FloatTensorType)([None, width])
    options = {id(estimator): {"zipmap": False}} if task == "classification" else None
    model = to_onnx(
        estimator,
        initial_types=[("features", tensor)],
        options=options,
        target_opset={"": 18, "ai.onnx.ml": 3},
    )
    outputs = [output.name for output in model.graph.output]
    wanted = outputs[-1]
    if len(outputs) > 1:
        # the label is the largest probability's, so the nodes that only make it are dropped
        model = Extractor(model).extract_model(["features"], [wanted])
    meaning = {
        "output": wanted,
        "link": "identity" if task == "regression" else "probabilities",
        "outputs": 1 if task == "regression" else len(estimator.classes_),
    }
    entry = model.metadata_props.add()
    entry.key, entry.value = METADATA_KEY, json.dumps(meaning)
    payload: bytes = model.SerializeToString()
    return payload
