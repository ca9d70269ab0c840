"""Numbers as text: equal numbers have one text, whatever type, scale or notation they came in."""

from __future__ import annotations

import struct
import sys
from decimal import Decimal, InvalidOperation
from math import copysign, inf, isfinite, isinf
from typing import Final

MOST_DIGITS: Final = 131_072
"""Digits before the point that PostgreSQL's numeric can have; 16,383 after it."""

_LEAST_EXPONENT: Final = -16_383
_SINGLE: Final = struct.Struct("=f")

_LARGEST: Final = sys.float_info.max
_LARGEST_PRINTED: Final = Decimal(f"{_LARGEST:.15g}")
"""What PostgreSQL prints of the largest double with 15 digits: rounded up, so that no double is near enough to it."""

SQUARABLE: Final = 1e150
"""The largest number whose squares can be added up."""

IN_FULL: Final = 2.0**63
SINGLE_IN_FULL: Final = 9.223369e18
"""Whole numbers below are written in full. Of a `real` that is less than 2^63 by what its 6 digits round away, so that
what is written of a number above is not read back as one below."""


class ExactFloat(float):
    """A number of a JSON text that keeps its digits: a numeric has more than a float can hold.

    Attributes
    ----------
    text : str
        The digits as they stood.
    """

    __slots__ = ("text",)
    text: str

    @classmethod
    def parse(cls, text: str) -> ExactFloat:
        """Return the number of a JSON text, for ``json.loads(..., parse_float=ExactFloat.parse)``."""
        number = cls(text)
        number.text = text
        return number


def single(value: float) -> float:
    """Return the nearest number that a ``real`` can be; infinite beyond its range."""
    try:
        return float(_SINGLE.unpack(_SINGLE.pack(value))[0])
    except OverflowError:
        return inf if value > 0 else -inf


def nearest_double(value: float | str) -> float | None:
    """Return the double that a number stands for, as PostgreSQL prints and reads one.

    Parameters
    ----------
    value : int, float or str
        A number, or the text of one.

    Returns
    -------
    float or None
        None where it lies beyond what a double can be, or so near 0 that none is left of it. What 15 digits of the
        largest double make is that one, as ``extra_float_digits = 0`` and a cast to numeric print it.
    """
    try:
        number = float(value)
    except OverflowError:
        number = inf
    if number and not isinf(number):
        return number
    exact = _decimal(value)
    if exact is None or not exact.is_finite() or not exact:
        return number
    return copysign(_LARGEST, exact) if isinf(number) and abs(exact) <= _LARGEST_PRINTED else None


def _decimal(value: float | str) -> Decimal | None:
    """Return a number with all its digits; None where a text is none."""
    if isinstance(value, float):
        return Decimal(value.text if isinstance(value, ExactFloat) else repr(value))
    if isinstance(value, str) and "_" in value:
        return None
    try:
        number = Decimal(value.strip() if isinstance(value, str) else int(value))
    except InvalidOperation:
        return None
    return None if number.is_nan() and str(number) != "NaN" else number  # others are Python's own: sNaN, NaN1, -NaN


def exact_text(value: float | str) -> str | None:
    """Return the text of a number of any size: no exponent, no zeros behind the last digit, no minus before 0.

    Parameters
    ----------
    value : int, float or str
        A number, or the text of one.

    Returns
    -------
    str or None
        None where a text is no number, or one that no numeric can hold.
    """
    number = _decimal(value)
    return None if number is None else _plain(number)


def double_text(value: float | str) -> str | None:
    """Return the text of a ``double precision``: whole numbers in full, others to the 15 digits that the type keeps.

    Fifteen digits are what ``float8::numeric`` gives, under every setting of ``extra_float_digits``. None where the
    number is none that the type can hold, as in the functions below.
    """
    number = nearest_double(value)
    return None if number is None else _float_text(number, "%.15g", IN_FULL)


def single_text(value: float | str) -> str | None:
    """Return the text of a ``real``: whole numbers in full, others to the 6 digits that the type keeps."""
    number = _nearest_single(value)
    return None if number is None else _float_text(number, "%.6g", SINGLE_IN_FULL)


def all_digits(value: float | str) -> str | None:
    """Return the text of a ``double precision`` label: the shortest that reads as the same number."""
    number = nearest_double(value)
    return None if number is None else _plain(Decimal(repr(number)))


def all_single_digits(value: float | str) -> str | None:
    """Return the text of a ``real`` label: the shortest that reads as the same number."""
    number = _nearest_single(value)
    if number is None:
        return None
    digits = (f"%.{count}g" % number for count in range(6, 10))
    return _plain(Decimal(next((text for text in digits if single(float(text)) == number), repr(number))))


def _nearest_single(value: float | str) -> float | None:
    double = nearest_double(value)
    if double is None or not double or not isfinite(double):
        return double
    number = single(double)
    return number if number and isfinite(number) else None


def _float_text(value: float, digits: str, in_full: float) -> str:
    if isfinite(value) and value.is_integer() and abs(value) < in_full:
        return str(int(value))
    return str(_plain(Decimal(digits % value)))


def _plain(number: Decimal) -> str | None:
    if number.is_nan():
        return "NaN"
    if number.is_infinite():
        return "Infinity" if number > 0 else "-Infinity"
    if not number:
        return "0"
    if not _LEAST_EXPONENT <= number.adjusted() < MOST_DIGITS:
        return None
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
