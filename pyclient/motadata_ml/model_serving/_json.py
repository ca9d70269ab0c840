"""Bodies of requests as JSON, read strictly: what has two meanings, or none in the database, is the client's error."""

from __future__ import annotations

import json
import re
from decimal import Decimal, InvalidOperation
from math import isfinite
from typing import Any, NoReturn

import msgspec

from motadata_ml._operations.functions import refuse_faults
from motadata_ml.errors import InvalidInputError

MAX_DEPTH = 64
"""How deep a body may be nested: rows are a few levels deep."""

_EXPLAINED_BYTES = 64 * 1024
"""Up to here a body that cannot be read is looked at a second time, for what is wrong with it."""

_TEXTS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)


_LONG = re.compile(rb"[0-9]{309}")
"""What a whole number beyond double precision looks like."""


_EXACT = re.compile(rb"[0-9.]{18}|[0-9][eE]-[0-9]{3}")
"""What a number with a point looks like that may have more digits than a double keeps, or be nearer to 0."""


class MalformedError(Exception):
    """The body is not JSON, or is JSON that could mean two things; answered with 400."""


def read(body: bytes) -> Any:
    """Return what a body says.

    Parameters
    ----------
    body : bytes
        JSON in UTF-8.

    Raises
    ------
    MalformedError
        If it is not JSON, names a key twice in one object, or is nested deeper than `MAX_DEPTH`.
    InvalidInputError
        If it holds a number beyond double precision, or text that the database cannot hold.
    """
    try:
        value = _decode_exactly(body) if _EXACT.search(body) else msgspec.json.decode(body)
    except (ValueError, RecursionError, InvalidOperation) as error:
        _explain(body, error)
    if body.count(b":") != (keys := _keys(value)) and _TEXTS.sub(b"", body).count(b":") != keys:
        raise MalformedError("an object names a key twice")
    if _LONG.search(body):
        _refuse_beyond_double(value)
    if b"\\u0000" in body:
        refuse_faults(value, "the body", InvalidInputError)
    return value


def write(value: Any) -> str:
    """Return a value that was read as JSON text."""
    try:
        return _encode(value).decode()
    except OverflowError:  # a whole number of more than 64 bits
        return json.dumps(value, default=float)


def _number(text: str) -> float | Decimal:
    """Return a number of a body: with its digits, where a double has others."""
    number = float(text)
    if repr(number) == text or not isfinite(number):
        return number
    exact = Decimal(text)
    return number if Decimal(repr(number)) == exact else exact


_decode_exactly = msgspec.json.Decoder(float_hook=_number).decode
_encode = msgspec.json.Encoder(decimal_format="number").encode


def _refuse_beyond_double(value: Any) -> None:
    """Refuse whole numbers that double precision does not reach."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if type(item) is int:
            try:
                float(item)
            except OverflowError:
                raise InvalidInputError("a number of the body is beyond double precision") from None
        elif isinstance(item, dict):
            waiting += item.values()
        elif isinstance(item, list):
            waiting += item


def _keys(value: Any) -> int:
    """Count the keys of all objects, level by level."""
    count, depth, level = 0, 0, [value]
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise MalformedError(f"the body is nested more than {MAX_DEPTH} levels deep")
        below: list[Any] = []
        for item in level:
            if type(item) is dict:
                count += len(item)
                below += [part for part in item.values() if type(part) is dict or type(part) is list]
            elif type(item) is list:
                below += [part for part in item if type(part) is dict or type(part) is list]
        level = below
    return count


def _explain(body: bytes, error: Exception) -> NoReturn:
    """Raise the error for a body that cannot be read: JSON with values that cannot be kept, or no JSON at all."""
    if len(body) <= _EXPLAINED_BYTES:
        try:
            json.loads(body.decode(), parse_constant=_no_constant)
        except RecursionError:
            raise MalformedError(f"the body is nested more than {MAX_DEPTH} levels deep") from None
        except ValueError:
            pass
        else:
            raise InvalidInputError(f"a value of the body cannot be kept: {error}") from None
    raise MalformedError(f"the body is not JSON: {error}") from None


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
