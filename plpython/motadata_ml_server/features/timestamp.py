"""Points in time, as parts of the calendar."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from math import floor, isinf, isnan, nan
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.features.json_values import invalid, says_nan
from motadata_ml_server.features.number import read_number
from motadata_ml_server.features.numeric import NumericKind, Reader, imputed
from motadata_ml_server.features.plan_column import Matrix, PlanColumn
from motadata_ml_server.values.moments import read_moment

PARTS: Final = ("days", "year", "month", "day", "dow", "hour", "minute")
"""The parts a plan may ask for, in its order."""

EXACT_YEARS: Final = (1750, 2200)
"""Years in which seconds since 1970, as a float, keep microseconds; beyond, tables round some up to the next minute."""

_EPOCH_NAIVE: Final = datetime(1970, 1, 1)
_OF_DATETIME: Final[dict[str, Callable[[datetime], float]]] = {
    "days": lambda moment: (moment - _EPOCH_NAIVE).total_seconds() / 86400.0,
    "year": lambda moment: float(moment.year),
    "month": lambda moment: float(moment.month),
    "day": lambda moment: float(moment.day),
    "dow": lambda moment: float(moment.weekday()),
    "hour": lambda moment: float(moment.hour),
    "minute": lambda moment: float(moment.minute),
}


def read_timestamp(name: str, value: Any) -> float:
    """Read a point in time as seconds since 1970 in UTC; NaN where it is missing.

    Parameters
    ----------
    name : str
        The feature, for the error.
    value : object
        An ISO 8601 date or timestamp (without an offset: UTC), also beyond the year 9999 and before Christ as
        PostgreSQL prints them, or epoch seconds.

    Returns
    -------
    float
        Seconds, or NaN.

    Raises
    ------
    InvalidInputError
        If it is no point in time, or an infinite one.
    """
    if isinstance(value, str):
        micros = read_moment(value)
        if micros is None and says_nan(value):
            return nan
        if micros is None:
            raise invalid(name, "must be an ISO 8601 date or timestamp", value)
        if isinf(micros):
            raise invalid(name, "must be an ISO 8601 date or timestamp that is finite", value)
        # as PostgreSQL divides, so that both get the same float
        return micros / 1e6
    if value is None:
        return nan
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise invalid(name, "must be an ISO 8601 date or timestamp, or seconds since 1970", value)
    return read_number(name, value)


def moment_reader(name: str, parts: tuple[str, ...], impute: list[float]) -> Reader:
    """Return the function from a JSON value to calendar parts.

    Parameters
    ----------
    name : str
        The feature, for the error.
    parts : tuple of str
        Names out of `PARTS`.
    impute : list of float
        What stands for a missing value.

    Returns
    -------
    callable
        Raising InvalidInputError for what is no point in time.
    """
    getters = [_OF_DATETIME[part] for part in parts]
    parse = datetime.fromisoformat

    def read(value: Any) -> list[float]:
        if value.__class__ is str:
            try:
                moment = parse(value)
                offset = moment.utcoffset()
                if offset is not None:
                    moment = moment.replace(tzinfo=None) - offset
                if EXACT_YEARS[0] <= moment.year < EXACT_YEARS[1]:
                    return [getter(moment) for getter in getters]
            except (ValueError, OverflowError):
                pass  # the way below, for its error or its wider range
        seconds = read_timestamp(name, value)
        return list(impute) if isnan(seconds) else calendar_parts(seconds, parts)

    return read


def calendar_parts(seconds: float, parts: tuple[str, ...]) -> list[float]:
    """Split seconds since 1970 into calendar parts.

    Parameters
    ----------
    seconds : float
        Finite, in UTC.
    parts : tuple of str
        Names out of `PARTS`.

    Returns
    -------
    list of float
        One number per part; 0 is Monday for "dow".

    Notes
    -----
    The date is found with the era arithmetic of the proleptic Gregorian calendar (400 years are
    146,097 days; years counted from 1 March), which has no limits of range, as PostgreSQL's
    timestamps reach far beyond Python's.
    """
    whole_days = floor(seconds / 86400.0)
    rest = seconds - whole_days * 86400.0
    shifted = whole_days + 719468
    era, day_of_era = divmod(shifted, 146097)
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36524 - day_of_era // 146096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    month_index = (5 * day_of_year + 2) // 153
    month = month_index + 3 if month_index < 10 else month_index - 9
    known = {
        "days": seconds / 86400.0,
        "year": float(year_of_era + era * 400 + (month <= 2)),
        "month": float(month),
        "day": float(day_of_year - (153 * month_index + 2) // 5 + 1),
        "dow": float((whole_days + 3) % 7),
        "hour": float(rest // 3600.0),
        "minute": float(rest % 3600.0 // 60.0),
    }
    return [known[part] for part in parts]


def calendar_columns(seconds: NDArray[np.float64], parts: Sequence[str]) -> Matrix:
    """Split seconds since 1970 into calendar parts, as `calendar_parts` does for one row.

    Parameters
    ----------
    seconds : ndarray of float64, shape (rows,)
        NaN where missing.
    parts : sequence of str
        Names of the parts.

    Returns
    -------
    ndarray of float64, shape (rows, len(parts))
        NaN where missing.
    """
    whole = np.floor(seconds / 86400.0)
    rest = seconds - whole * 86400.0
    shifted = whole + 719468.0
    era = np.floor(shifted / 146097.0)
    day_of_era = shifted - era * 146097.0
    year_of_era = np.floor((day_of_era - day_of_era // 1460 + day_of_era // 36524 - day_of_era // 146096) / 365.0)
    day_of_year = day_of_era - (365.0 * year_of_era + year_of_era // 4 - year_of_era // 100)
    index = (5.0 * day_of_year + 2.0) // 153.0
    month = np.where(index < 10, index + 3.0, index - 9.0)
    known: dict[str, Callable[[], Matrix]] = {
        "days": lambda: seconds / 86400.0,
        "year": lambda: year_of_era + era * 400.0 + (month <= 2),
        "month": lambda: month,
        "day": lambda: day_of_year - (153.0 * index + 2.0) // 5.0 + 1.0,
        "dow": lambda: (whole + 3.0) % 7.0,
        "hour": lambda: rest // 3600.0,
        "minute": lambda: rest % 3600.0 // 60.0,
    }
    out = np.column_stack([known[part]() for part in parts])
    out[np.isnan(seconds)] = np.nan
    return out


class TimestampKind(NumericKind):
    """A point in time, as those parts of the calendar that vary."""

    name = "timestamp"
    impute_each = True

    def measure(self, values: NDArray[np.float64]) -> tuple[dict[str, Any], Matrix]:
        """Return the parts that vary, and their numbers; the days are always among them, and first."""
        known = calendar_columns(values[~np.isnan(values)], PARTS)
        varying = (known != known[0]).any(axis=0)
        parts = [part for part, varies in zip(PARTS, varying, strict=True) if varies or part == "days"]
        return {"parts": parts}, calendar_columns(values, parts)

    def unscaled_shift(self, raw: Matrix) -> NDArray[np.float64]:
        """Return the mean of the days, which are large, and 0 for the other parts."""
        return np.where(np.arange(raw.shape[1]) == 0, np.nanmean(raw, axis=0), 0.0)

    def names(self, column: PlanColumn) -> list[str]:
        """Return the part for each number."""
        return [f"{column.name}.{part}" for part in column.spec["parts"]]

    def raw(self, column: PlanColumn, values: NDArray[np.float64]) -> Matrix:
        """Return the parts, imputed."""
        return imputed(calendar_columns(values, column.spec["parts"]), column.spec["impute"])

    def unencoded(self, column: PlanColumn, value: Any) -> float:
        """Return the seconds since 1970 that a value stands for."""
        return read_timestamp(column.name, value)

    def reader(self, column: PlanColumn) -> Reader:
        """Return the function from a value to its parts."""
        return moment_reader(column.name, tuple(column.spec["parts"]), column.impute.tolist())


TIMESTAMP: Final = TimestampKind()
