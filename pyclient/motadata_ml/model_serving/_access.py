"""Who asks: the tenant of a request, by its key."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.exceptions import HTTPException

from motadata_ml.model_serving._keys import tenant_of
from motadata_ml.model_serving._limits import Gate
from motadata_ml.model_serving._options import ServingOptions
from motadata_ml.postgresql_database import AsyncDatabaseConnection

_bearer = HTTPBearer(auto_error=False, description="The API key")


@dataclass(frozen=True)
class Access:
    """What is needed to know who asks.

    Attributes
    ----------
    db : AsyncDatabaseConnection
        Where the keys are.
    gate : Gate
        Looking a key up is work too.
    options : ServingOptions
        Whether a key may be missing.
    tenant_id : str or None
        The tenant of requests without a key, where those are allowed.
    """

    db: AsyncDatabaseConnection
    gate: Gate
    options: ServingOptions
    tenant_id: str | None


async def requests_tenant(
    request: Request,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> str | None:
    """Return the tenant that a request's key stands for.

    The key is looked up each time: a revoked one stops at once.

    Raises
    ------
    HTTPException
        401: there is no key, or it is unknown, expired or revoked.
    """
    access: Access = request.app.state.access
    if bearer is None:
        if access.options.anonymous_loopback:
            return access.tenant_id
        raise _unknown("no API key")
    async with asyncio.timeout(access.options.timeout_seconds), access.gate:
        tenant = await access.db.run(tenant_of(bearer.credentials))
    if tenant is None:
        raise _unknown("the API key is unknown, expired or revoked")
    return tenant


def _unknown(reason: str) -> HTTPException:
    """Return the refusal of a request."""
    return HTTPException(401, reason, {"WWW-Authenticate": "Bearer"})
