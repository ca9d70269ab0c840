"""The canonical text of a value as a SQL expression; `text_forms` says what it is, and has the same answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from motadata_ml_server.values.numbers import IN_FULL, SINGLE_IN_FULL
from motadata_ml_server.values.text_forms import LABEL_FORMS

Writer = Callable[[str], str]


def _text(value: str) -> str:
    return f"{value}::pg_catalog.text"


def _numeric(value: str) -> str:
    return f"pg_catalog.trim_scale({value}::pg_catalog.numeric)::pg_catalog.text"


def _double(value: str, in_full: float = IN_FULL) -> str:
    double = f"{value}::pg_catalog.float8"
    return (
        f"case when {double} operator(pg_catalog.=) pg_catalog.trunc({double}) "
        f"and pg_catalog.abs({double}) operator(pg_catalog.<) {int(in_full)}::pg_catalog.float8 "
        f"then {value}::pg_catalog.int8::pg_catalog.text else {_numeric(value)} end"
    )


def _all_digits(value: str) -> str:
    """Return all digits of a float and some more: what the 15 of a cast leave, exactly, is added to them.

    Of the largest, which 15 digits make larger than a float can be, each half is written.
    """
    double = f"{value}::pg_catalog.float8"
    half = f"({double} operator(pg_catalog.*) 0.5::pg_catalog.float8)"
    beyond = f"pg_catalog.abs({double}) operator(pg_catalog.>) 1e308::pg_catalog.float8"
    infinite = f"pg_catalog.abs({double}) operator(pg_catalog.>=) 'infinity'::pg_catalog.float8"  # NaN is larger still
    cast = f"{double}::pg_catalog.numeric"
    return (
        f"case when {infinite} then {cast}::pg_catalog.text "
        f"when {beyond} then ({_sum(half)} operator(pg_catalog.*) 2::pg_catalog.numeric)::pg_catalog.text "
        f"when {double} operator(pg_catalog.=) {cast}::pg_catalog.float8 then {cast}::pg_catalog.text "
        f"else {_sum(double)}::pg_catalog.text end"
    )


def _sum(double: str) -> str:
    """Return what a cast gives of a float, and the rest that it leaves, as one numeric."""
    cast = f"{double}::pg_catalog.numeric"
    rest = f"({double} operator(pg_catalog.-) {cast}::pg_catalog.float8)"
    return f"({cast} operator(pg_catalog.+) {rest}::pg_catalog.numeric)"


def _json(value: str) -> str:
    """Return the text that a value has in JSON: dates in ISO, addresses without the length of a whole one."""
    return f"(pg_catalog.to_jsonb({value}) operator(pg_catalog.#>>) '{{}}')"


def _timestamp(value: str) -> str:
    return f"pg_catalog.replace({_json(value)}, 'T', ' ')"


def _timestamptz(value: str) -> str:
    utc = _timestamp(f"pg_catalog.timezone('UTC', {value})")
    return (
        f"case when pg_catalog.isfinite({value}) "
        f"then pg_catalog.replace(pg_catalog.concat({utc}, '+00'), ' BC+00', '+00 BC') else {utc} end"
    )


def _interval(value: str) -> str:
    """Return an interval's parts as ISO 8601 has them: `text_forms` makes one text of those that are equal."""
    part = {name: f"pg_catalog.date_part('{name}', {value})::pg_catalog.int8" for name in ("year", "month", "day")}
    clock = {name: f"pg_catalog.date_part('{name}', {value})::pg_catalog.int8" for name in ("hour", "minute")}
    seconds = f"(pg_catalog.date_part('microseconds', {value})::pg_catalog.numeric operator(pg_catalog./) 1000000)"
    parts = ", ".join([*part.values(), *clock.values(), f"pg_catalog.trim_scale({seconds})"])
    return (
        f"case when pg_catalog.isfinite({value}) then pg_catalog.format('P%sY%sM%sDT%sH%sM%sS', {parts}) "
        f"else {_text(value)} end"
    )


def _character(value: str) -> str:
    return f"pg_catalog.rtrim({_text(value)}, ' ')"


WRITERS: Final[Mapping[str, Writer]] = {
    "numeric": _numeric,
    "real": partial(_double, in_full=SINGLE_IN_FULL),
    "double precision": _double,
    "date": _json,
    "timestamp without time zone": _timestamp,
    "timestamp with time zone": _timestamptz,
    "interval": _interval,
    "inet": _json,
    "character": _character,
}
"""By type, as ``format_type`` names it, what writes the expression; the cast to text of all others is canonical."""


def sql_text(sql_type: str, value: str, label: bool = False) -> str:
    """Return an expression for the text of a value, as `text_forms.text_form` gives it.

    Some types are not finished by it, those of `text_forms.completed_in_python`: what it gives for them has to go
    through their form.

    Parameters
    ----------
    sql_type : str
        The base type of the value, as ``format_type`` names it.
    value : str
        A quoted column, or an expression in parentheses.
    label : bool
        Whether the text is to come back from a prediction, as in `text_forms.text_form`.
    """
    if label and sql_type in LABEL_FORMS:
        return _all_digits(value)
    return WRITERS.get(sql_type, _text)(value)
