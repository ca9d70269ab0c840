"""``predict``: one row, through the cache where there is one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from psycopg import sql

from motadata_ml._calls import Call, Fetch, Steps
from motadata_ml._frames import to_row
from motadata_ml._operations.functions import select_function, to_json
from motadata_ml._operations.settings import Settings
from motadata_ml.results import Prediction

_BY_NAME = sql.SQL("select ml.predict(%s::text, %s::jsonb, version => %s::text, tenant_id => %s::text) as answer")
_BY_POSITION = sql.SQL(
    "select ml.predict(%s::text, %s::float8[], version => %s::text, tenant_id => %s::text) as answer"
)


def predict(
    settings: Settings, model_id: str, input_data: Any, tenant_id: str | None, version: str | None
) -> Call[Prediction]:
    """Return the call that predicts one row."""
    row = to_row(input_data)
    by_name = isinstance(row, Mapping)
    value = to_json(row, "input_data") if by_name else row
    tenant = settings.tenant(tenant_id)

    def steps() -> Steps[Prediction]:
        key, exact = None, version
        if settings.cache is not None:
            key, exact = yield from _key(model_id, row, tenant, version)
            known = _get(settings.cache, key)
            if known is not None:
                return Prediction(known)
        statement = _BY_NAME if by_name else _BY_POSITION
        rows = yield Fetch(statement, (model_id, value, exact, tenant))
        found = yield from _result(settings, rows[0]["answer"], tenant)
        if key is not None:
            _set(settings.cache, key, found)
        return found

    return Call(steps, model_id=model_id, transaction=False, repeat=True)


def _result(settings: Settings, answer: dict[str, Any], tenant: str | None) -> Steps[Prediction]:
    """Return the server's answer with the probabilities in the order of the classes."""
    by_label = answer["probabilities"]
    probabilities = by_label
    if isinstance(by_label, dict):
        classes = yield from settings.classes.steps(answer["model_id"], answer["model_version"], tenant, by_label)
        probabilities = [by_label[label] for label in classes]
    return Prediction(
        prediction=answer["prediction"],
        probabilities=probabilities,
        confidence=answer["confidence"],
        model_id=answer["model_id"],
        model_version=answer["model_version"],
    )


def _key(model_id: str, row: Any, tenant: str | None, version: str | None) -> Steps[tuple[str, str]]:
    """Return the cache key and the version it is for.

    The server is asked which version answers, as the caller, each time: a redeployed, deleted or revoked
    model never answers from the cache. The time of training tells a version from an earlier one of the
    same number.
    """
    rows = yield select_function(
        "get_model_info",
        {"model_id": model_id, "version": version, "tenant_id": tenant},
        "get_model_info as info, current_database() as database",
    )
    info = rows[0]["info"]
    identity = [
        rows[0]["database"],
        info.get("tenant_id"),
        model_id,
        info["version"],
        info.get("trained_at"),
        info.get("data_fingerprint"),
        row,
    ]
    text = json.dumps(identity, sort_keys=True, default=str)
    return f"motadata_ml:{hashlib.sha256(text.encode()).hexdigest()}", str(info["version"])


def _get(cache: Any, key: str) -> dict[str, Any] | None:
    """Return a remembered prediction."""
    found = cache.get(key)
    if found is None:
        return None
    known: dict[str, Any] = json.loads(found)
    return known


def _set(cache: Any, key: str, prediction: Prediction) -> None:
    """Remember a prediction as JSON text, which any cache can hold."""
    text = json.dumps(prediction)
    if hasattr(cache, "set"):
        cache.set(key, text)
    else:
        cache[key] = text
