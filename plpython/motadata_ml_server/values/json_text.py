"""JSON whose numbers a double may not hold, read and written."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from decimal import Decimal
from math import isfinite, isinf
from typing import Any, Final

from motadata_ml_server.values.numbers import ExactFloat

_encode = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode

_DIGITS_AT_ONCE: Final = 4_000

_ZEROS: Final = "0" * 300
_SMALL: Final = re.compile(r"[0-9][eE]-[0-9]{3}")
"""Of a row that has neither this nor so many zeros, no number is so near 0 that a double keeps nothing of it."""


def load_json(text: str, *, exact: bool, parse_constant: Callable[[str], Any] | None = None) -> Any:
    """Return what a JSON text means, of a row, of rows, or of a column of JSON.

    Parameters
    ----------
    text : str
        JSON.
    exact : bool
        Whether numbers keep their digits, for a model whose categories are numbers.
    parse_constant : callable, optional
        As for `json.loads`.

    Returns
    -------
    object
        A number so near 0 that a double keeps nothing of it stays a text: no table holds it as a double either.

    Raises
    ------
    ValueError
        It is no JSON.
    """
    parse_float: Callable[[str], Any] | None = kept if exact else None
    if _ZEROS in text or (("e-" in text or "E-" in text) and _SMALL.search(text)):
        parse_float = kept
    try:
        return json.loads(text, parse_float=parse_float, parse_constant=parse_constant)
    except json.JSONDecodeError:
        raise
    except ValueError:  # a whole number of more digits than Python reads at once; a numeric can have 131,072
        return json.loads(text, parse_float=parse_float, parse_int=_whole, parse_constant=parse_constant)


def kept(text: str) -> ExactFloat | int | str:
    """Return the number of a JSON text with its digits: a whole one, or the text, where it is none that a double is."""
    number = ExactFloat.parse(text)
    if isinf(number):
        whole, _, part = text.partition(".")
        return _whole(whole) if whole.lstrip("-").isdigit() and not part.strip("0") else text
    return text if number == 0.0 and text.lower().partition("e")[0].strip("-0.") else number


def _whole(text: str) -> int:
    return int(text) if len(text) <= _DIGITS_AT_ONCE else int(Decimal(text))


def json_text(value: Any) -> str:
    """Return an answer as JSON.

    Parameters
    ----------
    value : object
        A label, a number, a list of numbers, or None.

    Returns
    -------
    str
        A label that is a number keeps all its digits; null stands for a number that JSON has no word for.
    """
    if type(value) is float:
        return repr(value) if isfinite(value) else "null"
    if isinstance(value, ExactFloat):
        return value.text
    try:
        return _encode(value)
    except ValueError:
        return _encode(_finite(value))


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if isfinite(value) else None
    return [_finite(item) for item in value] if isinstance(value, list | tuple) else value
