"""Rows to predict, as the columns the model was trained on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from motadata_ml._frames import Column, empty_column, to_column
from motadata_ml._frames.columns import SqlType
from motadata_ml.errors import InvalidInputError, UnsupportedColumnError

_EMPTY: Mapping[str, SqlType] = {
    "number": "double precision",
    "boolean": "boolean",
    "text": "text",
    "timestamp": "timestamptz",
    "vector": "double precision[]",
}
"""For columns without a single value, which show no type of their own."""


def batch_columns(frame: pd.DataFrame, given: Any, info: Mapping[str, Any]) -> list[Column]:
    """Return the model's features out of a frame, ready to be sent.

    Parameters
    ----------
    frame : DataFrame
        The rows.
    given : object
        What the caller passed: columns without names go by position.
    info : mapping
        The model's description.

    Raises
    ------
    InvalidInputError
        If features are missing or a value cannot be sent.
    """
    plan = info["features"]
    names = [str(column["name"]) for column in plan]
    if _unnamed(given) and not set(names) <= set(frame.columns):
        if len(frame.columns) != len(names):
            raise InvalidInputError(
                f"input_data has {len(frame.columns)} columns, the model takes {len(names)}",
                hint=f"in this order: {', '.join(names[:20])}",
            )
        frame = frame.set_axis(pd.Index(names), axis=1)
    missing = [name for name in names if name not in frame.columns]
    if missing:
        raise InvalidInputError(
            f"input_data lacks the features {', '.join(map(repr, missing))}",
            hint="add them; None stands for a value that is not known",
        )
    return [_column(frame[name], name, str(column["source"])) for name, column in zip(names, plan, strict=True)]


def _unnamed(given: Any) -> bool:
    """Whether rows came without column names."""
    if isinstance(given, np.ndarray):
        return given.dtype.names is None
    return isinstance(given, list) and not isinstance(given[0], Mapping)


def _column(series: pd.Series[Any], name: str, source: str) -> Column:
    """Return one feature, of the kind the model was trained on where its own says nothing."""
    try:
        if series.isna().all():
            return empty_column(name, _EMPTY[source], len(series))
        if source == "timestamp" and pd.api.types.is_string_dtype(series.dtype):
            series = pd.to_datetime(series, format="ISO8601", utc=True)
        if source == "text" and pd.api.types.infer_dtype(series, skipna=True) == "decimal":
            series = series.map(str, na_action="ignore")  # a category of numbers that a float would cut
        return to_column(series, name, "input_data")
    except UnsupportedColumnError as error:
        raise InvalidInputError(error.message, hint=error.hint) from error
    except ValueError as error:
        raise InvalidInputError(
            f"feature {name!r} must be a timestamp: {error}", hint="convert it with pandas.to_datetime"
        ) from error
