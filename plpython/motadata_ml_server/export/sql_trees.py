"""Trees of a stored ONNX model as nested CASE expressions."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from sqlglot import exp
from sqlglot.expressions import Expression

from motadata_ml_server.errors import UnsupportedOperationError
from motadata_ml_server.export.sql_features import FORMS, add, branches, number
from motadata_ml_server.features.plan_column import PlanColumn
from motadata_ml_server.persistence.onnx_intake import check_onnx
from motadata_ml_server.postgres.breath import no_breath
from motadata_ml_server.prediction.runtimes.onnx import METADATA_KEY, leaf_table

MAX_NODES: Final = 4_000
"""Comparisons in one expression; PostgreSQL plans larger ones ever more slowly."""
MAX_DEPTH: Final = 40
"""Nesting of CASE, well below max_stack_depth."""

MAX_TERMS: Final = 20_000
"""Branches of all comparisons together: a category is a CASE of its own wherever a tree compares it."""


@dataclass(frozen=True)
class _Forest:
    features: Sequence[int]
    splits: Sequence[float]
    missing: Sequence[int]
    branches: tuple[tuple[Sequence[int], Sequence[int]], tuple[Sequence[int], Sequence[int]]]
    weights: Sequence[float]
    numbers: Sequence[Callable[[], Expression]]
    breathe: Callable[[], None]

    def expression(self, node: int, leaf_value: Callable[[int], float], depth: int = 0) -> Expression:
        """Return the CASE of one node."""
        if depth > MAX_DEPTH:
            raise too_large(f"a tree is deeper than {MAX_DEPTH}")
        self.breathe()
        value = self.numbers[self.features[node]]
        split = self.splits[node]
        present = exp.not_(exp.Is(this=exp.Paren(this=value()), expression=exp.null()))
        goes_left: Expression = (
            present
            if math.isinf(split) and split > 0
            else exp.LTE(this=exp.Paren(this=value()), expression=number(split))
        )
        if self.missing[node]:
            missing = exp.Is(this=exp.Paren(this=value()), expression=exp.null())
            goes_left = exp.Or(this=goes_left, expression=missing)
        (true_ids, true_leafs), (false_ids, false_leafs) = self.branches
        sides = [
            number(leaf_value(ids[node])) if leafs[node] else self.expression(ids[node], leaf_value, depth + 1)
            for ids, leafs in ((true_ids, true_leafs), (false_ids, false_leafs))
        ]
        return exp.case().when(goes_left, sides[0], copy=False).else_(sides[1], copy=False)


def tree_scores(
    columns: Sequence[PlanColumn], payload: bytes, breathe: Callable[[], None] = no_breath
) -> tuple[list[Expression], str, Mapping[str, Any]]:
    """Return the raw scores of a stored tree ensemble as expressions.

    Parameters
    ----------
    columns : sequence of PlanColumn
        The feature plan.
    payload : bytes
        The ONNX model.
    breathe : callable
        Called for each comparison, so that a cancel is answered.

    Returns
    -------
    (list of Expression, str, mapping)
        Scores, their link, and the link's parameters.

    Raises
    ------
    UnsupportedOperationError
        If the model is no tree ensemble, or too large.
    """
    import onnx

    check_onnx(payload)
    model = onnx.load_from_string(payload)
    meaning = json.loads(next(entry.value for entry in model.metadata_props if entry.key == METADATA_KEY))
    if [node.op_type for node in model.graph.node] != ["TreeEnsemble"]:
        raise UnsupportedOperationError(
            "only linear models and trees have a form in SQL", hint="Use ml.predict_value or ml.predict_label."
        )
    found = {item.name: onnx.helper.get_attribute_value(item) for item in model.graph.node[0].attribute}
    leaves = leaf_table(meaning)
    outputs = int(meaning["outputs"])
    nodes = len(found["nodes_featureids"]) * (1 if leaves is None else outputs)
    if nodes > MAX_NODES:
        raise too_large(f"it has {nodes} comparisons, at most {MAX_NODES} are written")
    sizes = _terms(columns)
    terms = sum(sizes[feature] for feature in found["nodes_featureids"])
    terms *= min(2, outputs) if leaves is None else occurrences(outputs)
    if terms > MAX_TERMS:
        raise too_large(f"with the categories in its comparisons it has {terms} branches, at most {MAX_TERMS}")
    forest = _Forest(
        found["nodes_featureids"],
        onnx.numpy_helper.to_array(found["nodes_splits"]).tolist(),
        found["nodes_missing_value_tracks_true"],
        (
            (found["nodes_truenodeids"], found["nodes_trueleafs"]),
            (found["nodes_falsenodeids"], found["nodes_falseleafs"]),
        ),
        onnx.numpy_helper.to_array(found["leaf_weights"]).tolist(),
        [make for column in columns for make in FORMS[column.kind].numbers(column)],
        breathe,
    )
    scores = [
        _divided(add(_trees_of(forest, found, output, leaves)), float(meaning["divide"])) for output in range(outputs)
    ]
    return scores, str(meaning["link"]), meaning["parameters"]


def _terms(columns: Sequence[PlanColumn]) -> list[int]:
    """Return the branches that each encoded number takes where it is compared."""
    return [
        size for column in columns for size in (branches(column) if column.kind == "category" else [1] * column.width)
    ]


def _trees_of(
    forest: _Forest, found: Mapping[str, Any], output: int, leaves: np.ndarray[Any, Any] | None
) -> list[Expression]:
    if leaves is not None:
        table = leaves[:, output].tolist()
        return [forest.expression(root, lambda leaf: table[int(forest.weights[leaf])]) for root in found["tree_roots"]]
    targets = found["leaf_targetids"]
    roots = [root for root in found["tree_roots"] if targets[_first_leaf(forest, root)] == output]
    return [forest.expression(root, forest.weights.__getitem__) for root in roots]


def _first_leaf(forest: _Forest, node: int) -> int:
    ids, leafs = forest.branches[0]
    while not leafs[node]:
        node = ids[node]
    return ids[node]


def _divided(score: Expression, divide: float) -> Expression:
    if divide == 1.0:
        return score
    return exp.Div(this=exp.Paren(this=score), expression=number(divide), typed=False, safe=False)


def occurrences(outputs: int) -> int:
    """Return how many scores an expression holds: those of several classes stand in it twice, to be compared."""
    return outputs if outputs == 1 else 2 * outputs


def too_large(why: str) -> UnsupportedOperationError:
    """Return the error for a model that is not written as SQL, with why."""
    return UnsupportedOperationError(
        f"the model is too large to write as SQL: {why}",
        hint="Train fewer or shallower trees (n_estimators, max_depth), or use ml.predict_value.",
    )
