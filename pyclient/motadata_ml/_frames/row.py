"""One row of input, as the values that JSON or an array of numbers can carry."""

from __future__ import annotations

import datetime
import decimal
import math
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from motadata_ml._frames.characters import REMEDY, text_fault
from motadata_ml._frames.normalise import to_frame
from motadata_ml.errors import InvalidInputError

FLOAT_DIGITS = 15
"""A decimal number of more digits goes as text, which the server reads to the last one: a float would lose some."""

Row: TypeAlias = dict[str, Any] | list[float | None]


def to_row(data: Any) -> Row:
    """Return one row as a dict by feature name, or as a list of numbers by position.

    Parameters
    ----------
    data : dict, Series, one-row frame, array of shape (features,) or (1, features), or list
        One row. A Series with text labels goes by name, one without by position.

    Returns
    -------
    dict or list
        With plain Python values; None for what is missing.

    Raises
    ------
    InvalidInputError
        If it is not one row, or holds an infinity or an object that JSON cannot carry.
    """
    if isinstance(data, Mapping):
        return _named(data.items())
    if isinstance(data, pd.Series):
        by_name = all(isinstance(label, str) for label in data.index)
        return _named(data.items()) if by_name else numbers(data.to_list())
    if isinstance(data, np.ndarray):
        return numbers(_one(data, data.ndim == 2).tolist())
    if isinstance(data, Sequence) and not isinstance(data, str | bytes):
        inner = data[0] if len(data) == 1 else None
        nested = isinstance(inner, Mapping | Sequence) and not isinstance(inner, str)
        return to_row(inner) if nested else numbers(list(data))
    return _framed(data)


def _named(items: Iterable[tuple[Any, Any]]) -> dict[str, Any]:
    """Return a row by name."""
    return {_name(str(name)): plain(value, str(name)) for name, value in items}


def _name(name: str) -> str:
    """Return a feature's name; refuse one that cannot be sent."""
    fault = text_fault(name)
    if fault is not None:
        raise InvalidInputError(f"the name {name!r} holds {fault}", hint=REMEDY)
    return name


def _one(data: NDArray[Any], nested: bool) -> NDArray[Any]:
    """Return the only row of an array."""
    row = data[0] if nested and len(data) == 1 else data
    if row.ndim != 1:
        raise InvalidInputError(
            f"input_data must be one row, got an array of shape {data.shape}",
            hint="use predict_batch for several rows",
        )
    return row


def _framed(data: Any) -> Row:
    """Return the only row of a frame of any library."""
    if not (hasattr(data, "columns") or hasattr(data, "to_arrow")):
        raise InvalidInputError(
            f"input_data must be one row, got {type(data).__name__}",
            hint="pass a dict by feature name, a Series, a one-row frame or a list of numbers",
        )
    frame = to_frame(data, "input_data")
    if len(frame) != 1:
        raise InvalidInputError(
            f"input_data must be one row, got {len(frame)}", hint="use predict_batch for several rows"
        )
    return _named((name, frame[name].iloc[0]) for name in frame.columns)


def numbers(values: list[Any]) -> list[float | None]:
    """Return a row of numbers by position."""
    found: list[float | None] = []
    for position, value in enumerate(values):
        simple = plain(float(value) if _is_long(value) else value, f"at position {position}")
        if simple is not None and not isinstance(simple, bool | int | float):
            raise InvalidInputError(
                f"a row without names must be numbers, got {value!r} at position {position}",
                hint="pass a dict by feature name for text, dates and vectors",
            )
        found.append(None if simple is None else float(simple))
    return found


def plain(value: Any, name: str) -> Any:
    """Return one value as JSON can carry it."""
    value = _python(value)
    if isinstance(value, str):
        return _text(value, name)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return _whole(value, name)
    if isinstance(value, list | tuple | np.ndarray):
        return [plain(item, name) for item in value]
    if isinstance(value, float | decimal.Decimal):
        return str(value) if _is_long(value) else _number(float(value), name)
    return None if pd.isna(value) else _written(value, name)


def _is_long(value: Any) -> bool:
    """Tell a decimal number of more digits than a float keeps."""
    return isinstance(value, decimal.Decimal) and value.is_finite() and len(value.as_tuple().digits) > FLOAT_DIGITS


def _python(value: Any) -> Any:
    """Return a value of NumPy as one of Python or pandas, a decimal NaN as None."""
    if isinstance(value, np.datetime64):
        return pd.Timestamp(value)
    if isinstance(value, decimal.Decimal) and value.is_nan():  # a signalling one is no float
        return None
    if isinstance(value, np.timedelta64):
        return pd.Timedelta(value)
    return value.item() if isinstance(value, np.generic) else value


def _text(value: str, name: str) -> str:
    """Return a text; refuse what PostgreSQL cannot hold."""
    fault = text_fault(value)
    if fault is not None:
        raise InvalidInputError(f"the value of {name} is text with {fault}", hint=REMEDY)
    return value


def _written(value: Any, name: str) -> Any:
    """Return a date, a time, a span of time (in seconds), an identifier or an address by what JSON has for it."""
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    if isinstance(value, uuid.UUID) or type(value).__module__ == "ipaddress":
        return str(value)
    raise InvalidInputError(
        f"the value of {name} has type {type(value).__name__}, which no feature takes",
        hint="pass numbers, text, booleans, dates or lists of numbers",
    )


def _whole(value: int, name: str) -> int:
    """Return a whole number; refuse those that no float reaches."""
    try:
        float(value)
    except OverflowError:
        raise InvalidInputError(
            f"the value of {name} is too large for a number", hint="pass a number below 1.8e308"
        ) from None
    return value


def _number(value: float, name: str) -> float | None:
    """Return a float, None for NaN; refuse infinities."""
    if math.isnan(value):
        return None
    if math.isinf(value):
        raise InvalidInputError(
            f"the value of {name} is infinite", hint="pass a finite number, or None for an unknown one"
        )
    return value
