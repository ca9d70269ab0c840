"""``ml.explain``: one row taken apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from math import isnan
from typing import Any

import numpy as np

from motadata_ml_server.features.json_values import UnsuitableValueError
from motadata_ml_server.inspection import values
from motadata_ml_server.inspection.answer_text import Answer, written
from motadata_ml_server.inspection.contributions import EXACT
from motadata_ml_server.inspection.explained import ExplainedModel, explained_model
from motadata_ml_server.inspection.ranking import check_top_k, ranked
from motadata_ml_server.models.version import VisibleVersion
from motadata_ml_server.postgres.breath import Breath
from motadata_ml_server.postgres.database import Database
from motadata_ml_server.prediction.row_input import decode


def explain(
    db: Database, visible: VisibleVersion, input: str, class_: str | None, top_k: int | None, detail: bool
) -> str:
    """Return the base, of rank 0, and what each feature adds, the largest first, as `answer_text.written` writes them.

    Parameters
    ----------
    db : Database
        The session.
    visible : VisibleVersion
        The version, as the caller sees it.
    input : str
        A JSON object by feature name, or the numbers of an all-numeric model in order.
    class_ : str or None
        The class to explain; None takes the predicted one.
    top_k : int or None
        The most features.
    detail : bool
        Whether the parts of columns stay apart.

    Raises
    ------
    InvalidInputError
        ML011: the row does not fit the model.
    InvalidArgumentError
        ML009: there is no such class, or top_k is out of bounds.
    UnsupportedOperationError
        ML020: as for `ExplainedModel.explain`.
    """
    model = explained_model(db, visible)
    row = decode(input, exact=model.predictor.exact_numbers)
    wanted = None if class_ is None else model.class_of(class_)
    most = None if top_k is None else check_top_k(top_k)
    encoder, linear = model.encoder, model.linear
    try:
        encoder.fill(row)
    except UnsuitableValueError as error:
        raise model.predictor.of_types(error) from None
    if linear is not None and not detail:
        return linear.written(row, encoder.buffer[0].tolist(), wanted, most)
    return written(_any(model, row, wanted, most, detail, Breath(db)))


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


def parts_of(model: ExplainedModel, encoded: Any) -> Any:
    """Return encoded numbers without the shift and the scale of their columns."""
    raw = np.array(encoded)
    for column in model.columns:
        raw[:, column.part] = raw[:, column.part] * column.scale + column.shift
    return raw
