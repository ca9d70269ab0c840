"""What a model answers, as JSON."""

from __future__ import annotations

import json
from math import isfinite
from typing import Any

from motadata_ml_server.values.numbers import ExactFloat

_encode = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode


def json_text(value: Any) -> str:
    """Return a prediction, probabilities or a score as JSON.

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
