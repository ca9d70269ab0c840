"""Times of day and intervals, in each form that PostgreSQL prints them in, under any ``IntervalStyle``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from motadata_ml_server.values.moments import DAY, MICROSECONDS, clock_text, read_offset

MONTH_DAYS: Final = 30
"""Days of a month where intervals are compared, as in PostgreSQL."""

LONGEST: Final = 200
"""Characters that a time or an interval has at the most, and more than Python reads of a number at once."""

_CLOCK = r"(?P<{0}sign>[+-]?)(?P<{0}h>[0-9]+):(?P<{0}m>[0-9]{{2}})(?::(?P<{0}s>[0-9]{{2}}(?:\.[0-9]+)?))?"
_TIME: Final = re.compile(_CLOCK.format("") + r"(?P<zone>[+-][0-9]{2}(?::?[0-9]{2}(?::?[0-9]{2})?)?)?")
_WORDS: Final = re.compile(
    r"@? ?(?P<units>(?:[+-]?[0-9]+(?:\.[0-9]+)? ?(?:years?|mons?|days?|hours?|mins?|secs?) ?)*)"
    rf"(?:{_CLOCK.format('')})? ?(?P<ago>ago)?"
)
_UNIT: Final = re.compile(r"([+-]?[0-9]+(?:\.[0-9]+)?) ?(year|mon|day|hour|min|sec)")
_STANDARD: Final = re.compile(
    r"(?:(?P<ysign>[+-]?)(?P<years>[0-9]+)-(?P<months>[0-9]+))?(?:(?:^| )(?P<dsign>[+-]?)(?P<days>[0-9]+)(?= |$))?"
    rf"(?:(?:^| ){_CLOCK.format('')})?"
)
_ISO: Final = re.compile(
    r"P(?:(?P<year>[+-]?[0-9]+)Y)?(?:(?P<mon>[+-]?[0-9]+)M)?(?:(?P<week>[+-]?[0-9]+)W)?(?:(?P<day>[+-]?[0-9]+)D)?"
    r"(?:T(?:(?P<hour>[+-]?[0-9]+)H)?(?:(?P<min>[+-]?[0-9]+)M)?(?:(?P<sec>[+-]?[0-9]+(?:\.[0-9]+)?)S)?)?"
)
_SECONDS: Final = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?")
_MICROS: Final = {"hour": 3600 * MICROSECONDS, "min": 60 * MICROSECONDS, "sec": MICROSECONDS}


@dataclass(frozen=True)
class Span:
    """An interval as PostgreSQL keeps it.

    Attributes
    ----------
    months, days, micros : int
        The three parts, each with its own sign.
    """

    months: int
    days: int
    micros: int

    @property
    def epoch(self) -> float:
        """Seconds as ``extract(epoch from ...)`` counts them: a year has 365.25 days, a month 30."""
        years = abs(self.months) // 12 * (1 if self.months >= 0 else -1)
        rest = self.months - 12 * years
        return self.micros / 1e6 + years * 31_557_600.0 + rest * 2_592_000.0 + self.days * 86_400.0

    @property
    def text(self) -> str:
        """The one text of all intervals that equal this one: ``justify_interval`` in the style postgres."""
        total = (self.months * MONTH_DAYS + self.days) * DAY + self.micros
        sign = "-" if total < 0 else ""
        days, micros = divmod(abs(total), DAY)
        months, days = divmod(days, MONTH_DAYS)
        parts = [
            f"{sign}{count} {unit}{'' if sign + str(count) == '1' else 's'}"
            for count, unit in ((months // 12, "year"), (months % 12, "mon"), (days, "day"))
            if count
        ]
        if micros or not parts:
            parts.append(sign + clock_text(micros))
        return " ".join(parts)


def read_span(text: str) -> Span | None:
    """Return an interval in any of PostgreSQL's four styles, or in seconds; None where it is none, or infinite."""
    text = text.strip()
    if not text or len(text) > LONGEST:
        return None
    if _SECONDS.fullmatch(text):
        return Span(0, 0, _micros(text))
    if text.startswith("P"):
        return _iso(text)
    return _words(text) or _standard(text)


