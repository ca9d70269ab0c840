"""Calendar parts of a point in time, for one row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from math import floor, isnan
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.features.json_values import EPOCH_NAIVE, read_timestamp
from motadata_ml_server.features.plan import Matrix

PARTS: Final = ("days", "year", "month", "day", "dow", "hour", "minute")
"""The parts a plan may ask for, in its order."""

_OF_DATETIME: Final[dict[str, Callable[[datetime], float]]] = {
    "days": lambda moment: (moment - EPOCH_NAIVE).total_seconds() / 86400.0,
    "year": lambda moment: float(moment.year),
    "month": lambda moment: float(moment.month),
    "day": lambda moment: float(moment.day),
    "dow": lambda moment: float(moment.weekday()),
    "hour": lambda moment: float(moment.hour),
    "minute": lambda moment: float(moment.minute),
}


def moment_reader(name: str, parts: tuple[str, ...], impute: list[float]) -> Callable[[Any], list[float]]:
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
                return [getter(moment) for getter in getters]
            except (ValueError, OverflowError):
                pass  # the careful way below, for its error or its wider range
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
