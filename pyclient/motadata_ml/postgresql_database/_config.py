"""Where the database is and who asks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypedDict, Unpack

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from motadata_ml.errors import InvalidArgumentError

_OWN = {"host": "host", "port": "port", "dbname": "database", "user": "user", "password": "password"}


class ConfigFields(TypedDict, total=False):
    """The fields of `DatabaseConfig`, as keywords beside a connection string."""

    host: str | None
    port: int | None
    database: str | None
    user: str | None
    password: str | None
    options: Mapping[str, Any]
    min_connections: int
    max_connections: int
    connect_timeout: float
    application_name: str


@dataclass(frozen=True)
class DatabaseConfig:
    """Say where the database is and who asks.

    What is left out is taken from the ``PG*`` environment variables, then from libpq's defaults, as psql
    does.

    Parameters
    ----------
    host : str, optional
        Host name, address or folder of the server's socket.
    port : int, optional
        TCP port.
    database : str, optional
        Name of the database.
    user : str, optional
        Role to log in as.
    password : str, optional
        Its password; never shown.
    options : mapping of str to str, optional
        Any other libpq parameter, such as ``sslmode``.
    min_connections, max_connections : int
        Bounds of the pool.
    connect_timeout : float
        Seconds to wait for a connection.
    application_name : str
        Shown in pg_stat_activity.
    """

    host: str | None = None
    port: int | None = None
    database: str | None = None
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    min_connections: int = 0
    max_connections: int = 8
    connect_timeout: float = 10.0
    application_name: str = "motadata_ml"

    def __post_init__(self) -> None:
        if self.port is not None and not (isinstance(self.port, int) and 0 < self.port < 65536):
            raise InvalidArgumentError(
                f"port must be a whole number from 1 to 65535, got {self.port!r}",
                hint="PostgreSQL's usual port is 5432",
            )
        if not 0 <= self.min_connections <= self.max_connections or self.max_connections < 1:
            raise InvalidArgumentError(
                "min_connections and max_connections must satisfy 0 <= min <= max and max >= 1, "
                f"got {self.min_connections} and {self.max_connections}",
                hint="leave them out for 0 and 8",
            )

    @classmethod
    def from_dsn(cls, dsn: str, **more: Unpack[ConfigFields]) -> DatabaseConfig:
        """Read a connection string: a ``postgresql://`` URL or ``key=value`` words.

        Parameters
        ----------
        dsn : str
            As psql takes it.
        **more
            Further fields of this class.

        Raises
        ------
        InvalidArgumentError
            If libpq cannot read it. The text is not repeated: it may hold a password.
        """
        try:
            words = conninfo_to_dict(dsn)
        except psycopg.ProgrammingError as error:
            raise InvalidArgumentError(
                "dsn is not a connection string that libpq can read",
                hint="postgresql://user:password@host:5432/database, with %-escapes in the password",
            ) from error
        own: dict[str, Any] = {_OWN[key]: value for key, value in words.items() if key in _OWN}
        if "port" in own:
            own["port"] = _port(own["port"])
        if "application_name" in words:
            own["application_name"] = words["application_name"]
        if "connect_timeout" in words:
            own["connect_timeout"] = float(words["connect_timeout"] or 0) or 10.0
        kept = {*_OWN, "application_name", "connect_timeout"}
        options = {key: value for key, value in words.items() if key not in kept}
        return cls(**{**own, "options": options, **more})

    @classmethod
    def from_env(cls, **more: Unpack[ConfigFields]) -> DatabaseConfig:
        """Leave everything to the ``PG*`` variables and the password file, as psql does."""
        return cls(**more)

    def conninfo(self) -> str:
        """Return libpq's connection string, the password included: do not log it."""
        own = {key: getattr(self, name) for key, name in _OWN.items()}
        given = {key: value for key, value in own.items() if value is not None}
        return make_conninfo(
            "",
            **{
                "application_name": self.application_name,
                "connect_timeout": max(2, round(self.connect_timeout)),
                **self.options,
                **given,
            },
        )

    def describe(self) -> str:
        """Return the server in words, without the password."""
        place = f"{self.host or 'the default host'}:{self.port or 'default port'}"
        return f"database {self.database or 'by default'} at {place} as user {self.user or 'by default'}"


def _port(text: Any) -> int:
    """Return a port of a DSN as a number."""
    try:
        return int(text)
    except (TypeError, ValueError):
        raise InvalidArgumentError(
            f"port must be one whole number, got {text!r}", hint="name one host and one port"
        ) from None
