"""Server-wide options: their defaults, their bounds and the table that overrides them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from motadata_ml_server.errors import InsufficientPrivilegeError, InvalidArgumentError
from motadata_ml_server.postgres.database import Database
from motadata_ml_server.postgres.owner import caller_is_owner, query_as_owner, write_as_owner


@dataclass(frozen=True)
class Option:
    """An option with whole numbers as values.

    Attributes
    ----------
    default, lowest, highest : int
        Its default and its bounds, both inclusive.
    description : str
        What it does, with the unit.
    """

    default: int
    lowest: int
    highest: int
    description: str


OPTIONS: Mapping[str, Option] = MappingProxyType(
    {
        "max_memory_mb": Option(4096, 512, 1 << 24, "Memory a training worker may allocate, in MB."),
        "threads": Option(
            min(4, len(os.sched_getaffinity(0))), 1, 1024, "Threads a training worker or a batch prediction may use."
        ),
        "session_cache_mb": Option(512, 1, 1 << 20, "Memory for models in each session, in MB."),
        "chunk_rows": Option(10_000, 100, 1_000_000, "Rows read, predicted or streamed at a time."),
        "worker_idle_seconds": Option(
            60, 0, 86_400, "Seconds that a session's training process waits for its next training; 0: not at all."
        ),
    }
)


def get(name: str) -> Option:
    """Return an option by its name.

    Raises
    ------
    InvalidArgumentError
        ML009: there is no such option.
    """
    option = OPTIONS.get(name)
    if option is None:
        raise InvalidArgumentError(f"there is no option {name!r}", hint=f"Options are: {', '.join(sorted(OPTIONS))}.")
    return option


def integer(db: Database, name: str) -> int:
    """Return an option's present value."""
    rows = query_as_owner(db, "select value from ml.option where name operator(pg_catalog.=) $1", ["text"], [name])
    return int(rows[0]["value"]) if rows else get(name).default


def check(name: str, value: object) -> int:
    """Return a value for an option, or refuse it.

    Raises
    ------
    InvalidArgumentError
        ML009: not a whole number, or out of bounds.
    """
    option = get(name)
    try:
        if isinstance(value, bool) or not isinstance(value, (int, str)):
            raise ValueError
        number = int(value)
    except ValueError:
        number = option.lowest - 1
    if not option.lowest <= number <= option.highest:
        raise InvalidArgumentError(
            f"{name} must be a whole number from {option.lowest} to {option.highest}, got {value!r}",
            hint=option.description,
        )
    return number


def set_option(db: Database, name: str, value: str | None) -> None:
    """Set a server-wide option; None restores the default.

    Raises
    ------
    InsufficientPrivilegeError
        42501: the caller is neither a superuser nor the extension's owner.
    InvalidArgumentError
        ML009: no such option, or a value out of bounds.
    """
    if not caller_is_owner(db):
        raise InsufficientPrivilegeError(
            "options are set by superusers and the extension's owner", hint="Ask an administrator."
        )
    get(name)
    role = db.query("select current_user::pg_catalog.text as name")[0]["name"]
    if value is None:
        write_as_owner(
            db,
            lambda owner: owner.query("delete from ml.option where name operator(pg_catalog.=) $1", ["text"], [name]),
        )
        return
    number = check(name, value)
    write_as_owner(
        db,
        lambda owner: owner.query(
            "insert into ml.option (name, value, set_by) values ($1, $2, $3) "
            "on conflict (name) do update set value = excluded.value, set_by = excluded.set_by, "
            "set_at = pg_catalog.now()",
            ["text", "text", "name"],
            [name, str(number), role],
        ),
    )


def list_options(db: Database) -> Iterator[dict[str, Any]]:
    """Yield every option with its present and default value."""
    for name, option in OPTIONS.items():
        yield {
            "name": name,
            "value": str(integer(db, name)),
            "default_value": str(option.default),
            "description": option.description,
        }
