"""A connection that is a pool: shared between threads, renewed when the server was away."""

from __future__ import annotations

import contextlib
import logging
import threading
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any, Self, TypeAlias, TypeVar

import psycopg
from psycopg import Connection
from psycopg_pool import ConnectionPool, PoolTimeout

from motadata_ml._calls import Call, Fetch, Row, Statement, Steps, drive
from motadata_ml._printable import printable
from motadata_ml._translate import translate, translate_connect, translated, unsendable
from motadata_ml.errors import ConnectionLostError, InvalidArgumentError
from motadata_ml.postgresql_database._asynchronous import AsyncDatabaseConnection
from motadata_ml.postgresql_database._config import DatabaseConfig

T = TypeVar("T")
Pool: TypeAlias = ConnectionPool[Connection[Any]]
_log = logging.getLogger("motadata_ml.database")
_last: list[weakref.ref[DatabaseConnection]] = []


class DatabaseConnection:
    """Connect to the database through a pool.

    Parameters
    ----------
    config : DatabaseConfig, str, psycopg.Connection or psycopg_pool.ConnectionPool, optional
        Where to connect: a configuration, a DSN, or a connection or pool that the caller owns and closes.
        Without it the ``PG*`` variables decide.

    Notes
    -----
    Safe to share between threads. A connection that broke while idle is replaced before a call uses it; a call that
    only reads is repeated once when its connection breaks; a training is never repeated by itself.

    Examples
    --------
    >>> with DatabaseConnection(DatabaseConfig(database="shop")) as db:  # doctest: +SKIP
    ...     db.execute("select count(*) from tickets")
    """

    def __init__(self, config: DatabaseConfig | str | Connection[Any] | Pool | None = None) -> None:
        self.config: DatabaseConfig | None = None
        self._pool: Pool | None = None
        self._borrowed: Connection[Any] | None = None
        self._own_pool = False
        self._lock = threading.RLock()
        if config is None:
            self.config = DatabaseConfig.from_env()
        elif isinstance(config, DatabaseConfig):
            self.config = config
        elif isinstance(config, str):
            self.config = DatabaseConfig.from_dsn(config)
        elif isinstance(config, Connection):
            self._borrowed = config
        elif isinstance(config, ConnectionPool):
            self._pool = config
        else:
            raise InvalidArgumentError(
                "config must be a DatabaseConfig, a DSN, a psycopg connection or a ConnectionPool, "
                f"got {type(config).__name__}",
                hint="DatabaseConfig(host=..., port=..., database=..., user=..., password=...)",
            )

    def __repr__(self) -> str:
        source = self.config.describe() if self.config else "a connection of the caller"
        return f"<DatabaseConnection to {source}, {'open' if self.is_open else 'closed'}>"

    def __reduce__(self) -> tuple[type[DatabaseConnection], tuple[DatabaseConfig]]:
        """Travel to another process as the parameters alone, the password included; it connects there by itself."""
        return type(self), (self._parameters(),)

    def _parameters(self) -> DatabaseConfig:
        """Return what a connection of its own is made from, where the caller lent one too."""
        if self.config is not None:
            return self.config
        with self.connection() as connection:
            return DatabaseConfig.from_dsn(connection.info.dsn, password=connection.info.password or None)

    def __enter__(self) -> Self:
        self.connect()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def is_open(self) -> bool:
        """Whether `connect` was called and `close` was not."""
        if self._borrowed is not None:
            return not self._borrowed.closed
        return self._pool is not None and not self._pool.closed

    def connect(self) -> Self:
        """Open the pool; harmless where it is open.

        Raises
        ------
        DatabaseUnreachableError
            If no server answers.
        AuthenticationError
            If the server refuses the login.
        """
        with self._lock:
            _last[:] = [weakref.ref(self)]
            if self.is_open or self.config is None:
                return self
            conninfo = self.config.conninfo()
            self._probe()
            self._pool = ConnectionPool(
                conninfo,
                kwargs={"autocommit": True},
                min_size=self.config.min_connections,
                max_size=self.config.max_connections,
                timeout=self.config.connect_timeout,
                name="motadata_ml",
                open=True,
            )
            self._own_pool = True
            _log.debug("connected to %s", printable(self.config.describe()))
        return self

    def close(self) -> None:
        """Close what this object opened; a caller's own connection or pool stays open."""
        with self._lock:
            if self._own_pool and self._pool is not None:
                self._pool.close()
                self._pool, self._own_pool = None, False

    disconnect = close

    @contextlib.contextmanager
    def connection(self) -> Iterator[Connection[Any]]:
        """Lend one psycopg connection for the block.

        Yields
        ------
        psycopg.Connection
            In autocommit mode where this object made it.
        """
        if self._borrowed is not None:
            with self._lock:
                yield self._borrowed
            return
        self.connect()
        pool = self._pool
        if pool is None:
            raise ConnectionLostError("the connection is closed", hint="call connect() again")
        lent = contextlib.ExitStack()
        with lent:
            try:
                connection = lent.enter_context(pool.connection())
            except PoolTimeout as error:
                if self.config is not None:
                    self._probe()
                raise translate(error) from error
            except psycopg.Error as error:
                raise translate(error) from error
            yield connection

    def asynchronous(self, max_connections: int = 8, min_connections: int = 0) -> AsyncDatabaseConnection:
        """Return an asynchronous connection to the same database, as the same role.

        Parameters
        ----------
        max_connections : int
            The most that its pool opens.
        min_connections : int
            How many it keeps open, whether they are used or not.
        """
        parameters = self._parameters()
        return AsyncDatabaseConnection(
            replace(parameters, max_connections=max_connections, min_connections=min_connections)
        )

    def run(self, call: Call[T]) -> T:
        """Perform a call; used by the other modules of this package.

        Parameters
        ----------
        call : Call
            Its steps and how to run them.

        Raises
        ------
        MLError
            Whatever went wrong, by SQLSTATE.
        """
        try:
            return self._attempt(call)
        except psycopg.OperationalError as error:
            if not call.repeat or self._borrowed is not None or not _broken(error):
                raise translate(error, model_id=call.model_id) from error
            _log.info("connection lost, trying once more: %s", printable(str(error)))
        except psycopg.Error as error:
            raise translate(error, model_id=call.model_id) from error
        except UnicodeEncodeError as error:
            raise unsendable(error) from error
        if self._pool is not None:
            self._pool.check()
        with translated(call.model_id):
            return self._attempt(call)

    def execute(self, query: Statement, parameters: Sequence[Any] = ()) -> list[Row]:
        """Run one statement with bound parameters, in a transaction of its own.

        Parameters
        ----------
        query : str or psycopg.sql.Composable
            With ``%s`` where a parameter goes.
        parameters : sequence, optional
            One value for each ``%s``.

        Returns
        -------
        list of dict
            The rows, by column name; empty for a statement without rows.
        """

        def steps() -> Steps[list[Row]]:
            rows: list[Row] = yield Fetch(query, parameters)
            return rows

        return self.run(Call(steps))

    def _attempt(self, call: Call[T]) -> T:
        """Run the call on one connection, a live one where it may not be repeated."""
        with self.connection() as connection:
            if call.repeat or self._borrowed is not None or _alive(connection):
                return drive(connection, call)
        if self._pool is not None:
            self._pool.check()
        with self.connection() as connection:
            return drive(connection, call)

    def _probe(self) -> None:
        """Connect once outside the pool, which would hide the reason of a failure."""
        if self.config is None:
            return
        try:
            psycopg.connect(self.config.conninfo(), autocommit=True).close()
        except psycopg.Error as error:
            raise translate_connect(error, self.config.describe()) from error


def last_connection() -> DatabaseConnection:
    """Return the connection last opened in this process, or one by the ``PG*`` variables."""
    found = _last[0]() if _last else None
    if found is not None and found.is_open:
        return found
    return DatabaseConnection().connect()


def _alive(connection: Connection[Any]) -> bool:
    """Ask the server for a sign of life."""
    try:
        ConnectionPool.check_connection(connection)
    except psycopg.OperationalError:
        return False
    return True


def _broken(error: psycopg.OperationalError) -> bool:
    """Whether the error means that the connection is gone, not that the statement failed."""
    return error.sqlstate is None or error.sqlstate.startswith(("08", "57P"))
