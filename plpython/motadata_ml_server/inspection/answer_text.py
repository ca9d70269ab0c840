"""The answer of ``ml.explain`` as PostgreSQL writes an array of ``ml.explanation``.

One text that C takes apart is far cheaper than rows which PL/Python converts value by value.
"""

from __future__ import annotations

from collections.abc import Iterable

Answer = tuple[str | None, str | None, str | None, float, int, float | None, str, str]
"""Class, feature, value, attribution, rank, standard error, method and unit."""


def quoted(text: str | None) -> str:
    r"""Return a text as it stands in a record in an array: twice escaped where it is no plain word, nothing for NULL.

    Examples
    --------
    >>> print(quoted('a "b" c'))
    \"a \"\"b\"\" c\"
    """
    if text is None:
        return ""
    if text.isalnum() and text.isascii():
        return text
    if "\\" in text:
        text = text.replace("\\", "\\\\\\\\")
    if '"' in text:
        text = text.replace('"', '\\"\\"')
    return f'\\"{text}\\"'


def record(answer: Answer) -> str:
    """Return one row as an element of the array."""
    label, feature, value, attribution, rank, error, method, unit = answer
    shown = "" if error is None else repr(error)
    return (
        f'"({quoted(label)},{quoted(feature)},{quoted(value)},{attribution!r},{rank},{shown},'
        f'{quoted(method)},{quoted(unit)})"'
    )


def written(answers: Iterable[Answer]) -> str:
    """Return all rows as one array."""
    return "{" + ",".join(map(record, answers)) + "}"
