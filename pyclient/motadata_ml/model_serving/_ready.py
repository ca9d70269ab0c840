"""Whether the process can answer: asked of the database once a second at the most, by however many ask."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import time

from motadata_ml._calls import Call, Fetch, Steps
from motadata_ml.errors import ExtensionMissingError, MLError
from motadata_ml.postgresql_database import AsyncDatabaseConnection

KEPT_SECONDS = 1.0
"""How long an answer of the database counts."""

WARM_MODELS = 8
"""Models that each connection loads at the start."""

_START_SECONDS = 5.0
_log = logging.getLogger("motadata_ml.serving")


class Readiness:
    """Knows whether the database answers, and whether the connections are warm.

    Parameters
    ----------
    db : AsyncDatabaseConnection
        The pool.
    connections : int
        How many to warm.
    seconds : float
        How long the database may take.
    """

    def __init__(self, db: AsyncDatabaseConnection, connections: int, seconds: float) -> None:
        self._db = db
        self._connections = connections
        self._seconds = seconds
        self._until = 0.0
        self._error: Exception | None = None
        self._asking: asyncio.Task[None] | None = None
        self._warming: asyncio.Task[None] | None = None

    async def check(self) -> None:
        """Return where the process can answer.

        Raises
        ------
        MLError or TimeoutError
            What the database said when it was last asked.
        """
        if self._warming is not None and not self._warming.done():
            raise TimeoutError
        if time.monotonic() >= self._until:
            if self._asking is None:
                self._asking = asyncio.create_task(self._ask())
            await asyncio.shield(self._asking)
        if self._error is not None:
            raise self._error

    async def _ask(self) -> None:
        try:
            async with asyncio.timeout(self._seconds):
                await self._db.run(Call(_sign_of_life, transaction=False, repeat=True))
            self._error = None
        except (MLError, TimeoutError) as error:
            self._error = ExtensionMissingError(str(error)) if _is_old(error) else error
        finally:
            self._until = time.monotonic() + KEPT_SECONDS
            self._asking = None

    async def start(self) -> None:
        """Load the models that were asked for most often on every connection; go on after a while where that takes."""
        self._warming = asyncio.create_task(self._warm())
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(self._warming), _START_SECONDS)

    async def stop(self) -> None:
        """End what runs."""
        for task in (self._warming, self._asking):
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    async def _warm(self) -> None:
        try:
            async with contextlib.AsyncExitStack() as held:
                first = await held.enter_async_context(self._db.connection())
                cursor = await first.execute("select ml._warm_models(%s::integer)", (WARM_MODELS,))
                found = await cursor.fetchone()
                if not found or not found[0]:
                    return
                others = [await held.enter_async_context(self._db.connection()) for _ in range(self._connections - 1)]
                for other in others:
                    await other.execute("select ml._warm_models(%s::integer)", (WARM_MODELS,))
        except Exception as error:  # the first requests load their models, as they would without this
            _log.warning("the connections stay cold: %s", error)


def _sign_of_life() -> Steps[None]:
    """Ask whether this role may ask for predictions: the extension is there, and of a version that serves."""
    rows = yield Fetch(
        "select pg_catalog.has_function_privilege("
        "'ml._serve_requests(bytea, text, text[], text, text)', 'execute') as may"
    )
    if not rows[0]["may"]:
        raise ExtensionMissingError(
            "this role may not ask for predictions", hint="as a superuser: select ml.grant_usage(role, tenant)"
        )


def _is_old(error: Exception) -> bool:
    """Tell whether the extension lacks what this version asks for, or the role the right to it."""
    return isinstance(error, MLError) and (error.sqlstate or "").startswith("42")


def calm_collector() -> None:
    """Spare the collector what stays for good, and let it run seldom: a full run is a pause for every request."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
