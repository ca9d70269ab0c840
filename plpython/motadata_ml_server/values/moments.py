"""Points in time: from text to microseconds since 1970 in UTC, and back, over PostgreSQL's whole range."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from math import inf
from typing import Final

MICROSECONDS: Final = 1_000_000
DAY: Final = 86_400 * MICROSECONDS
MOST_SECONDS: Final = 2e14
"""Beyond them, counted from 1970, lies no day that PostgreSQL has."""

_EPOCH: Final = datetime(1970, 1, 1)
_EPOCH_UTC: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_MOMENT: Final = re.compile(
    r"(?P<year>[0-9]{4,7})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})"
    r"(?:[T ](?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:[.,](?P<part>[0-9]{1,9}))?)?"
    r" ?(?P<zone>Z|[+-][0-9]{2}(?::?[0-9]{2}(?::?[0-9]{2})?)?)?)?(?P<bc> BC)?",
    re.IGNORECASE,
)
_INFINITE: Final = {"infinity": inf, "-infinity": -inf}


def read_moment(text: str) -> float | None:
    """Return a point in time as microseconds since 1970 in UTC.

    Parameters
    ----------
    text : str
        ISO 8601, or what PostgreSQL prints in the date style ISO and in JSON: years beyond 9999, `` BC``, `infinity`.
        Without an offset it is UTC.

    Returns
    -------
    int, float or None
        Whole microseconds; an infinity; None where it is no point in time.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return _read_any(text.strip())
    return (moment - (_EPOCH if moment.tzinfo is None else _EPOCH_UTC)) // _MICROSECOND


def _read_any(text: str) -> float | None:
    found = _MOMENT.fullmatch(text)
    if found is None:
        return _INFINITE.get(text.lower())
    year, month, day = int(found["year"]), int(found["month"]), int(found["day"])
    if found["bc"]:
        year = 1 - year
    hour, minute, second = int(found["hour"] or 0), int(found["minute"] or 0), int(found["second"] or 0)
    if not (1 <= month <= 12 and 1 <= day <= _month_days(year, month)):
        return None
    if not (minute < 60 and second <= 60 and (hour < 24 or (hour, minute, second) == (24, 0, 0))):
        return None
    part = round(int((found["part"] or "0").ljust(9, "0")) / 1000)
    seconds = hour * 3600 + minute * 60 + second - read_offset(found["zone"] or "Z")
    return days_since_1970(year, month, day) * DAY + seconds * MICROSECONDS + part


def read_offset(text: str) -> int:
    """Return the seconds that an offset such as ``+02`` or ``-03:30`` lies east of UTC."""
    if text in "Zz":
        return 0
    digits = text[1:].replace(":", "").ljust(6, "0")
    seconds = int(digits[:2]) * 3600 + int(digits[2:4]) * 60 + int(digits[4:6])
    return -seconds if text[0] == "-" else seconds


def date_text(micros: float) -> str | None:
    """Return a moment as ``date`` has it in the date style ISO; None where it is not midnight."""
    if micros in _INFINITE.values():
        return _infinite(micros)
    days, rest = divmod(int(micros), DAY)
    if rest:
        return None
    day, era = _day(days)
    return day + era


def timestamp_text(micros: float, zone: str = "") -> str:
    """Return a moment as ``timestamp`` has it in the date style ISO, or with the zone ``+00`` as ``timestamptz``."""
    if micros in _INFINITE.values():
        return _infinite(micros)
    days, rest = divmod(int(micros), DAY)
    day, era = _day(days)
    return f"{day} {clock_text(rest)}{zone}{era}"


def clock_text(micros: int) -> str:
    """Return microseconds as hours, minutes and seconds, without zeros behind the last digit."""
    seconds, part = divmod(micros, MICROSECONDS)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    text = f"{hour:02}:{minute:02}:{second:02}"
    return f"{text}.{part:06}".rstrip("0") if part else text


def days_since_1970(year: int, month: int, day: int) -> int:
    """Return the days from 1970-01-01 to a day of the proleptic Gregorian calendar; the year 0 is 1 BC."""
    year -= month <= 2
    era, year_of_era = divmod(year, 400)
    day_of_year = (153 * (month - 3 if month > 2 else month + 9) + 2) // 5 + day - 1
    return era * 146_097 + year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year - 719_468


def _day(days: int) -> tuple[str, str]:
    """Return a day as text, and what stands behind it before Christ."""
    era, of_era = divmod(days + 719_468, 146_097)
    year_of_era = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
    day_of_year = of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    index = (5 * day_of_year + 2) // 153
    month = index + 3 if index < 10 else index - 9
    year = year_of_era + era * 400 + (month <= 2)
    day = day_of_year - (153 * index + 2) // 5 + 1
    return (f"{1 - year:04}-{month:02}-{day:02}", " BC") if year < 1 else (f"{year:04}-{month:02}-{day:02}", "")


def _month_days(year: int, month: int) -> int:
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month in (4, 6, 9, 11) else 31


def _infinite(micros: float) -> str:
    return "infinity" if micros > 0 else "-infinity"
