"""`links` as ONNX operators: from raw scores, double [N, outputs], to an answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from motadata_ml_server.export.onnx_features import GraphBuilder


def class_position(graph: GraphBuilder, scores: str, link: str, outputs: int) -> str:
    """Add the position of each row's class, int64 [N].

    Parameters
    ----------
    graph : GraphBuilder
        Grows.
    scores : str
        Name of the raw scores.
    link : str
        A name in `links`.
    outputs : int
        How many scores a row has.

    Returns
    -------
    str
        Name of the positions.
    """
    if link == "label_first":
        return graph.cast(_first(graph, scores), np.int64)
    if outputs > 1:
        return graph.add("ArgMax", scores, axis=1, keepdims=0)
    compare = "GreaterOrEqual" if link == "logit_ge" else "Greater"
    bound = graph.constant(0.5 if link == "probability1" else 0.0)
    return graph.cast(graph.add(compare, _first(graph, scores), bound), np.int64)


def probabilities(graph: GraphBuilder, scores: str, link: str, outputs: int) -> str:
    """Add the probabilities of the classes, double [N, classes].

    Parameters
    ----------
    graph : GraphBuilder
        Grows.
    scores : str
        Name of the raw scores.
    link : str
        A name in `links` that has probabilities.
    outputs : int
        How many scores a row has.

    Returns
    -------
    str
        Name of the probabilities.
    """
    if link == "probabilities":
        return scores
    if link == "label_first":
        bounds = (graph.constant([1]), graph.constant([outputs]), graph.constant([1]))
        return graph.add("Slice", scores, *bounds)
    if link == "softmax":
        return graph.add("Softmax", scores, axis=1)
    one, half = graph.constant(1.0), graph.constant(0.5)
    if link == "probability1":
        parts = scores
    elif link == "modified_huber":
        clipped = graph.add("Clip", scores, graph.constant(-1.0), one)
        parts = graph.add("Mul", graph.add("Add", clipped, one), half)
    else:
        parts = graph.add("Sigmoid", scores)
    if outputs == 1:
        return graph.add("Concat", graph.add("Sub", one, parts), parts, axis=1)
    total = graph.add("ReduceSum", parts, graph.constant([1]), keepdims=1)
    empty = graph.add("Equal", total, graph.constant(0.0))
    # where all parts are 0, every class is as likely
    return graph.add(
        "Where",
        empty,
        graph.constant(np.full((1, outputs), 1.0 / outputs)),
        graph.add("Div", parts, graph.add("Where", empty, one, total)),
    )


def value_of(graph: GraphBuilder, scores: str, link: str, parameters: Mapping[str, Any]) -> str:
    """Add the number each row gets (regression, anomaly), double [N].

    Parameters
    ----------
    graph : GraphBuilder
        Grows.
    scores : str
        Name of the raw scores.
    link : str
        A name in `links`.
    parameters : mapping
        The link's own parameters.

    Returns
    -------
    str
        Name of the values.
    """
    first = _first(graph, scores)
    if link == "exp":
        return graph.add("Exp", first)
    if link == "isolation":
        power = graph.add("Pow", graph.constant(2.0), graph.add("Neg", first))
        return graph.add("Sub", graph.add("Neg", power), graph.constant(float(parameters["offset"])))
    return first


def _first(graph: GraphBuilder, scores: str) -> str:
    return graph.add("Gather", scores, graph.constant(0), axis=1)
