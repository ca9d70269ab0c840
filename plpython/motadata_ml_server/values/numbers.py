"""Numbers as text: equal numbers have one text, whatever type, scale or notation they came in."""

from __future__ import annotations

import struct
from decimal import Decimal, InvalidOperation
from math import isfinite, isnan
from typing import Final

MOST_DIGITS: Final = 131_072
"""Digits before the point that PostgreSQL's numeric can have; 16,383 after it."""

_LEAST_EXPONENT: Final = -16_383
_SINGLE: Final = struct.Struct("=f")


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
        return float("inf") if value > 0 else float("-inf")


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
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, float):
        return _plain(Decimal(value.text if isinstance(value, ExactFloat) else repr(value)))
    if "_" in value:
        return None
    try:
        return _plain(Decimal(value.strip()))
    except InvalidOperation:
        return None


def double_text(value: float) -> str:
    """Return the text of a ``double precision``: whole numbers in full, others to the 15 digits that the type keeps.

    Fifteen digits are what ``float8::numeric`` gives, under every setting of ``extra_float_digits``.
    """
    return _float_text(float(value), "%.15g")


def single_text(value: float) -> str:
    """Return the text of a ``real``: whole numbers in full, others to the 6 digits that the type keeps."""
    return _float_text(single(value), "%.6g")


def all_digits(value: float) -> str:
    """Return the text of a ``double precision`` label: the shortest that reads as the same number."""
    return str(_plain(Decimal(repr(float(value)))))


def all_single_digits(value: float) -> str:
    """Return the text of a ``real`` label: the shortest that reads as the same number."""
    number = single(value)
    digits = (f"%.{count}g" % number for count in range(6, 10))
    return str(_plain(Decimal(next((text for text in digits if single(float(text)) == number), repr(number)))))


def _float_text(value: float, digits: str) -> str:
    if isfinite(value) and value.is_integer() and abs(value) < 2.0**63:
        return str(int(value))
    return str(_plain(Decimal(digits % value)))


def _plain(number: Decimal) -> str | None:
    if isnan(number):
        return "NaN"
    if number.is_infinite():
        return "Infinity" if number > 0 else "-Infinity"
    if not number:
        return "0"
    if not _LEAST_EXPONENT <= number.adjusted() < MOST_DIGITS:
        return None
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
