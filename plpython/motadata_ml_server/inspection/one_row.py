"""``ml.explain``: one row taken apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from math import isnan
from typing import Any

import numpy as np

from motadata_ml_server.errors import InvalidInputError
from motadata_ml_server.features.json_values import UnsuitableValueError
from motadata_ml_server.inspection import values
from motadata_ml_server.inspection.contributions import EXACT
from motadata_ml_server.inspection.explained import ExplainedModel
from motadata_ml_server.inspection.linear_row import LinearRow
from motadata_ml_server.inspection.ranking import ranked

Answer = tuple[str | None, str | None, str | None, float, int, float | None, str, str]
"""Class, feature, value, attribution, rank, standard error, method and unit."""


def explain(
    model: ExplainedModel,
    row: Any,
    wanted: int | None,
    top_k: int | None,
    detail: bool,
    breathe: Callable[[], None],
) -> Iterator[Answer]:
    """Yield the base, of rank 0, and what each feature adds, the largest first.

    Parameters
    ----------
    model : ExplainedModel
        The model.
    row : mapping or list
        Parsed JSON values by feature name, or the numbers of an all-numeric model in order.
    wanted : int or None
        The class to explain; None takes the predicted one.
    top_k : int or None
        The most features.
    detail : bool
        Whether the parts of columns stay apart.
    breathe : callable
        Lets a cancel be answered.

    Raises
    ------
    InvalidInputError
        ML011: the row does not fit the model.
    UnsupportedOperationError
        ML020: as for `ExplainedModel.explain`.
    """
    if not isinstance(row, (Mapping, list)):
        raise InvalidInputError("input must be a JSON object or an array of numbers", hint="Pass to_jsonb(t).")
    try:
        model.encoder.fill(row)
    except UnsuitableValueError as error:
        raise model.predictor.of_types(error) from None
    if model.linear is not None and not detail:
        yield from _linear(model, model.linear, row, wanted, top_k)
        return
    yield from _any(model, row, wanted, top_k, detail, breathe)


def _any(
    model: ExplainedModel,
    row: Any,
    wanted: int | None,
    top_k: int | None,
    detail: bool,
    breathe: Callable[[], None],
) -> Iterator[Answer]:
    encoded = np.array(model.encoder.buffer)
    found = model.explain(encoded, wanted, detail, breathe)
    if not len(found.rows):
        return
    method, unit = model.kinds[int(found.kinds[0])]
    at = int(found.classes[0])
    label = None if at < 0 or model.classes is None else model.classes[at]
    contributions = found.contributions
    yield (label, None, None, float(contributions.base[0]), 0, None if method == EXACT else 0.0, method, unit)
    order = ranked(contributions.parts, top_k, zeros=not detail)[0].tolist()
    parts = contributions.parts[0].tolist()
    errors = None if contributions.errors is None or method == EXACT else contributions.errors[0].tolist()
    names = model.plan.output_names if detail else model.names
    given = _parts_given(model, encoded, order) if detail else _given(model, row, order)
    for rank, (one, value) in enumerate(zip(order, given, strict=True), 1):
        error = None if errors is None else errors[one]
        yield (label, names[one], value, parts[one], rank, error, method, unit)


def _given(model: ExplainedModel, row: Any, order: list[int]) -> list[str | None]:
    """Return the values of some features as texts."""
    named = row if isinstance(row, Mapping) else model.split(row)
    return [values.of_value(model.columns[one], named[model.names[one]]) for one in order]


def _parts_given(model: ExplainedModel, encoded: Any, order: list[int]) -> list[str | None]:
    """Return some parts of columns as numbers."""
    raw = parts_of(model, encoded)[0].tolist()
    return [None if isnan(raw[one]) else values.of_number(raw[one]) for one in order]


def _linear(
    model: ExplainedModel, linear: LinearRow, row: Any, wanted: int | None, top_k: int | None
) -> Iterator[Answer]:
    """Yield what `explain` does, of a linear model."""
    at, base, parts = linear.explain(row, model.encoder.buffer[0].tolist(), wanted)
    label = None if at < 0 or model.classes is None else model.classes[at]
    unit, names = linear.unit, model.names
    yield (label, None, None, base, 0, None, EXACT, unit)
    named = row if isinstance(row, Mapping) else model.split(row)
    sizes = [-abs(part) for part in parts]
    order = sorted(range(len(parts)), key=sizes.__getitem__)
    for rank, one in enumerate(order if top_k is None else order[:top_k], 1):
        name = names[one]
        value = values.of_value(model.columns[one], named[name])
        yield (label, name, value, parts[one], rank, None, EXACT, unit)


def parts_of(model: ExplainedModel, encoded: Any) -> Any:
    """Return encoded numbers without the shift and the scale of their columns."""
    raw = np.array(encoded)
    for column in model.columns:
        part = slice(column.start, column.start + column.width)
        raw[:, part] = raw[:, part] * column.scale + column.shift
    return raw
