"""The values of features as short texts, beside what they add."""

from __future__ import annotations

import json
from collections.abc import Sequence
from math import isnan
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.columns import Column
from motadata_ml_server.values.moments import date_text, timestamp_text

LONGEST: Final = 200
"""Characters of a value that are shown."""

SHOWN: Final = 8
"""Numbers of a vector that are shown."""


def shortened(text: str) -> str:
    """Return a text cut to what is shown, with an ellipsis where it is."""
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def of_json(value: Any) -> str | None:
    """Return a parsed JSON value as text, None for null."""
    if value is None:
        return None
    kind = value.__class__
    if kind in (float, int):
        return repr(value)
    if isinstance(value, str):
        return shortened(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return _vector(value)
    return shortened(getattr(value, "text", None) or json.dumps(value))


def of_column(column: Column, rows: NDArray[np.intp]) -> list[str | None]:
    """Return some values of a column as texts.

    Parameters
    ----------
    column : Column
        As it was read.
    rows : ndarray of int
        Which.
    """
    kind = column.schema.kind
    if kind == "text":
        texts = column.texts
        return [shortened(texts.dictionary[code]) if code >= 0 else None for code in texts.codes[rows].tolist()]
    numbers = column.numbers[rows]
    if kind == "vector":
        return [None if np.isnan(row).all() else _vector(row.tolist()) for row in numbers]
    write = {"boolean": _truth, "timestamp": of_moment}.get(kind, of_number)
    return [None if isnan(number) else write(number) for number in numbers.tolist()]


def of_number(number: float) -> str:
    """Return a number as text, a whole one without a point."""
    text = repr(number)
    return text[:-2] if text.endswith(".0") else text


def _truth(number: float) -> str:
    return "true" if number else "false"


def of_moment(seconds: float) -> str:
    """Return a time as text, a date where it is midnight."""
    micros = round(seconds * 1e6)
    return date_text(micros) or timestamp_text(micros)


def _vector(values: Sequence[Any]) -> str:
    shown = ", ".join("null" if value is None else of_json_number(value) for value in values[:SHOWN])
    return shortened(f"[{shown}{', …' if len(values) > SHOWN else ''}]")


def of_json_number(value: Any) -> str:
    """Return an item of an array as text."""
    return of_number(value) if isinstance(value, float) else str(value)
