"""What keeps the process small under load: bounds of heads and bodies, in bytes and in time."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_TOO_LARGE = b'{"error":{"code":"body_too_large","message":"the body is larger than allowed","hint":"send fewer rows"}}'
_TOO_SLOW = b'{"error":{"code":"body_too_slow","message":"the body did not arrive in time","hint":"send it at once"}}'

HEAD_BYTES = 32 * 1024
"""The most that the head of a request may have: its line and its headers."""

HEAD_SECONDS = 20.0
"""How long a head may take to arrive, from when the connection is made or its last request was answered."""


class LengthLimit:
    """Refuse what announces more bytes than are allowed, by its headers alone.

    Parameters
    ----------
    app : ASGI application
        What follows.
    max_bytes : int
        The most that a body may have.
    """

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self.app = app
        self.max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 413."""
        if scope["type"] == "http":
            for name, value in scope["headers"]:
                if name == b"content-length" and (not value.isdigit() or int(value[:20]) > self.max_bytes):
                    await refuse(send, 413, _TOO_LARGE)
                    return
        await self.app(scope, receive, send)


class BodyLimit:
    """Read whole bodies, refuse those beyond a number of bytes, and those that take too long to arrive.

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
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD"):
            await self.app(scope, receive, send)
            return
        first = await self._first(receive, send)
        if first is None:
            return
        body, seen = first, False

        async def replay() -> Message:
            nonlocal seen
            if seen:
                return await receive()
            seen = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self.app(scope, replay, send)

    async def _first(self, receive: Receive, send: Send) -> bytes | None:
        """Return the body, None where the request has been answered or its client has gone."""
        try:
            async with asyncio.timeout(self.seconds):
                body = await self._read(receive)
        except TimeoutError:
            await refuse(send, 408, _TOO_SLOW)
            return None
        if body is not None and len(body) > self.max_bytes:
            await refuse(send, 413, _TOO_LARGE)
            return None
        return body

    async def _read(self, receive: Receive) -> bytes | None:
        """Return the body, at the most one message more than is allowed of it; None where the client has gone."""
        message = await receive()
        if message["type"] != "http.request":
            return None
        if not message.get("more_body", False):
            whole: bytes = message.get("body", b"")
            return whole
        body = bytearray(message.get("body", b""))
        while len(body) <= self.max_bytes:
            message = await receive()
            if message["type"] != "http.request":
                return None
            body += message.get("body", b"")
            if not message.get("more_body", False):
                break
        return bytes(body)


async def refuse(send: Send, status: int, answer: bytes) -> None:
    """Answer and close: the rest of the body is not read."""
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(answer)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's protocol over httptools, for heads that end: neither bounds their bytes or their time."""

    _head = 0
    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for a head."""
        super().connection_made(transport)
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._head_arrived()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count what arrives before a head is whole, and end the connection where that is too much."""
        if self._waiting is not None:
            self._head += len(data)
        super().data_received(data)
        if self._waiting is not None and self._head > HEAD_BYTES:
            self.transport.close()

    def on_message_begin(self) -> None:
        """Begin to wait for the head, where the connection was at rest."""
        super().on_message_begin()
        if self._waiting is None:
            self._wait_for_head()

    def on_headers_complete(self) -> None:
        """Take the request."""
        self._head_arrived()
        super().on_headers_complete()

    def _wait_for_head(self) -> None:
        self._head = 0
        self._waiting = self.loop.call_later(HEAD_SECONDS, self._too_late)

    def _head_arrived(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _too_late(self) -> None:
        self._waiting = None
        if self.transport is not None and not self.transport.is_closing():
            self.transport.close()
