"""Our own ONNX form of scikit-learn's decision trees, equal to the last bit.

One `TreeEnsemble` node (ai.onnx.ml 5) in double precision, which ONNX Runtime evaluates as fast as
in single precision. Sums of leaves are taken in the order of the trees, as scikit-learn does.

Decision trees compare float32(x) <= threshold. Rounding is monotone, so for a double x that is
the same as x <= t', where t' is the largest double that rounds to a float32 not above the
threshold (`float32_threshold`). HistGradientBoosting compares doubles as they are.

A node's leaf adds to one target only. Where every leaf holds several numbers (three classes and
more), the model returns which leaf each tree ended in, and the runtime adds up the rows of the
leaf table that lies in the model's metadata.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.prediction.runtimes.onnx import METADATA_KEY
from motadata_ml_server.worker.compile.sklearn_trees import read_ensemble
from motadata_ml_server.worker.compile.splitting import splitting_features
from motadata_ml_server.worker.compile.tree import Ensemble, Tree

_IR_VERSION: Final = 9
_MAX_LEAF_TABLE_BYTES: Final = 256 << 20


def emit_trees(estimator: Any, width: int) -> bytes | None:
    """Return the ONNX form of an estimator's trees; None where `read_ensemble` or `emit_ensemble` gives none."""
    ensemble = read_ensemble(estimator)
    return None if ensemble is None else emit_ensemble(ensemble, width)


def emit_ensemble(ensemble: Ensemble, width: int) -> bytes | None:
    """Return the ONNX form of an ensemble of trees.

    Parameters
    ----------
    ensemble : Ensemble
        Trees of a fitted estimator.
    width : int
        Encoded numbers of a row.

    Returns
    -------
    bytes or None
        None where its leaves hold more than fits.
    """
    nodes = _Nodes()
    leaves: NDArray[np.float64] | None = None
    if ensemble.wide:
        leaves = np.vstack([tree.values for tree in ensemble.trees])
        if leaves.nbytes > _MAX_LEAF_TABLE_BYTES:
            return None
        first = 0
        for position, tree in enumerate(ensemble.trees):
            nodes.add(tree, position, np.arange(first, first + len(tree.values), dtype=np.float64))
            first += len(tree.values)
    else:
        for tree in ensemble.trees:
            nodes.add(tree, tree.target, tree.values[:, 0])
    targets = len(ensemble.trees) if ensemble.wide else ensemble.outputs
    return _model(nodes, width, targets, _meaning(ensemble, leaves))


def _meaning(ensemble: Ensemble, leaves: NDArray[np.float64] | None) -> dict[str, Any]:
    meaning: dict[str, Any] = {
        "output": "scores",
        "link": ensemble.link,
        "parameters": ensemble.parameters,
        "outputs": ensemble.outputs,
        "divide": ensemble.divide,
        "row_order": splitting_features(ensemble.trees),
    }
    if leaves is not None:
        data = zlib.compress(np.ascontiguousarray(leaves, dtype="<f8").tobytes(), 1)
        meaning["leaves"] = {"shape": list(leaves.shape), "data": base64.b64encode(data).decode()}
    return meaning


