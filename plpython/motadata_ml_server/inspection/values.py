"""The values of features as short texts, beside what they add."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import isnan
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.columns import Column, ColumnKind
from motadata_ml_server.features.category import read_category
from motadata_ml_server.features.kinds import KINDS
from motadata_ml_server.features.numeric import NumericKind
from motadata_ml_server.features.plan_column import PlanColumn
from motadata_ml_server.values.moments import date_text, timestamp_text

LONGEST: Final = 200
"""Characters of a value that are shown."""

SHOWN: Final = 8
"""Numbers of a vector that are shown."""


def shortened(text: str) -> str:
    """Return a text cut to what is shown, with an ellipsis where it is."""
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def of_value(column: PlanColumn, value: Any) -> str | None:
    """Return a feature's value as text, the same as `of_column` has for it in a table; None where it is missing.

    Parameters
    ----------
    column : PlanColumn
        The feature.
    value : object
        A parsed JSON value that suits it.
    """
    if value is None:
        return None
    kind = KINDS[column.kind]
    if not isinstance(kind, NumericKind):
        return shortened(column.form(value) if column.canonical else str(read_category(column.name, value)))
    found = kind.unencoded(column, value)
    if isinstance(found, list):
        return _vector(found)
    return None if found is None or isnan(found) else _WRITERS.get(column.source, of_number)(found)


def of_column(column: Column, kind: ColumnKind, rows: NDArray[np.intp]) -> list[str | None]:
    """Return some values of a column as texts.

    Parameters
    ----------
    column : Column
        As `trained_types.as_trained` returns it.
    kind : ColumnKind
        How the feature travelled at training.
    rows : ndarray of int
        Which.
    """
    if kind == "text":
        texts = column.texts
        return [shortened(texts.dictionary[code]) if code >= 0 else None for code in texts.codes[rows].tolist()]
    numbers = column.numbers[rows]
    if kind == "vector":
        return [None if np.isnan(row).all() else _vector(row.tolist()) for row in numbers]
    write = _WRITERS.get(kind, of_number)
    return [None if isnan(number) else write(number) for number in numbers.tolist()]


def of_number(number: float) -> str:
    """Return a number as text, a whole one without a point."""
    text = repr(number + 0.0)  # no minus before 0
    return text[:-2] if text.endswith(".0") else text


def _truth(number: float) -> str:
    return "true" if number else "false"


def of_moment(seconds: float) -> str:
    """Return a time as text, a date where it is midnight."""
    micros = round(seconds * 1e6)
    return date_text(micros) or timestamp_text(micros)


def _vector(values: Sequence[float]) -> str:
    shown = ", ".join("null" if isnan(value) else of_number(value) for value in values[:SHOWN])
    return shortened(f"[{shown}{', …' if len(values) > SHOWN else ''}]")


_WRITERS: Final[Mapping[str, Callable[[float], str]]] = {"boolean": _truth, "timestamp": of_moment}
"""By how a column of numbers travels, what writes one that is no plain number."""
