"""ONNX graphs from outside: what they may be made of, and how much they may make of a row. Runs in the worker only.

A session evaluates what is stored in its own memory, without a bound of its own. So a graph is taken only where every
number that it computes follows from its row alone, and where there are few of them: it consists of operators whose
shapes depend on shapes alone, and is run on two numbers of rows with everything in between looked at.
"""

from __future__ import annotations

import json
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.errors import ArtifactError
from motadata_ml_server.persistence.onnx_intake import check_onnx
from motadata_ml_server.prediction.runtimes.onnx import METADATA_KEY

OPERATORS: Final = frozenset(
    {
        *("Abs", "Add", "And", "ArgMax", "ArgMin", "Cast", "Clip", "Concat", "Constant", "Div", "Equal", "Erf", "Exp"),
        *("Flatten", "Floor", "Gather", "Gemm", "Greater", "GreaterOrEqual", "Identity", "IsNaN", "LeakyRelu", "Less"),
        *("LessOrEqual", "Log", "MatMul", "Max", "Mean", "Min", "Mul", "Neg", "Not", "Or", "Pow", "Reciprocal"),
        *("ReduceMax", "ReduceMean", "ReduceMin", "ReduceSum", "Relu", "Reshape", "Sigmoid", "Sign", "Slice"),
        *("Softmax", "Softplus", "Sqrt", "Squeeze", "Sub", "Sum", "Tanh", "Transpose", "Unsqueeze", "Where"),
        *("ArrayFeatureExtractor", "Binarizer", "Imputer", "LinearClassifier", "LinearRegressor", "Normalizer"),
        *("Scaler", "TreeEnsembleClassifier", "TreeEnsembleRegressor"),
    }
)
"""Operators that are taken: no loops, no branches, nothing whose result has a size that values decide."""

MAX_NODES: Final = 2_000
MAX_TREE_NODES: Final = 5_000_000
MAX_ROW_NUMBERS: Final = 200_000
"""Numbers that may be computed for one row, all steps together."""

ROWS: Final = (7, 13)
_HINT: Final = (
    "Convert the model anew, with one input of shape [rows, features] and without ZipMap: skl2onnx, onnxmltools and "
    "hummingbird have an option for it."
)


def refused(why: str) -> ArtifactError:
    """Return the error for a graph that is not taken."""
    return ArtifactError(f"the ONNX model is not taken: {why}", hint=_HINT)


def bounded(data: bytes, width: int, classes: int | None) -> bytes:
    """Return a graph that was looked at, with one output and what that means; nothing else of it is kept.

    Parameters
    ----------
    data : bytes
        The model as it came.
    width : int
        How many features a row has.
    classes : int or None
        Of a classifier: its output has a probability for each.

    Raises
    ------
    ArtifactError
        ML018: it holds something that is not taken, or computes too much.
    """
    import onnx
    from onnx.utils import Extractor

    check_onnx(data)
    try:
        model = onnx.load_model_from_string(data)
        onnx.checker.check_model(model)
    except Exception as exc:  # protobuf and the checker have errors of their own
        raise refused(str(exc).strip().splitlines()[0][:200]) from exc
    _check_nodes(model)
    given = _input(model, width)
    del model.metadata_props[:]
    output, shape = _output(model, given, width, classes)
    try:
        model = Extractor(model).extract_model([given], [output])
    except Exception as exc:
        raise refused(f"its output {output!r} cannot be had alone: {str(exc).strip()[:200]}") from exc
    _check_sizes(model, given, width)
    meaning = {
        "output": output,
        "link": "identity" if classes is None else "probability1" if shape[1] == 1 else "probabilities",
        "outputs": shape[1],
    }
    entry = model.metadata_props.add()
    entry.key, entry.value = METADATA_KEY, json.dumps(meaning)
    payload: bytes = model.SerializeToString()
    return payload


