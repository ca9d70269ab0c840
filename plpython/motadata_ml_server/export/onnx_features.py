"""A feature plan as ONNX operators: raw columns in, encoded rows out."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NoReturn

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.errors import UnsupportedOperationError
from motadata_ml_server.features.category import category_rows
from motadata_ml_server.features.plan_column import PlanColumn

ML_DOMAIN: Final = "ai.onnx.ml"


class GraphBuilder:
    """Nodes and constants of a graph, with names that no feature has.

    Parameters
    ----------
    taken : sequence of str
        Names of the features, which are the graph's inputs.

    Attributes
    ----------
    nodes, constants, inputs : list
        What was added so far, in ONNX's own types.
    prefix : str
        Begins every name made here.
    """

    def __init__(self, taken: Sequence[str]) -> None:
        self.prefix = "ml/"
        while any(name.startswith(self.prefix) for name in taken):
            self.prefix = f"_{self.prefix}"
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.inputs: list[Any] = []

    def constant(self, values: Any) -> str:
        """Add a constant and return its name; floats are double precision, whole numbers int64."""
        from onnx import numpy_helper

        name = f"{self.prefix}c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(values), name))
        return name

    def add(self, operator: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        """Add a node of one output and return that output's name."""
        from onnx import helper

        name = output or f"{self.prefix}n{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], **attributes))
        return name

    def cast(self, value: str, dtype: Any, output: str | None = None) -> str:
        """Add a cast to a NumPy type and return its name."""
        from onnx import helper

        return self.add("Cast", value, output=output, to=helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))


def encode(graph: GraphBuilder, columns: Sequence[PlanColumn]) -> str:
    """Add the inputs of a feature plan and all that encodes them.

    Parameters
    ----------
    graph : GraphBuilder
        Grows.
    columns : sequence of PlanColumn
        The plan. A number, a boolean and a timestamp (seconds since 1970) is a double [N, 1] with NaN for NULL, a
        vector a double [N, size], a category a string [N, 1] in which every text that is no category is NULL.

    Returns
    -------
    str
        Name of the encoded rows, double [N, width].

    Raises
    ------
    UnsupportedOperationError
        ML020: a column is free text.
    """
    blocks = [(column.width, ENCODERS[column.kind](graph, column)) for column in columns]
    return graph.add("Concat", *(block for width, block in blocks if width), axis=1)


def _no_text(graph: GraphBuilder, column: PlanColumn) -> NoReturn:
    raise UnsupportedOperationError(
        f"feature {column.name!r} is free text, which has no form in ONNX",
        hint=f"Train without {column.name!r}, or as a category: "
        f"preprocess => '{json.dumps({column.name: {'type': 'category'}})}'.",
    )


def _number(graph: GraphBuilder, column: PlanColumn) -> str:
    return _imputed(graph, column, _input(graph, column, 1))


def _vector(graph: GraphBuilder, column: PlanColumn) -> str:
    return _imputed(graph, column, _input(graph, column, int(column.spec["size"])))


def _timestamp(graph: GraphBuilder, column: PlanColumn) -> str:
    return _imputed(graph, column, _calendar(graph, _input(graph, column, 1), column.spec["parts"]))


def _input(graph: GraphBuilder, column: PlanColumn, size: int, *, text: bool = False) -> str:
    """Add the graph's input of a feature's values, and return its name."""
    from onnx import TensorProto, helper

    kind = TensorProto.STRING if text else TensorProto.DOUBLE
    graph.inputs.append(helper.make_tensor_value_info(column.name, kind, ["N", size]))
    return column.name


