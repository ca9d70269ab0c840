"""The asynchronous twin of the connection; the calls themselves are shared."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Sequence
from types import TracebackType
from typing import Any, Self, TypeAlias, TypeVar

import psycopg
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from motadata_ml._calls import Call, Fetch, Row, Statement, Steps, drive_async
from motadata_ml._printable import printable
from motadata_ml._translate import translate, translate_connect, translated
from motadata_ml.errors import ConnectionLostError, InvalidArgumentError
from motadata_ml.postgresql_database._config import DatabaseConfig

T = TypeVar("T")
AsyncPool: TypeAlias = AsyncConnectionPool[AsyncConnection[Any]]
_log = logging.getLogger("motadata_ml.database")


class AsyncDatabaseConnection:
    """Connect to the database through an asynchronous pool.

    Parameters
    ----------
    config : DatabaseConfig, str, psycopg.AsyncConnection or psycopg_pool.AsyncConnectionPool, optional
        As for `DatabaseConnection`.
    """

    def __init__(self, config: DatabaseConfig | str | AsyncConnection[Any] | AsyncPool | None = None) -> None:
        self.config: DatabaseConfig | None = None
        self._pool: AsyncPool | None = None
        self._borrowed: AsyncConnection[Any] | None = None
        self._own_pool = False
        self._lock = asyncio.Lock()
        if config is None:
            self.config = DatabaseConfig.from_env()
        elif isinstance(config, DatabaseConfig):
            self.config = config
        elif isinstance(config, str):
            self.config = DatabaseConfig.from_dsn(config)
        elif isinstance(config, AsyncConnection):
            self._borrowed = config
        elif isinstance(config, AsyncConnectionPool):
            self._pool = config
        else:
            raise InvalidArgumentError(
                "config must be a DatabaseConfig, a DSN, an AsyncConnection or an AsyncConnectionPool, "
                f"got {type(config).__name__}",
                hint="DatabaseConfig(host=..., port=..., database=..., user=..., password=...)",
            )

    def __reduce__(self) -> tuple[type[AsyncDatabaseConnection], tuple[DatabaseConfig]]:
        """Travel to another process as the parameters alone, the password included; it connects there by itself."""
        return type(self), (self._parameters(),)

    def _parameters(self) -> DatabaseConfig:
        """Return what a connection of its own is made from, where the caller lent one too."""
        if self.config is not None:
            return self.config
        if self._borrowed is not None:
            info = self._borrowed.info
            return DatabaseConfig.from_dsn(info.dsn, password=info.password or None)
        if self._pool is not None and isinstance(self._pool.conninfo, str):
            return DatabaseConfig.from_dsn(self._pool.conninfo)
        raise ConnectionLostError("the connection is closed", hint="make it from a DatabaseConfig")

    async def __aenter__(self) -> Self:
        return await self.connect()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def connect(self) -> Self:
        """Open the pool; harmless where it is open."""
        async with self._lock:
            if self._pool is None and self.config is not None:
                await self._probe()
                pool: AsyncPool = AsyncConnectionPool(
                    self.config.conninfo(),
                    kwargs={"autocommit": True},
                    min_size=self.config.min_connections,
                    max_size=self.config.max_connections,
                    timeout=self.config.connect_timeout,
                    name="motadata_ml",
                    open=False,
                )
                await pool.open()
                self._pool, self._own_pool = pool, True
        return self

    async def close(self) -> None:
        """Close what this object opened."""
        if self._own_pool and self._pool is not None:
            await self._pool.close()
            self._pool, self._own_pool = None, False

    @contextlib.asynccontextmanager
    async def connection(self) -> AsyncIterator[AsyncConnection[Any]]:
        """Lend one psycopg connection for the block."""
        if self._borrowed is not None:
            async with self._lock:
                yield self._borrowed
            return
        await self.connect()
        if self._pool is None:
            raise ConnectionLostError("the connection is closed", hint="call connect() again")
        async with contextlib.AsyncExitStack() as lent:
            try:
                connection = await lent.enter_async_context(self._pool.connection())
            except PoolTimeout as error:
                await self._probe()
                raise translate(error) from error
            except psycopg.Error as error:
                raise translate(error) from error
            yield connection

    async def run(self, call: Call[T]) -> T:
        """Perform a call; used by the other modules of this package."""
        try:
            return await self._attempt(call)
        except psycopg.OperationalError as error:
            lost = error.sqlstate is None or error.sqlstate.startswith(("08", "57P"))
            if not call.repeat or self._borrowed is not None or not lost:
                raise translate(error, model_id=call.model_id) from error
            _log.info("connection lost, trying once more: %s", printable(str(error)))
        except psycopg.Error as error:
            raise translate(error, model_id=call.model_id) from error
        if self._pool is not None:
            await self._pool.check()
        with translated(call.model_id):
            return await self._attempt(call)

    async def execute(self, query: Statement, parameters: Sequence[Any] = ()) -> list[Row]:
        """Run one statement with bound parameters, in a transaction of its own."""

        def steps() -> Steps[list[Row]]:
            rows: list[Row] = yield Fetch(query, parameters)
            return rows

        return await self.run(Call(steps))

    async def _attempt(self, call: Call[T]) -> T:
        """Run the call on one connection, a live one where it may not be repeated."""
        async with self.connection() as connection:
            if call.repeat or self._borrowed is not None or await _alive(connection):
                return await drive_async(connection, call)
        if self._pool is not None:
            await self._pool.check()
        async with self.connection() as connection:
            return await drive_async(connection, call)

    async def _probe(self) -> None:
        """Connect once outside the pool, which would hide the reason of a failure."""
        if self.config is None:
            return
        try:
            connection = await AsyncConnection.connect(self.config.conninfo(), autocommit=True)
            await connection.close()
        except psycopg.Error as error:
            raise translate_connect(error, self.config.describe()) from error


async def _alive(connection: AsyncConnection[Any]) -> bool:
    """Ask the server for a sign of life."""
    try:
        await AsyncConnectionPool.check_connection(connection)
    except psycopg.OperationalError:
        return False
    return True