def _check_nodes(model: Any) -> None:
    graph = model.graph
    if len(graph.node) > MAX_NODES:
        raise refused(f"it has {len(graph.node)} nodes, at most {MAX_NODES} are evaluated")
    constant = {item.name for item in graph.initializer}
    for node in graph.node:
        if node.op_type not in OPERATORS:
            raise refused(f"it has the operator {node.op_type}")
        if node.op_type == "Constant":
            constant.update(node.output)
        if node.op_type == "Reshape" and node.input[1] not in constant:
            raise refused("it has a Reshape whose shape is computed")
        if node.op_type == "Slice" and not set(node.input[1:]) - {""} <= constant:
            raise refused("it has a Slice whose bounds are computed")
        if node.op_type.startswith("TreeEnsemble"):
            _check_trees({item.name: item for item in node.attribute}, node.op_type.removeprefix("TreeEnsemble"))


def _check_trees(found: dict[str, Any], kind: str) -> None:
    """Refuse trees that are none: a node with two parents, whose path might never end."""
    trees = np.asarray(found["nodes_treeids"].ints, np.int64)
    ids = np.asarray(found["nodes_nodeids"].ints, np.int64)
    count = len(ids)
    if count > MAX_TREE_NODES or not count == len(trees) == len(found["nodes_modes"].strings):
        raise refused(f"a tree ensemble has {count} nodes, at most {MAX_TREE_NODES} are evaluated")
    place = {pair: at for at, pair in enumerate(zip(trees.tolist(), ids.tolist(), strict=True))}
    if len(place) != count:
        raise refused("two nodes of a tree have one number")
    leaf = np.array([mode == b"LEAF" for mode in found["nodes_modes"].strings])
    targets: list[int] = []
    for side in ("true", "false"):
        of = np.asarray(found[f"nodes_{side}nodeids"].ints, np.int64)
        if len(of) != count:
            raise refused("a tree's lists have different lengths")
        pairs = zip(trees[~leaf].tolist(), of[~leaf].tolist(), strict=True)
        try:
            targets += [place[pair] for pair in pairs]
        except KeyError as exc:
            raise refused("a tree's node points outside of the tree") from exc
    _check_leaves(found, kind, place)
    first = np.flatnonzero(np.r_[True, trees[1:] != trees[:-1]])
    if len(np.unique(trees)) != len(first):
        raise refused("the nodes of a tree do not lie together")
    _each_once(np.concatenate([np.array(targets, np.int64), first]), count)


def _check_leaves(found: dict[str, Any], kind: str, place: dict[tuple[int, int], int]) -> None:
    """Refuse leaves that add to an output that is not there, or that are none."""
    name = "class" if kind == "Classifier" else "target"
    outputs = (
        max(len(found[key].strings) + len(found[key].ints) for key in found if key.startswith("classlabels"))
        if kind == "Classifier"
        else int(found["n_targets"].i)
    )
    ids, weights = found[f"{name}_ids"].ints, found[f"{name}_weights"].floats
    of = list(zip(found[f"{name}_treeids"].ints, found[f"{name}_nodeids"].ints, strict=False))
    if not len(ids) == len(weights) == len(of) or any(pair not in place for pair in of):
        raise refused("a tree's leaves do not fit its nodes")
    if ids and not 0 <= min(ids) <= max(ids) < outputs:
        raise refused("a tree's leaf adds to an output that is not there")


def _check_reads(node: Any, width: int) -> None:
    """Refuse trees and weights that read beyond a row: the runtime looks at no bound."""
    found = {item.name: item for item in node.attribute}
    if node.op_type.startswith("TreeEnsemble"):
        used = found["nodes_featureids"].ints
        if used and not 0 <= min(used) <= max(used) < width:
            raise refused(f"a tree compares a number beyond the {width} that it is given")
    elif node.op_type in ("LinearClassifier", "LinearRegressor"):
        weights = len(found["coefficients"].floats)
        given = len(found["intercepts"].floats) if "intercepts" in found else weights // max(width, 1)
        if weights != given * width:
            raise refused(f"{node.op_type} has {weights} weights for {given} outputs of {width} numbers")


