"""One JSON value of a feature, read the slow and careful way.

The fast paths of the row encoders handle the common Python types in line and come here for
everything else, so every rule about what a value may be is stated once, here.
"""

from __future__ import annotations

import json
import math
import re
from datetime import UTC, datetime
from typing import Any, Final

from motadata_ml_server.errors import InvalidInputError

NAN: Final = math.nan
EPOCH_NAIVE: Final = datetime(1970, 1, 1)
_EPOCH_UTC: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SPAN: Final = re.compile(
    r"(?:(?P<years>[+-]?\d+) years? ?)?(?:(?P<mons>[+-]?\d+) mons? ?)?(?:(?P<days>[+-]?\d+) days? ?)?"
    r"(?:(?P<sign>[+-]?)(?P<h>\d+):(?P<m>\d\d):(?P<s>\d\d(?:\.\d+)?))?"
)
_TRUE: Final = frozenset({"t", "true", "yes", "y", "on", "1"})
_FALSE: Final = frozenset({"f", "false", "no", "n", "off", "0"})


def invalid(name: str, rule: str, value: Any) -> InvalidInputError:
    """Return the error for a value that does not suit its feature.

    Parameters
    ----------
    name : str
        The feature.
    rule : str
        What it takes, as in "must be a number".
    value : object
        What was received.

    Returns
    -------
    InvalidInputError
        To be raised by the caller.
    """
    shown = json.dumps(value, default=str)
    if len(shown) > 80:
        shown = shown[:77] + "..."
    return InvalidInputError(
        f"feature {name!r} {rule}, got {shown}",
        hint="Pass a value of the feature's type, or null where it is unknown.",
    )


def read_number(name: str, value: Any) -> float:
    """Read a number, a numeric string or a boolean; NaN where it is missing.

    Parameters
    ----------
    name : str
        The feature, for the error.
    value : object
        A parsed JSON value.

    Returns
    -------
    float
        Finite, or NaN for null.

    Raises
    ------
    InvalidInputError
        If it is anything else, or infinite.
    """
    if value is None:
        return NAN
    number: float
    if isinstance(value, (int, float)):
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
    elif isinstance(value, str) and "_" not in value:
        try:
            number = float(value)
        except ValueError:
            number = _read_span(name, value)
    else:
        raise invalid(name, "must be a number", value)
    if math.isinf(number):
        raise invalid(name, "must be a finite number", value if isinstance(value, str) else str(value))
    return number


def _read_span(name: str, value: str) -> float:
    """Read what PostgreSQL prints for `time` and `interval`, in seconds as `extract(epoch)` counts."""
    found = _SPAN.fullmatch(value.strip())
    if found is None or not any(found.groups()):
        raise invalid(name, "must be a number", value)
    part = found.groupdict(default="0")
    seconds = int(part["h"]) * 3600 + int(part["m"]) * 60 + float(part["s"])
    days = int(part["years"]) * 365.25 + int(part["mons"]) * 30 + int(part["days"])
    return days * 86400.0 + (-seconds if found["sign"] == "-" else seconds)


def read_boolean(name: str, value: Any) -> float:
    """Read a boolean as 1.0 or 0.0; NaN where it is missing.

    Parameters
    ----------
    name : str
        The feature, for the error.
    value : object
        A parsed JSON value: true, false, 0, 1, or PostgreSQL's spellings as a string.

    Returns
    -------
    float
        0.0, 1.0 or NaN.

    Raises
    ------
    InvalidInputError
        If it is anything else.
    """
    if value is None:
        return NAN
    if isinstance(value, (bool, int, float)):
        if value in {0, 1}:
            return float(value)
        if math.isnan(value):
            return NAN
    elif isinstance(value, str):
        word = value.strip().lower()
        if word in _TRUE:
            return 1.0
        if word in _FALSE:
            return 0.0
    raise invalid(name, "must be true or false", value)


def read_category(name: str, value: Any) -> str | None:
    """Read a category as text; None where it is missing.

    Parameters
    ----------
    name : str
        The feature, for the error.
    value : object
        A parsed JSON value; numbers and booleans stand for their JSON text.

    Returns
    -------
    str or None
        The category.

    Raises
    ------
    InvalidInputError
        If it is an array or an object.
    """
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, (bool, int, float)):
        return json.dumps(value)
    raise invalid(name, "must be a text, a number or a boolean", value)


def read_text(name: str, value: Any) -> str:
    """Read free text; the empty text where it is missing.

    Parameters
    ----------
    name : str
        The feature, for the error.
    value : object
        A parsed JSON value.

    Returns
    -------
    str
        The text.

    Raises
    ------
    InvalidInputError
        If it is not a string.
    """
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    raise invalid(name, "must be a text", value)


def read_timestamp(name: str, value: Any) -> float:
    """Read a point in time as seconds since 1970 in UTC; NaN where it is missing.

    Parameters
    ----------
    name : str
        The feature, for the error.
    value : object
        An ISO 8601 date or timestamp (without an offset: UTC), or epoch seconds.

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
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            raise invalid(name, "must be an ISO 8601 date or timestamp", value) from None
        if moment.tzinfo is None:
            return (moment - EPOCH_NAIVE).total_seconds()
        return (moment - _EPOCH_UTC).total_seconds()
    if value is None:
        return NAN
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise invalid(name, "must be an ISO 8601 date or timestamp, or seconds since 1970", value)
    return read_number(name, value)


def read_vector(name: str, size: int, value: Any) -> list[float] | None:
    """Read an array of numbers; None where it is missing.

    Parameters
    ----------
    name : str
        The feature, for the error.
    size : int
        How many numbers the model was trained on.
    value : object
        A parsed JSON value.

    Returns
    -------
    list of float or None
        `size` numbers, NaN for a null element.

    Raises
    ------
    InvalidInputError
        If it is no array of numbers, or of another length.
    """
    if value is None:
        return None
    if not isinstance(value, list):
        raise invalid(name, f"must be an array of {size} numbers", value)
    if len(value) != size:
        raise invalid(name, f"must be an array of {size} numbers", f"{len(value)} numbers")
    return [read_number(name, item) for item in value]
