"""Calendar parts of a point in time, for one row."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from math import floor, isnan
from typing import Any, Final

from motadata_ml_server.inference.values import EPOCH_NAIVE, read_timestamp

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
