"""Arguments that must not be NULL."""

from __future__ import annotations

from motadata_ml_server.errors import InvalidArgumentError


def required(name: str, value: str | None) -> str:
    """Return an argument's value; NULL is ML009."""
    if value is None:
        raise InvalidArgumentError(f"{name} must not be NULL", hint=f"Name it: {name} => '...'.")
    return value