def read_time(text: str) -> tuple[int, int | None] | None:
    """Return a time of day as microseconds since midnight, and its offset in seconds east of UTC, None without one."""
    text = text.strip()
    found = _TIME.fullmatch(text) if len(text) <= LONGEST else None
    if found is None or found["sign"] or int(found["h"]) > 24 or int(found["m"]) > 59:
        return None
    return _clock(found), None if found["zone"] is None else read_offset(found["zone"])


def seconds_of(text: str) -> float | None:
    """Return a time or an interval in seconds, as ``extract(epoch from ...)`` counts; None where it is neither."""
    time = read_time(text)
    if time is not None:
        micros, offset = time
        return micros / 1e6 - (offset or 0)
    span = read_span(text)
    return None if span is None else span.epoch


def time_text(text: str, *, zoned: bool) -> str | None:
    """Return a time of day as PostgreSQL prints it; without an offset, a zoned one is UTC. None where it is none."""
    time = read_time(text)
    if time is None or (time[1] is not None and not zoned):
        return None
    micros, offset = time
    return clock_text(micros) + (_offset_text(offset or 0) if zoned else "")


def _offset_text(seconds: int) -> str:
    minutes, second = divmod(abs(seconds), 60)
    hour, minute = divmod(minutes, 60)
    text = f"{'-' if seconds < 0 else '+'}{hour:02}"
    if second:
        return f"{text}:{minute:02}:{second:02}"
    return f"{text}:{minute:02}" if minute else text


def _micros(number: str, unit: int = MICROSECONDS) -> int:
    """Return a decimal number of a unit in microseconds, without the rounding of a float."""
    whole, _, part = number.partition(".")
    sign = -1 if number.startswith("-") else 1
    return int(whole) * unit + sign * round(int(part.ljust(9, "0")[:9] or 0) * unit / 1_000_000_000)


def _clock(found: re.Match[str]) -> int:
    """Return the microseconds of hours, minutes and seconds, without their sign."""
    return int(found["h"]) * _MICROS["hour"] + int(found["m"]) * _MICROS["min"] + _micros(found["s"] or "0")


def _iso(text: str) -> Span | None:
    found = _ISO.fullmatch(text)
    if found is None or not any(found.groups()):
        return None
    part = found.groupdict("0")
    micros = _micros(part["hour"], _MICROS["hour"]) + _micros(part["min"], _MICROS["min"]) + _micros(part["sec"])
    return Span(int(part["year"]) * 12 + int(part["mon"]), int(part["week"]) * 7 + int(part["day"]), micros)


def _words(text: str) -> Span | None:
    """Read the styles postgres and postgres_verbose, in which each number has its unit."""
    found = _WORDS.fullmatch(text)
    if found is None or not (found["units"] or found["h"]):
        return Span(0, 0, 0) if text == "@ 0" else None
    months = days = micros = 0
    for number, unit in _UNIT.findall(found["units"]):
        if unit in _MICROS:
            micros += _micros(number, _MICROS[unit])
        elif "." in number:
            return None
        elif unit == "day":
            days += int(number)
        else:
            months += int(number) * (12 if unit == "year" else 1)
    if found["h"]:
        micros += -_clock(found) if found["sign"] == "-" else _clock(found)
    sign = -1 if found["ago"] else 1
    return Span(sign * months, sign * days, sign * micros)


def _standard(text: str) -> Span | None:
    """Read the style sql_standard: ``1-2 3 4:05:06``, where one sign before all holds for what has none of its own."""
    found = _STANDARD.fullmatch(text)
    if found is None or not any(found.groups()):
        return None

    def signed(number: int, sign: str, before: str) -> int:
        return -number if (sign or before) == "-" else number

    months = int(found["years"] or 0) * 12 + int(found["months"] or 0)
    micros = _clock(found) if found["h"] else 0
    year_sign, day_sign = found["ysign"] or "", found["dsign"] or ""
    return Span(
        signed(months, year_sign, ""),
        signed(int(found["days"] or 0), day_sign, year_sign),
        signed(micros, found["sign"] or "", day_sign or year_sign),
    )
