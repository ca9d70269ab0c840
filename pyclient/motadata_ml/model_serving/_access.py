"""Who asks: the tenant and the scope of a request, by its key, before a byte of its body is read."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import time
from collections import OrderedDict
from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from motadata_ml._operations.api_keys import SCOPES, access_of
from motadata_ml.model_serving._gate import Gate
from motadata_ml.model_serving._options import ServingOptions
from motadata_ml.model_serving._problems import answer_of
from motadata_ml.postgresql_database import AsyncDatabaseConnection

OPEN = frozenset({"/health", "/ready", "/docs", "/openapi.json"})
"""What is answered without a key; it tells nothing about models."""

PREDICTIONS = ("/api/ml/predict/", "/api/ml/predict_batch/")
"""Where the statement that answers looks the key up by itself."""

_CALLER = "motadata_ml.caller"
_KNOWN_SECONDS = 30.0
_KNOWN_KEYS = 10_000
_KEY_BYTES = 512


@dataclass(frozen=True)
class Caller:
    """Who asks.

    Attributes
    ----------
    tenant_id : str or None
        The tenant that the key stands for, or that of requests without a key, where those are allowed.
    scope : str
        One of `SCOPES`, or ``process`` for who runs the process.
    digest : bytes or None
        SHA-256 of the key; None where there is none.
    """

    tenant_id: str | None
    scope: str
    digest: bytes | None = None

    def may(self, scope: str) -> bool:
        """Tell whether the key's scope takes in another."""
        return self.scope in SCOPES and SCOPES.index(self.scope) >= SCOPES.index(scope)


class Access:
    """Knows who asks.

    Parameters
    ----------
    db : AsyncDatabaseConnection
        Where the keys are.
    gate : Gate
        Looking a key up is work too.
    options : ServingOptions
        Whether a key may be missing, and the key of who runs the process.
    tenant_id : str or None
        The tenant of requests without a key, where those are allowed.
    """

    def __init__(self, db: AsyncDatabaseConnection, gate: Gate, options: ServingOptions, tenant_id: str | None) -> None:
        self.db, self.gate, self.options = db, gate, options
        self._anonymous = Caller(tenant_id, "admin")
        self._process = None if options.process_key is None else hashlib.sha256(options.process_key.encode()).digest()
        self._known: OrderedDict[bytes, tuple[float, Caller]] = OrderedDict()

    async def caller(self, scope: Scope, remembered: bool) -> Caller:
        """Return who asks.

        Parameters
        ----------
        scope : ASGI scope
            Of the request; its headers alone are looked at.
        remembered : bool
            Whether it is enough that the key counted a moment ago: for what looks it up again by itself.

        Raises
        ------
        HTTPException
            401: there is no key, or it is unknown, expired or revoked.
        """
        given = [value for name, value in scope["headers"] if name == b"authorization"]
        if not given and self.options.anonymous_loopback:
            return self._anonymous
        key = _bearer(given)
        if key is None:
            raise unauthorised("no API key")
        digest = _digest(key)
        if self._process is not None and secrets.compare_digest(digest, self._process):
            if scope["path"] == "/metrics":
                return Caller(None, "process")
            raise unauthorised("the key of the process opens /metrics alone")
        known = self._known.get(digest)
        if known is not None and known[0] <= time.monotonic():
            known = None
        if known is not None and remembered:
            return known[1]
        async with asyncio.timeout(self.options.timeout_seconds):
            async with self.gate.turn(None if known is None else known[1].tenant_id):
                found = await self.db.run(access_of(digest))
        if found is None:
            self.forget(digest)
            raise unauthorised()
        return self.remember(digest, found.tenant_id, found.scope)

    def remember(self, digest: bytes, tenant_id: str, scope: str) -> Caller:
        """Note that a key counts now."""
        caller = Caller(tenant_id, scope, digest)
        self._known[digest] = (time.monotonic() + _KNOWN_SECONDS, caller)
        self._known.move_to_end(digest)
        while len(self._known) > _KNOWN_KEYS:
            self._known.popitem(last=False)
        return caller

    def forget(self, digest: bytes) -> None:
        """Note that a key does not count."""
        self._known.pop(digest, None)


class KeyFirst:
    """Let requests pass that may be answered, and refuse the others before their bodies are read.

    Parameters
    ----------
    app : ASGI application
        What follows.
    access : Access
        Knows who asks.
    """

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self.app = app
        self.access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its `Caller`, or answer 401."""
        if scope["type"] == "http" and scope["path"] not in OPEN:
            try:
                scope[_CALLER] = await self.access.caller(scope, scope["path"].startswith(PREDICTIONS))
            except Exception as error:
                answer = answer_of(error)
                if answer is None:
                    raise
                answer.headers["Connection"] = "close"  # the body, if there is one, stays unread
                await answer(scope, receive, send)
                return
        await self.app(scope, receive, send)


def caller_of(scope: Scope) -> Caller:
    """Return who asks, as `KeyFirst` found out."""
    caller: Caller = scope[_CALLER]
    return caller


def tenant_of(scope: Scope) -> Caller | None:
    """Return who asks, None for a request that was refused or needs no key."""
    return scope.get(_CALLER)


def unauthorised(reason: str = "the API key is unknown, expired or revoked") -> HTTPException:
    """Return the refusal of a request."""
    return HTTPException(401, reason, {"WWW-Authenticate": "Bearer"})


def _bearer(values: list[bytes]) -> bytes | None:
    """Return the key of an Authorization header; None where there is not exactly one."""
    if len(values) != 1:
        return None
    scheme, _, key = values[0].partition(b" ")
    key = key.strip()
    return key if scheme.lower() == b"bearer" and 0 < len(key) <= _KEY_BYTES else None


def _digest(key: bytes) -> bytes:
    # Headers are Latin-1; the digest is of UTF-8, as everywhere.
    return hashlib.sha256(key if key.isascii() else key.decode("latin-1").encode()).digest()
