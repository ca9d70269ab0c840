"""Requests for one model that wait together share one statement.

The first request of a key for a model goes to the database in the next turn of the event loop, with all that came in
the same one. While a statement for it runs, further requests wait for its end, and at the most `WAIT_SECONDS`: then
they go on a connection of their own. So a lone request waits for nothing, and many wait little and share much: the
look-up of the key, the tenant and the version, the round trip and the transaction.

Only requests of one key share a statement: a tenant's slow model or bad rows are nobody else's.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import msgspec
from psycopg import sql

from motadata_ml._calls import Call, Fetch, Steps
from motadata_ml.errors import (
    BY_SQLSTATE,
    ConnectionLostError,
    DatabaseError,
    DatabaseUnreachableError,
    ExtensionMissingError,
    InternalError,
    MLError,
    QueryCanceledError,
)
from motadata_ml.model_serving._access import Access, Caller, unauthorised

WAIT_SECONDS = 0.0015
"""How long a request waits for others at the most, where there is a connection for it."""

MOST = 64
"""Requests in one statement."""

_SERVE = sql.SQL("""
select tenant_id, scope, answers, errors
from ml._serve_requests(
    %s::pg_catalog.bytea, %s::pg_catalog.text, %s::pg_catalog.text[], %s::pg_catalog.text, %s::pg_catalog.text)
""")

_SERVE_ROWS = sql.SQL("""
select tenant_id, scope, answer
from ml._serve_rows(
    %s::pg_catalog.bytea, %s::pg_catalog.text, %s::pg_catalog.text, %s::pg_catalog.text, %s::pg_catalog.text)
""")

_OF_ALL = (ConnectionLostError, DatabaseUnreachableError, ExtensionMissingError, QueryCanceledError)
"""Failures that are no row's own, so that to ask again for each would only ask more of a database in trouble."""

Key: TypeAlias = tuple[bytes | None, str, str | None]


@dataclass(frozen=True)
class _Request:
    """One row, and who waits for its answer."""

    text: str
    answer: asyncio.Future[str]


@dataclass
class _Lane:
    """The requests of one key for one version of one model."""

    caller: Caller
    waiting: deque[_Request] = field(default_factory=deque)
    running: int = 0
    due: asyncio.Handle | None = None


