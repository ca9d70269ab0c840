"""What keeps the process small under load: a body limit and a gate."""

from __future__ import annotations

import asyncio
from types import TracebackType

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_TOO_LARGE = b'{"error":{"code":"body_too_large","message":"the body is larger than allowed","hint":"send fewer rows"}}'
_TOO_SLOW = b'{"error":{"code":"body_too_slow","message":"the body did not arrive in time","hint":"send it at once"}}'


class BodyLimit:
    """Refuse bodies beyond a number of bytes, announced or not, and those that take too long to arrive.

    Parameters
    ----------
    app : ASGI application
        What follows.
    max_bytes : int
        The most that is read.
    seconds : float
        How long the whole body may take.
    """

    def __init__(self, app: ASGIApp, max_bytes: int, seconds: float) -> None:
        self.app = app
        self.max_bytes = max_bytes
        self.seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 408 or 413."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if not announced.isdigit() or int(announced) > self.max_bytes:
            await _refuse(send, 413, _TOO_LARGE)
            return
        try:
            async with asyncio.timeout(self.seconds):
                body = await self._read(receive)
        except TimeoutError:
            await _refuse(send, 408, _TOO_SLOW)
            return
        if body is None:
            return
        if len(body) > self.max_bytes:
            await _refuse(send, 413, _TOO_LARGE)
            return
        pending: list[Message] = [{"type": "http.request", "body": bytes(body), "more_body": False}]

        async def replay() -> Message:
            return pending.pop() if pending else await receive()

        await self.app(scope, replay, send)

    async def _read(self, receive: Receive) -> bytearray | None:
        """Return the body, at the most one message more than is allowed of it; None where the client has gone."""
        body = bytearray()
        while len(body) <= self.max_bytes:
            message = await receive()
            if message["type"] != "http.request":
                return None
            body += message.get("body", b"")
            if not message.get("more_body", False):
                break
        return body


async def _refuse(send: Send, status: int, answer: bytes) -> None:
    """Answer and close: the rest of the body is not read."""
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(answer)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


class BusyError(Exception):
    """Too many requests are waiting already."""


class Gate:
    """Let a number of requests work and a number wait; turn others away at once.

    Parameters
    ----------
    working, waiting : int
        How many of each.
    """

    def __init__(self, working: int, waiting: int) -> None:
        self._slots = asyncio.Semaphore(working)
        self._most = working + waiting
        self.inside = 0

    async def __aenter__(self) -> None:
        if self.inside >= self._most:
            raise BusyError
        self.inside += 1
        try:
            await self._slots.acquire()
        except BaseException:
            self.inside -= 1
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._slots.release()
        self.inside -= 1
