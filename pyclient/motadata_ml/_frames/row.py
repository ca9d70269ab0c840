"""One row of input, as the values that JSON or an array of numbers can carry."""

from __future__ import annotations

import datetime
import decimal
import math
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from motadata_ml._frames.normalise import to_frame
from motadata_ml.errors import InvalidInputError

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
        return {str(name): plain(value, str(name)) for name, value in data.items()}
    if isinstance(data, pd.Series):
        if all(isinstance(label, str) for label in data.index):
            return {str(label): plain(value, str(label)) for label, value in data.items()}
        return numbers(data.to_list())
    if isinstance(data, np.ndarray):
        if data.ndim == 2 and len(data) == 1:
            data = data[0]
        if data.ndim != 1:
            raise InvalidInputError(
                f"input_data must be one row, got an array of shape {data.shape}",
                hint="use predict_batch for several rows",
            )
        return numbers(data.tolist())
    if isinstance(data, Sequence) and not isinstance(data, str | bytes):
        if len(data) == 1 and isinstance(data[0], Mapping | Sequence) and not isinstance(data[0], str):
            return to_row(data[0])
        return numbers(list(data))
    if hasattr(data, "columns") or hasattr(data, "to_arrow"):
        frame = to_frame(data, "input_data")
        if len(frame) != 1:
            raise InvalidInputError(
                f"input_data must be one row, got {len(frame)}", hint="use predict_batch for several rows"
            )
        return {str(name): plain(frame[name].iloc[0], str(name)) for name in frame.columns}
    raise InvalidInputError(
        f"input_data must be one row, got {type(data).__name__}",
        hint="pass a dict by feature name, a Series, a one-row frame or a list of numbers",
    )


def numbers(values: list[Any]) -> list[float | None]:
    """Return a row of numbers by position."""
    found: list[float | None] = []
    for position, value in enumerate(values):
        simple = plain(value, f"at position {position}")
        if simple is not None and not isinstance(simple, bool | int | float):
            raise InvalidInputError(
                f"a row without names must be numbers, got {value!r} at position {position}",
                hint="pass a dict by feature name for text, dates and vectors",
            )
        found.append(None if simple is None else float(simple))
    return found


def plain(value: Any, name: str) -> Any:
    """Return one value as JSON can carry it."""
    if isinstance(value, np.datetime64):
        value = pd.Timestamp(value)
    elif isinstance(value, np.timedelta64):
        value = pd.Timedelta(value)
    elif isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, int) and not isinstance(value, bool):
        return _whole(value, name)
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, list | tuple | np.ndarray):
        return [plain(item, name) for item in value]
    if isinstance(value, float | decimal.Decimal):
        return _number(float(value), name)
    if pd.isna(value):
        return None
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    if isinstance(value, uuid.UUID):
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