@dataclass
class _Nodes:
    """The parallel arrays of a `TreeEnsemble` node, grown tree by tree."""

    roots: list[int] = field(default_factory=list)
    features: list[NDArray[np.int64]] = field(default_factory=list)
    splits: list[NDArray[np.float64]] = field(default_factory=list)
    missing: list[NDArray[np.int64]] = field(default_factory=list)
    true_ids: list[NDArray[np.int64]] = field(default_factory=list)
    true_leafs: list[NDArray[np.int64]] = field(default_factory=list)
    false_ids: list[NDArray[np.int64]] = field(default_factory=list)
    false_leafs: list[NDArray[np.int64]] = field(default_factory=list)
    targets: list[NDArray[np.int64]] = field(default_factory=list)
    weights: list[NDArray[np.float64]] = field(default_factory=list)
    node_count: int = 0
    leaf_count: int = 0

    def add(self, tree: Tree, target: int, weights: NDArray[np.float64]) -> None:
        """Append a tree whose node i has `weights[i]` if it is a leaf."""
        leaf = tree.left < 0
        if leaf[0]:
            # a tree of one leaf: the format wants a node, so both of its branches are that leaf
            tree = tree.with_root_split()
            weights = np.concatenate([[0.0], weights[:1], weights[:1]])
            leaf = tree.left < 0
        inner = ~leaf
        place = np.where(leaf, self.leaf_count + np.cumsum(leaf) - 1, self.node_count + np.cumsum(inner) - 1)
        self.roots.append(self.node_count)
        left, right = tree.left[inner], tree.right[inner]
        self.features.append(tree.feature[inner].astype(np.int64))
        self.splits.append(tree.threshold[inner].astype(np.float64))
        self.missing.append(tree.missing_left[inner].astype(np.int64))
        for children, ids, leafs in (
            (left, self.true_ids, self.true_leafs),
            (right, self.false_ids, self.false_leafs),
        ):
            ids.append(place[children].astype(np.int64))
            leafs.append(leaf[children].astype(np.int64))
        self.targets.append(np.full(int(leaf.sum()), target, dtype=np.int64))
        self.weights.append(weights[leaf].astype(np.float64))
        self.node_count += int(inner.sum())
        self.leaf_count += int(leaf.sum())


def summed_node(ensemble: Ensemble, given: str, output: str) -> Any:
    """Return the node that adds up the leaves of an ensemble whose leaves hold one number each."""
    nodes = _Nodes()
    for tree in ensemble.trees:
        nodes.add(tree, tree.target, tree.values[:, 0])
    return _node(nodes, ensemble.outputs, given, output)


def _node(nodes: _Nodes, targets: int, given: str, output: str) -> Any:
    from onnx import helper, numpy_helper

    node = helper.make_node(
        "TreeEnsemble",
        [given],
        [output],
        domain="ai.onnx.ml",
        n_targets=targets,
        aggregate_function=1,
        post_transform=0,
        tree_roots=nodes.roots,
        nodes_modes=numpy_helper.from_array(np.zeros(nodes.node_count, dtype=np.uint8)),
        nodes_splits=numpy_helper.from_array(np.concatenate(nodes.splits)),
        leaf_weights=numpy_helper.from_array(np.concatenate(nodes.weights)),
    )
    lists: dict[str, Sequence[NDArray[np.int64]]] = {
        "nodes_featureids": nodes.features,
        "nodes_missing_value_tracks_true": nodes.missing,
        "nodes_truenodeids": nodes.true_ids,
        "nodes_trueleafs": nodes.true_leafs,
        "nodes_falsenodeids": nodes.false_ids,
        "nodes_falseleafs": nodes.false_leafs,
        "leaf_targetids": nodes.targets,
    }
    for name, parts in lists.items():
        # set directly: the helper would check every one of a million numbers by itself
        attribute = node.attribute.add()
        attribute.name = name
        attribute.type = 7  # AttributeProto.INTS
        attribute.ints.extend(np.concatenate(parts).tolist())
    return node


def _model(nodes: _Nodes, width: int, targets: int, meaning: dict[str, Any]) -> bytes:
    from onnx import TensorProto, helper

    node = _node(nodes, targets, "features", "scores")
    graph = helper.make_graph(
        [node],
        "trees",
        [helper.make_tensor_value_info("features", TensorProto.DOUBLE, [None, width])],
        [helper.make_tensor_value_info("scores", TensorProto.DOUBLE, [None, targets])],
    )
    model = helper.make_model(
        graph,
        producer_name="motadata_ml",
        opset_imports=[helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 5)],
        ir_version=_IR_VERSION,
    )
    helper.set_model_props(model, {METADATA_KEY: json.dumps(meaning)})
    payload: bytes = model.SerializeToString()
    return payload