def _imputed(graph: GraphBuilder, column: PlanColumn, raw: str) -> str:
    """Put substitutes in the place of NaN, add the indicator, then shift and scale."""
    missing = graph.add("IsNaN", raw)
    if not np.isnan(column.impute).all():
        raw = graph.add("Where", missing, graph.constant(column.impute[None, :]), raw)
    if column.indicator:
        raw = graph.add("Concat", raw, graph.cast(missing, np.float64), axis=1)
    if column.shift.any():
        raw = graph.add("Sub", raw, graph.constant(column.shift[None, :]))
    if (column.scale != 1.0).any():
        raw = graph.add("Div", raw, graph.constant(column.scale[None, :]))
    return raw


def _category(graph: GraphBuilder, column: PlanColumn) -> str:
    """Look up the encoded numbers of a category: the last row is that of NULL and of unknown ones."""
    rows, unknown = category_rows(column)
    table: NDArray[np.float64] = np.vstack([*rows.values(), unknown])
    position = graph.add(
        "LabelEncoder",
        _input(graph, column, 1, text=True),
        domain=ML_DOMAIN,
        # a key is needed even where there is no category; it leads to the row that all others get
        keys_strings=list(rows) or [""],
        values_int64s=list(range(max(1, len(rows)))),
        default_int64=len(rows),
    )
    flat = graph.add("Reshape", position, graph.constant([-1]))
    return graph.add("Gather", graph.constant(table), flat, axis=0)


def _calendar(graph: GraphBuilder, seconds: str, parts: Sequence[str]) -> str:
    """Split seconds since 1970 as `features.timestamp.calendar_columns` does; NaN stays NaN."""

    def op(operator: str, left: str, right: float | str) -> str:
        return graph.add(operator, left, graph.constant(right) if isinstance(right, float) else right)

    def quotient(value: str, divisor: float) -> str:
        return graph.add("Floor", op("Div", value, divisor))

    def rest_of(value: str, divisor: float) -> str:
        return op("Sub", value, op("Mul", quotient(value, divisor), divisor))

    whole = quotient(seconds, 86400.0)
    rest = rest_of(seconds, 86400.0)
    shifted = op("Add", whole, 719468.0)
    era = quotient(shifted, 146097.0)
    day_of_era = rest_of(shifted, 146097.0)
    leaps = op("Sub", quotient(day_of_era, 36524.0), quotient(day_of_era, 1460.0))
    leaps = op("Sub", leaps, quotient(day_of_era, 146096.0))
    year_of_era = quotient(op("Add", day_of_era, leaps), 365.0)
    year_days = op("Add", op("Mul", year_of_era, 365.0), quotient(year_of_era, 4.0))
    day_of_year = op("Sub", day_of_era, op("Sub", year_days, quotient(year_of_era, 100.0)))
    index = quotient(op("Add", op("Mul", day_of_year, 5.0), 2.0), 153.0)
    # the months are counted from March: 10 and 11 are January and February of the next year
    wraps = quotient(index, 10.0)
    known = {
        "days": lambda: op("Div", seconds, 86400.0),
        "year": lambda: op("Add", op("Add", year_of_era, op("Mul", era, 400.0)), wraps),
        "month": lambda: op("Sub", op("Add", index, 3.0), op("Mul", wraps, 12.0)),
        "day": lambda: op("Sub", op("Add", day_of_year, 1.0), quotient(op("Add", op("Mul", index, 153.0), 2.0), 5.0)),
        "dow": lambda: rest_of(op("Add", whole, 3.0), 7.0),
        "hour": lambda: quotient(rest, 3600.0),
        "minute": lambda: quotient(rest_of(rest, 3600.0), 60.0),
    }
    return graph.add("Concat", *(known[part]() for part in parts), axis=1)


ENCODERS: Final[Mapping[str, Callable[[GraphBuilder, PlanColumn], str]]] = {
    "number": _number,
    "boolean": _number,
    "timestamp": _timestamp,
    "vector": _vector,
    "text": _no_text,
    "category": _category,
}
"""By kind of feature, what adds its input and the nodes that encode it, and returns the name of the encoded numbers; a
kind that has no form in ONNX raises UnsupportedOperationError."""
