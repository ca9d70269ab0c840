"""The canonical text of a value: the one text of all values that are equal in its type.

Categories, groups and labels are texts. A value reaches them in two ways: from a table, by the expression that
`sql_text` writes, or from JSON, by the functions here. Both end in the same text, under every setting of the session;
docs/feature-kinds.md has the rule for each type.

A value that is none of its type, such as the text ``abc`` where integers were learned, keeps its own text: it is a
category that nobody has seen, not an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from math import isinf
from typing import Final, TypeAlias

from motadata_ml_server.values.moments import (
    MICROSECONDS,
    MOST_SECONDS,
    clock_text,
    date_text,
    read_moment,
    timestamp_text,
)
from motadata_ml_server.values.numbers import (
    all_digits,
    all_single_digits,
    double_text,
    exact_text,
    single_text,
)
from motadata_ml_server.values.spans import read_span, time_text

Scalar: TypeAlias = "str | bool | int | float"
TextForm: TypeAlias = Callable[[Scalar], str]
"""From a parsed JSON value, or a text that came from a table, to its canonical text."""

TRUE_WORDS: Final = frozenset({"t", "true", "yes", "y", "on", "1"})
FALSE_WORDS: Final = frozenset({"f", "false", "no", "n", "off", "0"})

_UUID: Final = re.compile(r"\{?([0-9a-f]{4}-?){8}\}?", re.IGNORECASE)
_CITEXT: Final = re.compile(r'(?:.+\.)?"?citext"?')


def plain(value: Scalar) -> str:
    """Return a value where texts were learned: numbers and booleans by the text that SQL casts them to."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return _written(value) if isinstance(value, int) else double_text(value) or _written(value)


def _written(value: float) -> str:
    """Return the text of a number that no type holds: its digits."""
    return exact_text(value) or repr(value)


def _number(value: Scalar, of_number: Callable[[float | str], str | None]) -> str:
    if isinstance(value, str):
        word = value.strip().lower()
        if word in ("true", "false"):
            return "1" if word == "true" else "0"
        exact = exact_text(value)
        return value if exact is None else of_number(value) or exact
    return of_number(value) or _written(value)


def _boolean(value: Scalar) -> str:
    if isinstance(value, str):
        word = value.strip().lower()
        return "true" if word in TRUE_WORDS else "false" if word in FALSE_WORDS else value
    if value in (0, 1):
        return "true" if value else "false"
    return plain(value)


def _micros_of(seconds: float) -> float | None:
    if abs(seconds) < MOST_SECONDS:
        return round(float(seconds) * MICROSECONDS)
    return seconds if isinstance(seconds, float) and isinf(seconds) else None


def _moment(value: Scalar, write: Callable[[float], str | None]) -> str:
    if isinstance(value, bool):
        return plain(value)
    micros = read_moment(value) if isinstance(value, str) else _micros_of(value)
    text = None if micros is None else write(micros)
    return plain(value) if text is None else text


def _time(value: Scalar, zoned: bool) -> str:
    text = plain(value)
    if not isinstance(value, (bool, str)) and 0 <= value < 86_400:
        text = clock_text(round(value * MICROSECONDS))
    return time_text(text, zoned=zoned) or text


def _interval(value: Scalar) -> str:
    text = plain(value)
    span = None if isinstance(value, bool) else read_span(text)
    return text if span is None else span.text


def _uuid(value: Scalar) -> str:
    text = plain(value)
    if not _UUID.fullmatch(text):
        return text
    digits = text.strip("{}").replace("-", "").lower()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def _inet(value: Scalar) -> str:
    text = plain(value)
    host = text.removesuffix("/128") if ":" in text else text.removesuffix("/32")
    return host.lower()


def _lower(value: Scalar) -> str:
    return plain(value).lower()


def _without_blanks(value: Scalar) -> str:
    return plain(value).rstrip(" ")


def _folded(value: Scalar) -> str:
    return plain(value).lower()


_WHOLE: Final = partial(_number, of_number=exact_text)

FORMS: Final[Mapping[str, TextForm]] = {
    "smallint": _WHOLE,
    "integer": _WHOLE,
    "bigint": _WHOLE,
    "oid": _WHOLE,
    "numeric": _WHOLE,
    "real": partial(_number, of_number=single_text),
    "double precision": partial(_number, of_number=double_text),
    "boolean": _boolean,
    "date": partial(_moment, write=date_text),
    "timestamp without time zone": partial(_moment, write=timestamp_text),
    "timestamp with time zone": partial(_moment, write=partial(timestamp_text, zone="+00")),
    "time without time zone": partial(_time, zoned=False),
    "time with time zone": partial(_time, zoned=True),
    "interval": _interval,
    "uuid": _uuid,
    "inet": _inet,
    "cidr": _lower,
    "macaddr": _lower,
    "macaddr8": _lower,
    "character": _without_blanks,
}
"""By type, as ``format_type`` names it, what makes the text of a value; other types than these have `plain`."""


LABEL_FORMS: Final[Mapping[str, TextForm]] = {
    "real": partial(_number, of_number=all_single_digits),
    "double precision": partial(_number, of_number=all_digits),
}
"""By type, what makes the text of a label where it is not that of a category."""


def is_citext(sql_type: str) -> bool:
    """Tell the type whose texts are equal without regard to case."""
    return _CITEXT.fullmatch(sql_type) is not None


def text_form(sql_type: str, label: bool = False) -> TextForm:
    """Return what makes the canonical text of values of a type.

    Parameters
    ----------
    sql_type : str
        The base type, as ``format_type`` names it.
    label : bool
        Whether the text is to come back from a prediction: floating-point numbers keep all their digits. In JSON, where
        categories and groups come from, ``extra_float_digits`` may have cost some.
    """
    if label and sql_type in LABEL_FORMS:
        return LABEL_FORMS[sql_type]
    return FORMS.get(sql_type) or (_folded if is_citext(sql_type) else plain)


def completed_in_python(sql_type: str, label: bool = False) -> bool:
    """Tell a type whose text in a table is made canonical here: SQL cannot, or folds case by another library."""
    return sql_type == "interval" or is_citext(sql_type) or (label and sql_type in LABEL_FORMS)
