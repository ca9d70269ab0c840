"""Forecasts of many series, of a relation or of rows in memory: the server does all of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, LiteralString

import pandas as pd

from motadata_ml._calls import Call, Fetch, Row, Steps
from motadata_ml._frames import to_columns, to_frame
from motadata_ml._operations.functions import select_function
from motadata_ml._operations.lending import Lent, lend, take_back
from motadata_ml.errors import InvalidArgumentError
from motadata_ml.results import ForecastTable, Record, ResultTable

PICTURED = 6
"""A picture has so many series at the most; only then is their past asked for."""


def forecast(input_data: Any, arguments: dict[str, Any]) -> Call[ForecastTable]:
    """Return the call that forecasts series, and reads the past of a few for a picture.

    Parameters
    ----------
    input_data : str, frame or other rows
        A table name or SELECT, or rows in memory.
    arguments : dict
        All others of ``ml.forecast``, by name.
    """
    frame = _frame(input_data, arguments)

    def steps() -> Steps[ForecastTable]:
        lent = yield from _lent(input_data, frame)
        rows: list[Row] = yield select_function("forecast", {"input_data": lent.argument, **arguments})
        history: list[Row] = []
        if len({str(row["series"]) for row in rows}) <= PICTURED:
            past = {key: value for key, value in arguments.items() if key not in ("horizon", "level", "model")}
            history = yield select_function("decompose", {"input_data": lent.argument, **past}, "series, at, value")
        yield from take_back(lent)
        return ForecastTable(map(Record, rows), map(Record, history))

    return Call(steps, repeat=True)


def table_of(name: LiteralString, input_data: Any, arguments: dict[str, Any]) -> Call[ResultTable]:
    """Return the call of another function of the chapter.

    Parameters
    ----------
    name : str
        The function.
    input_data, arguments
        As for `forecast`.
    """
    frame = _frame(input_data, arguments)

    def steps() -> Steps[ResultTable]:
        lent = yield from _lent(input_data, frame)
        rows: list[Row] = yield select_function(name, {"input_data": lent.argument, **arguments})
        yield from take_back(lent)
        return ResultTable(map(Record, rows))

    return Call(steps, repeat=True)


def _frame(input_data: Any, arguments: dict[str, Any]) -> pd.DataFrame | None:
    """Return the columns of rows in memory that the call needs; None of a relation."""
    if isinstance(input_data, str):
        return None
    frame = to_frame(input_data, "input_data")
    series: Sequence[str] = arguments["series"] or []
    if isinstance(series, str):
        raise InvalidArgumentError(f"series must be a list of columns, got {series!r}", hint=f"write [{series!r}]")
    named = [arguments["time_column"], arguments["value_column"], *series]
    lacking = [name for name in named if name not in frame.columns]
    if lacking:
        raise InvalidArgumentError(
            f"input_data has no column {lacking[0]!r}", hint=f"its columns are: {', '.join(map(str, frame.columns))}"
        )
    return frame[list(dict.fromkeys(named))]


def _lent(input_data: Any, frame: pd.DataFrame | None) -> Steps[Lent]:
    if frame is None:
        return Lent(str(input_data))
    rows = yield Fetch("select pg_catalog.current_setting('transaction_read_only')::boolean as read_only")
    return (yield from lend(to_columns(frame, "input_data"), frame, read_only=rows[0]["read_only"]))
