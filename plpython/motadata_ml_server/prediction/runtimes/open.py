"""The runtime that a stored form of a model needs."""

from __future__ import annotations

from collections.abc import Mapping

from motadata_ml_server import _native
from motadata_ml_server.errors import ArtifactError
from motadata_ml_server.features.plan import FeaturePlan
from motadata_ml_server.persistence.kinds import ArtifactKind
from motadata_ml_server.prediction.runtimes.base import Runtime
from motadata_ml_server.prediction.runtimes.linear import LinearRuntime


def open_runtime(kind: str, plan: FeaturePlan, payload: bytes, task: str) -> Runtime:
    """Return the runtime of a stored model.

    Parameters
    ----------
    kind : str
        'linear', 'onnx', 'trees', 'skops' or 'grouped'.
    plan : FeaturePlan
        How rows become numbers.
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
        return LinearRuntime(plan, payload)
    if kind == ArtifactKind.TREES:
        from motadata_ml_server.prediction.runtimes.trees import TreesRuntime

        return TreesRuntime(plan, payload)
    if kind == ArtifactKind.ONNX:
        from motadata_ml_server.prediction.runtimes.onnx import OnnxRuntime

        return OnnxRuntime(plan, payload)
    if kind == ArtifactKind.SKOPS:
        from motadata_ml_server.prediction.runtimes.sklearn import SklearnRuntime

        return SklearnRuntime(plan, payload, task)
    if kind == ArtifactKind.GROUPED:
        from motadata_ml_server.prediction.runtimes.groups import GroupedRuntime

        return GroupedRuntime(plan, payload, open_runtime)
    raise ArtifactError(f"stored model is of the unknown kind {kind!r}", hint="Update the server package.")


def open_fastest(artifacts: Mapping[str, bytes], width: int, task: str) -> Runtime | None:
    """Return what evaluates encoded rows of a model fastest, None where only the estimator itself can.

    Parameters
    ----------
    artifacts : mapping of str to bytes
        By kind.
    width : int
        Numbers of an encoded row.
    task : str
        Model type.
    """
    kinds = [ArtifactKind.LINEAR, ArtifactKind.ONNX]
    if _native.compiled is not None:
        kinds.insert(0, ArtifactKind.TREES)
    kind = next((kind for kind in kinds if kind in artifacts), None)
    return None if kind is None else open_runtime(kind, FeaturePlan.as_is(width), artifacts[kind], task)
