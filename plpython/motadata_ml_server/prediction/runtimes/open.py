"""The runtime that a stored form of a model needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from motadata_ml_server.errors import ArtifactError
from motadata_ml_server.features.layout import PlanColumn
from motadata_ml_server.persistence.kinds import ArtifactKind
from motadata_ml_server.prediction.runtimes.base import Runtime
from motadata_ml_server.prediction.runtimes.linear import LinearRuntime


def open_runtime(
    kind: str, columns: Sequence[PlanColumn], plan: Mapping[str, Any], payload: bytes, task: str
) -> Runtime:
    """Return the runtime of a stored model.

    Parameters
    ----------
    kind : str
        'linear', 'onnx', 'skops' or 'grouped'.
    columns : sequence of PlanColumn
        The feature plan, laid out.
    plan : mapping
        The same in JSON form.
    payload : bytes
        The artifact of that kind.
    task : str
        Model type.

    Returns
    -------
    Runtime
        Ready to predict.

    Raises
    ------
    ArtifactError
        If the artifact is not acceptable, or of an unknown kind.
    """
    if kind == ArtifactKind.LINEAR:
        return LinearRuntime(columns, payload)
    if kind == ArtifactKind.ONNX:
        from motadata_ml_server.prediction.runtimes.onnx import OnnxRuntime

        return OnnxRuntime(columns, plan, payload)
    if kind == ArtifactKind.SKOPS:
        from motadata_ml_server.prediction.runtimes.sklearn import SklearnRuntime

        return SklearnRuntime(columns, plan, payload, task)
    if kind == ArtifactKind.GROUPED:
        from motadata_ml_server.prediction.runtimes.groups import GroupedRuntime

        return GroupedRuntime(columns, plan, payload, open_runtime)
    raise ArtifactError(f"stored model is of the unknown kind {kind!r}", hint="Update the server package.")