class Batcher:
    """Answers predictions.

    Parameters
    ----------
    access : Access
        Whose connection, gate and limits hold.
    """

    def __init__(self, access: Access) -> None:
        self._access = access
        self._lanes: dict[Key, _Lane] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def check(self, caller: Caller) -> None:
        """Turn a request away where it would find no place, before its body is taken apart."""
        self._access.gate.check(caller.tenant_id)

    async def one(self, caller: Caller, model_id: str, version: str | None, text: str) -> str:
        """Return the answer for one row.

        Parameters
        ----------
        caller : Caller
            Who asks.
        model_id, version : str, str or None
            As for ``ml.predict``.
        text : str
            The row as JSON.

        Returns
        -------
        str
            The prediction as JSON.

        Raises
        ------
        BusyError
            If too many wait already.
        HTTPException
            401: the key does not count any more.
        MLError
            What the database says.
        """
        with self._access.gate.place(caller.tenant_id):
            loop = asyncio.get_running_loop()
            key = (caller.digest, model_id, version)
            lane = self._lanes.get(key)
            if lane is None:
                lane = self._lanes[key] = _Lane(caller)
            request = _Request(text, loop.create_future())
            lane.waiting.append(request)
            if lane.due is None:
                if lane.running:
                    lane.due = loop.call_later(WAIT_SECONDS, self._send, key, lane)
                else:
                    lane.due = loop.call_soon(self._send, key, lane)
            return await request.answer

    async def many(self, caller: Caller, model_id: str, version: str | None, text: str) -> str:
        """Return the answers for rows in one statement; `text` is a JSON array, and so is the answer."""
        gate, tenant = self._access.gate, caller.tenant_id
        values = (caller.digest, model_id, text, version, tenant)
        async with asyncio.timeout(self._access.options.timeout_seconds), gate.turn(tenant):
            row = await self._access.db.run(_one_row(Fetch(_SERVE_ROWS, values), model_id))
        self._check(caller, row)
        answer: str = row["answer"]
        return answer

    def _send(self, key: Key, lane: _Lane) -> None:
        """Start a statement for what waits."""
        lane.due = None
        if lane.waiting:
            lane.running += 1
            self._start(self._run(key, lane))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, key: Key, lane: _Lane) -> None:
        """Wait for a turn, then answer all that waits by now."""
        taken: list[_Request] = []
        try:
            async with (
                asyncio.timeout(self._access.options.timeout_seconds),
                self._access.gate.slot(lane.caller.tenant_id),
            ):
                waiting = lane.waiting
                taken += [waiting.popleft() for _ in range(min(MOST, len(waiting)))]
                if taken:
                    await self._answer(key, lane.caller, taken)
        except Exception as error:
            if not taken:  # the turn did not come in time
                taken += lane.waiting
                lane.waiting.clear()
            _fail(taken, error)
        finally:
            lane.running -= 1
            if lane.waiting and lane.running == 0:
                if lane.due is not None:
                    lane.due.cancel()
                self._send(key, lane)
            elif not lane.running and not lane.waiting and lane.due is None:
                self._lanes.pop(key, None)

    async def _answer(self, key: Key, caller: Caller, requests: list[_Request]) -> None:
        """Run one statement and hand out what it says; where it fails as a whole, each request runs alone."""
        try:
            row = await self._ask(key, caller, [request.text for request in requests])
        except (DatabaseError, InternalError) as error:
            if len(requests) == 1 or isinstance(error, _OF_ALL):
                raise
            for request in requests:
                try:
                    self._hand_out(caller, await self._ask(key, caller, [request.text]), [request])
                except (DatabaseError, InternalError) as own:
                    _fail([request], own)
            return
        self._hand_out(caller, row, requests)

    async def _ask(self, key: Key, caller: Caller, texts: list[str]) -> dict[str, Any]:
        digest, model_id, version = key
        values = (digest, model_id, texts, version, caller.tenant_id if digest is None else None)
        return await self._access.db.run(_one_row(Fetch(_SERVE, values), model_id))

    def _hand_out(self, caller: Caller, row: dict[str, Any], requests: list[_Request]) -> None:
        self._check(caller, row)
        for request, answer, error in zip(requests, row["answers"], row["errors"], strict=True):
            if request.answer.done():  # its client has gone
                continue
            if error is None:
                request.answer.set_result(answer)
            else:
                request.answer.set_exception(_error(msgspec.json.decode(error)))

    def _check(self, caller: Caller, row: dict[str, Any]) -> None:
        """Refuse an answer for a key that does not count; note what it opens where it does."""
        if caller.digest is None:
            return
        if row["tenant_id"] is None:
            self._access.forget(caller.digest)
            raise unauthorised()
        self._access.remember(caller.digest, row["tenant_id"], row["scope"])


def _one_row(step: Fetch, model_id: str) -> Call[dict[str, Any]]:
    def steps() -> Steps[dict[str, Any]]:
        rows = yield step
        found: dict[str, Any] = rows[0]
        return found

    return Call(steps, model_id=model_id, transaction=False, repeat=True)


def _fail(requests: list[_Request], error: Exception) -> None:
    for request in requests:
        if not request.answer.done():
            request.answer.set_exception(error)


def _error(problem: dict[str, Any]) -> MLError:
    """Return the error of one row."""
    known = BY_SQLSTATE.get(problem["sqlstate"])
    if known is None:
        return DatabaseError(problem["message"], hint=problem["hint"], sqlstate=problem["sqlstate"])
    return known(problem["message"], hint=problem["hint"])
