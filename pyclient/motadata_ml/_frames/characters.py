"""Text that PostgreSQL cannot hold: the NUL character, and halves of a surrogate pair."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

REMEDY = "leave NUL characters out, and read files with the encoding they were written in"

HALF = "half of a surrogate pair"
"""What reading a file with the wrong encoding leaves behind."""


def text_fault(value: str) -> str | None:
    """Return what keeps a text out of PostgreSQL, None where nothing does.

    Parameters
    ----------
    value : str
        Any text.

    Returns
    -------
    str or None
        ``"a NUL character"`` or ``"half of a surrogate pair"``, which no encoding can write.
    """
    if "\0" in value:
        return "a NUL character"
    if value.isascii():
        return None
    try:
        value.encode()
    except UnicodeEncodeError:
        return HALF
    return None


def first_fault(values: Iterable[Any]) -> str | None:
    """Return the fault of the first text that has one; other values are passed over."""
    return next((fault for value in values if isinstance(value, str) and (fault := text_fault(value))), None)


def nested_fault(value: Any) -> str | None:
    """Return the fault of the first text inside lists and dicts, their keys included."""
    if isinstance(value, str):
        return text_fault(value)
    if isinstance(value, Mapping):
        return first_fault(value) or _first_nested(value.values())
    if isinstance(value, list | tuple):
        return _first_nested(value)
    return None


def _first_nested(values: Iterable[Any]) -> str | None:
    return next((fault for value in values if (fault := nested_fault(value))), None)
