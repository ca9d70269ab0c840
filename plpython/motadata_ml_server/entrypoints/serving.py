"""Entry points of the serving process and its keys."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from motadata_ml_server.entrypoints.required import required
from motadata_ml_server.errors import InvalidArgumentError
from motadata_ml_server.postgres import database
from motadata_ml_server.postgres.boundary import boundary, boundary_rows
from motadata_ml_server.prediction import requests
from motadata_ml_server.tenants import api_keys as _keys


@boundary
def create_api_key(name: str | None, scope: str | None, expires_at: str | None, tenant_id: str | None) -> str:
    """Make an API key of a tenant for the serving process and return it: it cannot be shown again."""
    return _keys.create(database.current(), required("name", name), required("scope", scope), expires_at, tenant_id)


@boundary
def revoke_api_key(key_id: int | None, tenant_id: str | None) -> bool:
    """Revoke an API key of a tenant at once, and return whether there was one."""
    if key_id is None:
        raise InvalidArgumentError("key_id must not be NULL", hint="select id, name from ml.api_keys lists them.")
    return _keys.revoke(database.current(), key_id, tenant_id)


@boundary_rows
def api_keys() -> Iterator[dict[str, Any]]:
    """List the API keys of the tenants that the caller may act for."""
    yield from _keys.visible(database.current())


@boundary
def serve_requests(
    digest: bytes | None, model_id: str | None, inputs: list[str] | None, version: str | None, tenant_id: str | None
) -> tuple[Any, ...]:
    """Answer requests of one API key for one model, each with its own answer or error.

    Without a digest the caller asks in its own name, as it may with `ml.predict`. Where the key does not count the
    first value is None, and no model was looked at.
    """
    db, scope = database.current(), None
    if digest is not None:
        access = _keys.access(db, digest)
        if access is None:
            return None, None, None, None
        tenant_id, scope = access.tenant_id, access.scope
    answers, errors = requests.answer_each(db, required("model_id", model_id), inputs or [], version, tenant_id)
    return tenant_id or "", scope, answers, errors


@boundary
def serve_rows(
    digest: bytes | None, model_id: str | None, text: str | None, version: str | None, tenant_id: str | None
) -> tuple[Any, ...]:
    """Answer one request of an API key for many rows; the values are as for `serve_requests`."""
    db, scope = database.current(), None
    if digest is not None:
        access = _keys.access(db, digest)
        if access is None:
            return None, None, None
        tenant_id, scope = access.tenant_id, access.scope
    answer = requests.answer_rows(db, required("model_id", model_id), required("input", text), version, tenant_id)
    return tenant_id or "", scope, answer


@boundary
def warm_models(most: int | None) -> int:
    """Load the models that were asked for most often, and return how many."""
    return requests.warm(database.current(), most or 0)
