"""What keeps the process small under load: a body limit and a gate."""

from __future__ import annotations

import asyncio
from types import TracebackType

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_TOO_LARGE = b'{"error":{"code":"body_too_large","message":"the body is larger than allowed","hint":"send fewer rows"}}'


class BodyLimit:
    """Refuse bodies beyond a number of bytes, announced or not.

    Parameters
    ----------
    app : ASGI application
        What follows.
    max_bytes : int
        The most that is read.
    """

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self.app = app
        self.max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 413."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if not announced.isdigit() or int(announced) > self.max_bytes:
            await _refuse(send)
            return
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return
            body += message.get("body", b"")
            if len(body) > self.max_bytes:
                await _refuse(send)
                return
            if not message.get("more_body", False):
                break
        pending: list[Message] = [{"type": "http.request", "body": bytes(body), "more_body": False}]

        async def replay() -> Message:
            return pending.pop() if pending else await receive()

        await self.app(scope, replay, send)


async def _refuse(send: Send) -> None:
    """Answer 413 and close: the rest of the body is not read."""
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(_TOO_LARGE)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": _TOO_LARGE})


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
