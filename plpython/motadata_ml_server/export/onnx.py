"""A stored model as one ONNX model, from the raw columns of a row to its answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from motadata_ml_server.errors import UnsupportedOperationError
from motadata_ml_server.export.onnx_features import ML_DOMAIN, GraphBuilder, encode
from motadata_ml_server.export.onnx_link import class_position, probabilities, value_of
from motadata_ml_server.features.plan import FeaturePlan
from motadata_ml_server.persistence.kinds import COMPILED, ArtifactKind
from motadata_ml_server.postgres.breath import no_breath
from motadata_ml_server.prediction.runtimes.linear_model import LinearModel
from motadata_ml_server.prediction.runtimes.link import has_probabilities
from motadata_ml_server.prediction.runtimes.onnx import METADATA_KEY, leaf_table

_IR_VERSION: Final = 9
_OPSETS: Final = {"": 18, ML_DOMAIN: 3}
"""The least that the encoder needs; its operators mean the same in the later versions that stored models use."""
_TRUE_LABELS: Final = frozenset({"true", "t"})


def export_onnx(
    plan: Mapping[str, Any],
    kind: str,
    payload: bytes,
    *,
    task: str,
    classes: Sequence[str] | None = None,
    label_type: str | None = None,
    metadata: Mapping[str, str],
    breathe: Callable[[], None] = no_breath,
) -> bytes:
    """Return a model as ONNX.

    Parameters
    ----------
    plan : mapping
        The feature plan in JSON form.
    kind : str
        Which artifact `payload` is: 'linear' or 'onnx'.
    payload : bytes
        The artifact.
    task : str
        Model type.
    classes : sequence of str, optional
        Labels as text, in the order of the estimator's classes.
    label_type : str, optional
        What labels were in the table.
    metadata : mapping of str to str
        Stored in the model's ``metadata_props``.
    breathe : callable
        Called between the steps, each of which ONNX does as a whole, so that a cancel is answered.

    Returns
    -------
    bytes
        A model with one input per feature, of the feature's name, as `onnx_encoder.encode` describes them, and those
        of the outputs ``label`` (string [N]), ``value`` (double [N]), ``probabilities`` (double [N, classes]) and
        ``components`` (double [N, components]) that it has. An output whose name a feature has is called
        ``predicted_label`` and so on.

    Raises
    ------
    UnsupportedOperationError
        ML020: the model has no compiled form, or takes free text.
    """
    if kind not in COMPILED:
        raise UnsupportedOperationError(
            "the model has no compiled form to write as ONNX",
            hint="runtime in ml.get_model_info says why; linear models and tree ensembles have one.",
        )
    columns = FeaturePlan.from_json(plan).columns
    graph = GraphBuilder([column.name for column in columns])
    rows = encode(graph, columns)
    raw = _of_linear(graph, rows, payload) if kind == ArtifactKind.LINEAR else _of_onnx(graph, rows, payload)
    breathe()
    answers = _Answers(graph, [column.name for column in columns])
    answers.finish(raw, task, classes or (), label_type)
    return _checked_model(graph, answers.outputs, raw.opsets, metadata, breathe)


def _checked_model(
    graph: GraphBuilder,
    outputs: list[Any],
    opsets: Mapping[str, int],
    metadata: Mapping[str, str],
    breathe: Callable[[], None],
) -> bytes:
    import onnx
    from onnx import helper

    model_proto = helper.make_model(
        helper.make_graph(graph.nodes, "model", graph.inputs, outputs, graph.constants),
        producer_name="motadata_ml",
        opset_imports=[helper.make_opsetid(domain, version) for domain, version in opsets.items()],
        ir_version=_IR_VERSION,
    )
    breathe()
    helper.set_model_props(model_proto, dict(metadata))
    breathe()
    onnx.checker.check_model(model_proto)
    breathe()
    content: bytes = model_proto.SerializeToString()
    return content


@dataclass(frozen=True)
class _RawScores:
    """What the evaluated model gives before its link: the name of the scores in the graph, and their meaning."""

    name: str
    link: str
    parameters: Mapping[str, Any]
    outputs: int
    opsets: Mapping[str, int]


def _of_linear(graph: GraphBuilder, rows: str, payload: bytes) -> _RawScores:
    model = LinearModel.from_bytes(payload)
    return _RawScores(_linear(graph, rows, model), model.link, model.parameters, len(model.weights), _OPSETS)


def _of_onnx(graph: GraphBuilder, rows: str, payload: bytes) -> _RawScores:
    import onnx

    stored = onnx.load_model_from_string(payload)
    meaning = json.loads(next(entry.value for entry in stored.metadata_props if entry.key == METADATA_KEY))
    newer = {opset.domain: max(opset.version, _OPSETS.get(opset.domain, 1)) for opset in stored.opset_import}
    return _RawScores(
        _spliced(graph, rows, stored, meaning),
        meaning["link"],
        meaning.get("parameters", {}),
        int(meaning["outputs"]),
        {**_OPSETS, **newer},
    )


def _linear(graph: GraphBuilder, rows: str, model: LinearModel) -> str:
    ignored = np.asarray(~model.weights.any(axis=0))
    if ignored.any():
        # a missing value of a feature without weight must not make the score missing
        rows = graph.add("Where", graph.constant(ignored[None, :]), graph.constant(0.0), rows)
    products = graph.add("MatMul", rows, graph.constant(model.weights.T.copy()))
    return graph.add("Add", products, graph.constant(model.intercepts[None, :]))


def _spliced(graph: GraphBuilder, rows: str, stored: Any, meaning: Mapping[str, Any]) -> str:
    """Add the nodes of a stored model behind the encoded rows, and return its scores as double [N, outputs]."""
    from onnx import TensorProto, compose

    prefixed = compose.add_prefix(stored, f"{graph.prefix}m/").graph
    given = prefixed.input[0]
    if given.type.tensor_type.elem_type != TensorProto.DOUBLE:
        rows = graph.cast(rows, np.float32)
    graph.add("Identity", rows, output=given.name)
    graph.nodes.extend(prefixed.node)
    graph.constants.extend(prefixed.initializer)
    raw = f"{graph.prefix}m/{meaning['output']}"
    outputs = int(meaning["outputs"])
    leaves = leaf_table(meaning)
    if leaves is None:
        scores = graph.cast(graph.add("Reshape", raw, graph.constant([-1, outputs])), np.float64)
    else:
        reached = graph.add("Gather", graph.constant(leaves), graph.cast(raw, np.int64), axis=0)
        scores = graph.add("ReduceSum", reached, graph.constant([1]), keepdims=0)
    divide = float(meaning.get("divide", 1.0))
    return scores if divide == 1.0 else graph.add("Div", scores, graph.constant(divide))


class _Answers:
    """The outputs of the model."""

    def __init__(self, graph: GraphBuilder, features: Sequence[str]) -> None:
        self._graph = graph
        self._features = frozenset(features)
        self.outputs: list[Any] = []

    def finish(self, raw: _RawScores, task: str, classes: Sequence[str], label_type: str | None) -> None:
        """Add what turns raw scores into the model's answer."""
        graph = self._graph
        scores, link, outputs = raw.name, raw.link, raw.outputs
        if task == "decomposition":
            self._give("components", scores, outputs)
        elif task == "clustering":
            cluster = class_position(graph, scores, link, outputs)
            self._give("label", graph.cast(cluster, np.str_))
            self._give("value", graph.cast(cluster, np.float64))
        elif task == "classification":
            at = class_position(graph, scores, link, outputs)
            self._give("label", self._pick(list(classes), at))
            if label_type in {"integer", "number", "boolean"}:
                self._give("value", self._pick([_number(label, label_type) for label in classes], at))
            if has_probabilities(link, outputs):
                self._give("probabilities", probabilities(graph, scores, link, outputs), len(classes))
        else:
            value = value_of(graph, scores, link, raw.parameters)
            if task == "anomaly":
                outlier = graph.cast(graph.add("Less", value, graph.constant(0.0)), np.int64)
                self._give("label", self._pick(["false", "true"], outlier))
            self._give("value", value)

    def _pick(self, choices: Sequence[str] | Sequence[float], at: str) -> str:
        kind = object if isinstance(choices[0], str) else np.float64
        return self._graph.add("Gather", self._graph.constant(np.array(choices, dtype=kind)), at)

    def _give(self, name: str, source: str, width: int | None = None) -> None:
        from onnx import TensorProto, helper

        kind = TensorProto.STRING if name == "label" else TensorProto.DOUBLE
        while name in self._features:
            name = f"predicted_{name}"
        self._graph.add("Identity", source, output=name)
        shape: list[str | int | None] = ["N"] if width is None else ["N", width]
        self.outputs.append(helper.make_tensor_value_info(name, kind, shape))


def _number(label: str, label_type: str) -> float:
    return float(label in _TRUE_LABELS) if label_type == "boolean" else float(label)