def _each_once(reached: NDArray[np.int64], count: int) -> None:
    """Refuse nodes that are reached more or less than once: by a parent, or as a root."""
    if len(reached) != count or not np.array_equal(np.sort(reached), np.arange(count)):
        raise refused("a tree's node has two parents, or none")


def _input(model: Any, width: int) -> str:
    from onnx import TensorProto

    constant = {item.name for item in model.graph.initializer}
    given = [item for item in model.graph.input if item.name not in constant]
    if len(given) != 1:
        raise refused(f"it has {len(given)} inputs, one of shape [rows, {width}] is expected")
    tensor = given[0].type.tensor_type
    dims = [int(one.dim_value) for one in tensor.shape.dim]
    if tensor.elem_type not in (TensorProto.FLOAT, TensorProto.DOUBLE) or len(dims) != 2 or dims[1] not in (0, width):
        raise refused(f"its input has to be float or double of shape [rows, {width}], as many as there are features")
    tensor.shape.dim[0].dim_param = "rows"
    return str(given[0].name)


def _output(model: Any, given: str, width: int, classes: int | None) -> tuple[str, tuple[int, ...]]:
    """Return the output that is the answer, and its shape for some rows."""
    session = _session(model.SerializeToString())
    count = ROWS[0]
    rows = np.zeros((count, width), _dtype(session))
    wanted = (classes,) if classes else (1,)
    found = {}
    for item, value in zip(session.get_outputs(), _run(session, None, given, rows), strict=True):
        shape = np.shape(value)
        flat = (count, 1) if shape == (count,) else shape
        if isinstance(value, np.ndarray) and value.dtype.kind == "f" and len(flat) == 2 and flat[0] == count:
            found[item.name] = flat
    fitting = [(name, shape) for name, shape in found.items() if shape[1] in wanted]
    if not fitting:
        what = f"probabilities of {classes} classes" if classes else "one number for each row"
        raise refused(f"none of its outputs is {what}: it has {found or 'no floating-point table'}")
    return fitting[-1]


def _check_sizes(model: Any, given: str, width: int) -> None:
    """Refuse a graph that computes too much for a row, or something of several rows together."""
    import onnx

    wide = onnx.ModelProto()
    wide.CopyFrom(model)
    names = [name for node in wide.graph.node for name in node.output if name]
    kept = {item.name for item in wide.graph.output}
    wide.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name not in kept)
    session = _session(wide.SerializeToString())
    few, many = (
        [np.shape(value) for value in _run(session, names, given, np.zeros((count, width), _dtype(session)))]
        for count in ROWS
    )
    widths = {given: width} | {name: int(shape[-1]) if shape else 1 for name, shape in zip(names, few, strict=True)}
    for node in model.graph.node:
        _check_reads(node, widths.get(node.input[0], 0) if node.input else 0)
    total = 0
    for name, one, other in zip(names, few, many, strict=True):
        by_row = (one[:1], other[:1]) == ((ROWS[0],), (ROWS[1],)) and one[1:] == other[1:]
        if not by_row and one != other:
            raise refused(f"{name!r} is computed of several rows together")
        each = one[1:] if by_row else one
        total += int(np.prod(each, dtype=object))
    if total > MAX_ROW_NUMBERS:
        raise refused(f"it computes {total} numbers for each row, at most {MAX_ROW_NUMBERS} are")


def _session(payload: bytes) -> Any:
    from motadata_ml_server.prediction.runtimes import onnx_library

    ort = onnx_library.load()
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        return ort.InferenceSession(payload, options, providers=["CPUExecutionProvider"])
    except Exception as exc:  # onnxruntime raises its own kinds
        raise refused(str(exc).strip().splitlines()[0][:200]) from exc


def _run(session: Any, names: list[str] | None, given: str, rows: NDArray[Any]) -> list[Any]:
    try:
        found: list[Any] = session.run(names, {given: rows})
    except Exception as exc:  # as above
        raise refused(str(exc).strip().splitlines()[0][:200]) from exc
    return found


def _dtype(session: Any) -> type[np.floating[Any]]:
    return np.float64 if session.get_inputs()[0].type == "tensor(double)" else np.float32
