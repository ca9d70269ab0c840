"""Limits of the serving process."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypedDict

from motadata_ml.errors import InvalidArgumentError


class ServingFields(TypedDict, total=False):
    """The fields of `ServingOptions`, as keywords."""

    max_body_bytes: int
    max_batch_rows: int
    timeout_seconds: float
    max_concurrent: int
    max_waiting: int
    shutdown_seconds: float
    anonymous_loopback: bool
    docs: bool
    process_key: str | None
    workers: int


@dataclass(frozen=True)
class ServingOptions:
    """Limits of the serving process.

    Attributes
    ----------
    max_body_bytes : int
        Larger bodies are refused with 413 before they are read to the end.
    max_batch_rows : int
        More rows in one request are refused with 422.
    timeout_seconds : float
        A prediction that takes longer is cancelled in the database and answered with 504; a body that
        takes longer to arrive, with 408.
    max_concurrent : int
        Statements at a time, each on a connection of its own. One tenant alone gets half of them, the next one half
        of the rest, so that there is always something left for the others.
    max_waiting : int
        Requests that may wait for their turn, shared in the same way; further ones are answered with 503 at once.
    shutdown_seconds : float
        How long running requests may finish after a stop.
    anonymous_loopback : bool
        Answer without a key, for development: only on a loopback address.
    docs : bool
        Whether there are /docs and /openapi.json.
    process_key : str or None
        A secret of at least 32 characters that opens /metrics of all tenants, and nothing else.
    workers : int
        Processes that serve together, each with its own connections and limits; more than one with ``run()`` only.
    """

    max_body_bytes: int = 16 * 1024 * 1024
    max_batch_rows: int = 10_000
    timeout_seconds: float = 30.0
    max_concurrent: int = 8
    max_waiting: int = 64
    shutdown_seconds: float = 10.0
    anonymous_loopback: bool = False
    docs: bool = True
    process_key: str | None = field(default=None, repr=False)
    workers: int = 1

    def __post_init__(self) -> None:
        for name, least in (
            ("max_body_bytes", 1),
            ("max_batch_rows", 1),
            ("timeout_seconds", 0.001),
            ("max_concurrent", 1),
            ("max_waiting", 0),
            ("shutdown_seconds", 0),
            ("workers", 1),
        ):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or value < least:
                raise InvalidArgumentError(
                    f"{name} must be a number of at least {least}, got {value!r}", hint="leave it out"
                )
        if self.process_key is not None and len(self.process_key) < 32:
            raise InvalidArgumentError(
                "process_key must have at least 32 characters", hint="make one with secrets.token_urlsafe(32)"
            )
