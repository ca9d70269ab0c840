"""One row as SQL passes it, bounded by its length before anything is made of it."""

from __future__ import annotations

from typing import Any, Final

from motadata_ml_server.errors import InvalidInputError
from motadata_ml_server.values.json_text import load_json

MAX_CHARACTERS: Final = 8_000_000
"""Of a row as JSON: what is made of it takes up to thirty times as much memory, in one step that no cancel ends."""

MAX_NUMBERS: Final = 100_000
"""Of an array in the form of a text, such as '{1, 2.5}'."""


def decode(value: str | list[Any], *, exact: bool = False) -> Any:
    """Return the object or the array of numbers that a row's input means.

    Parameters
    ----------
    value : str or list
        JSON, an array in PostgreSQL's form, or the numbers themselves.
    exact : bool
        Whether numbers of JSON keep their digits, for a model whose categories are numbers.

    Raises
    ------
    InvalidInputError
        ML011: it is none of these, or too long.
    """
    if not isinstance(value, str):
        return value
    if len(value) > MAX_CHARACTERS:
        raise InvalidInputError(
            f"input has {len(value)} characters, at most {MAX_CHARACTERS} are read",
            hint="Pass the model's features alone, as in jsonb_build_object('name', value, ...).",
        )
    text = value.strip()
    try:
        if text.startswith("{") and text[1:2] not in ('"', "}", "") and not text[1:].lstrip().startswith('"'):
            return _numbers(text[1:-1])
        decoded = load_json(text, exact=exact)
        if not isinstance(decoded, (dict, list)):
            raise ValueError
    except (ValueError, RecursionError):
        raise InvalidInputError(
            f"input must be a JSON object or an array of numbers, got {text[:100]!r}",
            hint="Write '{\"feature\": value}', ARRAY[1, 2.5] or to_jsonb(row).",
        ) from None
    return decoded


def _numbers(inside: str) -> list[float | None]:
    count = inside.count(",") + 1
    if count > MAX_NUMBERS:
        raise InvalidInputError(
            f"input is an array of {count} numbers, a text may hold at most {MAX_NUMBERS}",
            hint="Pass the numbers of one row, as ARRAY[1, 2.5].",
        )
    return [None if item.strip().lower() == "null" else float(item) for item in inside.split(",")]
