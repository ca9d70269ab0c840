"""Several estimators as one ONNX graph: a vote, or a stack whose last estimator is linear, in double precision.

Each member is a pipeline of an imputer, a scaler and an estimator, or the estimator alone, whose scores are linear or
trees that are added up. Its answer, a probability for each class or a value, is computed in the graph; the vote is
their weighted mean, the stack what its last estimator makes of them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.prediction.runtimes.linear_model import LinearModel
from motadata_ml_server.prediction.runtimes.onnx import METADATA_KEY
from motadata_ml_server.worker.compile.linear import compile_linear
from motadata_ml_server.worker.compile.onnx_trees import summed_node
from motadata_ml_server.worker.compile.sklearn_trees import read_ensemble

_IR_VERSION: Final = 9
_GIVEN: Final = "features"
_LINKS: Final = frozenset({"identity", "exp", "logit", "logit_ge", "softmax", "probability1", "probabilities"})
"""Of members: how scores become answers that can be averaged."""


def emit_mixture(estimator: Any, width: int) -> bytes | None:
    """Return the ONNX form of a vote or of a stack.

    Parameters
    ----------
    estimator : object
        Fitted.
    width : int
        Encoded numbers of a row.

    Returns
    -------
    bytes or None
        None where it is of another family, or where a member is neither linear nor of trees that add up.
    """
    name = type(estimator).__name__
    if not name.startswith(("Voting", "Stacking")):
        return None
    graph = _Graph()
    answers = [graph.answer(member) for member in estimator.estimators_]
    members = [answer for answer in answers if answer is not None]
    if len(members) < len(answers):
        return None
    classes = len(estimator.classes_) if hasattr(estimator, "classes_") else None
    if name.startswith("Voting"):
        result: str | None = graph.mean(members, estimator.weights)
    else:
        result = _stacked(graph, estimator, members, classes)
    return None if result is None else graph.model(result, width, classes)


def _stacked(graph: _Graph, estimator: Any, members: Sequence[str], classes: int | None) -> str | None:
    if classes is not None and set(estimator.stack_method_) != {"predict_proba"}:
        return None
    if classes == 2:
        members = [graph.column(member, 1) for member in members]  # the first class is left out, as it says the same
    final = compile_linear(estimator.final_estimator_)
    return None if final is None else graph.linked(graph.linear(graph.beside(members), final), final.link)


class _Graph:
    """Nodes and constants, each name used once."""

    def __init__(self) -> None:
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def add(self, operator: str, *given: str, **attributes: Any) -> str:
        """Add a node, and return the name of what comes out."""
        from onnx import helper

        output = f"v{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, list(given), [output], **attributes))
        return output

    def constant(self, value: Any) -> str:
        """Add a constant, and return its name."""
        from onnx import numpy_helper

        name = f"c{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def answer(self, member: Any) -> str | None:
        """Add a member, and return its probabilities or its value; None for what has no such form."""
        steps = [step for _, step in member.steps] if hasattr(member, "steps") else [member]
        given = _GIVEN
        shift, scale = 0.0, 1.0
        for step in steps[:-1]:
            kind = type(step).__name__
            if kind == "SimpleImputer":
                usual = self.constant(np.asarray(step.statistics_, np.float64)[None, :])
                given = self.add("Where", self.add("IsNaN", given), usual, given)
            elif kind == "StandardScaler":
                shift = step.mean_ if step.with_mean else 0.0
                scale = step.scale_
            else:
                return None
        model = compile_linear(steps[-1])
        if model is not None:
            return self.linked(self.linear(given, _unscaled(model, shift, scale)), model.link)
        ensemble = read_ensemble(steps[-1])
        if ensemble is None or ensemble.wide or np.ndim(scale):
            return None
        output = f"v{len(self._nodes)}"
        self._nodes.append(summed_node(ensemble, given, output))
        if ensemble.divide != 1.0:
            output = self.add("Div", output, self.constant(np.float64(ensemble.divide)))
        return self.linked(output, ensemble.link)

    def linear(self, given: str, model: LinearModel) -> str:
        """Add a linear model's scores."""
        products = self.add("MatMul", given, self.constant(np.ascontiguousarray(model.weights.T)))
        return self.add("Add", products, self.constant(model.intercepts[None, :]))

    def linked(self, scores: str, link: str) -> str | None:
        """Add what turns scores into probabilities or a value; None for a link that has none to average."""
        if link not in _LINKS:
            return None
        if link == "exp":
            return self.add("Exp", scores)
        if link == "softmax":
            return self.add("Softmax", scores, axis=1)
        if link in ("identity", "probabilities"):
            return scores
        second = scores if link == "probability1" else self.add("Sigmoid", scores)
        return self.beside([self.add("Sub", self.constant(np.float64(1.0)), second), second])

    def beside(self, columns: Sequence[str]) -> str:
        """Add several tables as one."""
        return self.add("Concat", *columns, axis=1)

    def column(self, table: str, at: int) -> str:
        """Add one column of a table."""
        return self.add("Gather", table, self.constant(np.array([at])), axis=1)

    def mean(self, members: Sequence[str], weights: Sequence[float] | None) -> str:
        """Add the weighted mean of tables of one shape."""
        shares = np.ones(len(members)) if weights is None else np.asarray(weights, np.float64)
        parts = [
            self.add("Mul", member, self.constant(np.float64(share)))
            for member, share in zip(members, shares / shares.sum(), strict=True)
        ]
        total = parts[0]
        for part in parts[1:]:
            total = self.add("Add", total, part)
        return total

    def model(self, result: str, width: int, classes: int | None) -> bytes:
        """Return the model of all that was added."""
        from onnx import TensorProto, helper

        meaning = {
            "output": result,
            "link": "identity" if classes is None else "probabilities",
            "outputs": classes or 1,
        }
        graph = helper.make_graph(
            self._nodes,
            "mixture",
            [helper.make_tensor_value_info(_GIVEN, TensorProto.DOUBLE, [None, width])],
            [helper.make_tensor_value_info(result, TensorProto.DOUBLE, [None, classes or 1])],
            self._constants,
        )
        made = helper.make_model(
            graph,
            producer_name="motadata_ml",
            opset_imports=[helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 5)],
            ir_version=_IR_VERSION,
        )
        helper.set_model_props(made, {METADATA_KEY: json.dumps(meaning)})
        payload: bytes = made.SerializeToString()
        return payload


def _unscaled(model: LinearModel, shift: Any, scale: Any) -> LinearModel:
    """Return a linear model of numbers that were shifted and scaled as one of the numbers themselves."""
    weights: NDArray[np.float64] = model.weights / scale
    return LinearModel(weights, model.intercepts - (weights * shift).sum(axis=1), model.link, model.parameters)
