"""``predict``: one row, through the cache where there is one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, LiteralString

from psycopg import sql

from motadata_ml._calls import Call, Fetch, Steps
from motadata_ml._frames import to_row
from motadata_ml._frames.row import Row
from motadata_ml._operations.functions import qualified, select_function, to_json
from motadata_ml._operations.settings import Settings
from motadata_ml.results import Prediction

_FIELDS = ("prediction", "probabilities", "confidence", "model_id", "model_version")


def predict(
    settings: Settings, model_id: str, input_data: Any, tenant_id: str | None, version: str | None
) -> Call[Prediction]:
    """Return the call that predicts one row."""
    row = to_row(input_data)
    tenant = settings.tenant(tenant_id)

    def steps() -> Steps[Prediction]:
        key, exact = None, version
        if settings.cache is not None:
            key, exact = yield from _key(model_id, row, tenant, version)
            known = _get(settings.cache, key)
            if known is not None:
                return known
        rows = yield _one_row("predict", model_id, row, exact, tenant)
        found = yield from _result(settings, rows[0]["answer"], tenant)
        if key is not None:
            _set(settings.cache, key, found)
        return found

    return Call(steps, model_id=model_id, transaction=False, repeat=True)


def predict_typed(
    settings: Settings,
    function: LiteralString,
    model_id: str,
    input_data: Any,
    version: str | None,
    tenant_id: str | None,
) -> Call[Any]:
    """Return the call of ``predict_value``, ``predict_label`` or ``predict_proba``, which answer with one value."""
    step = _one_row(function, model_id, to_row(input_data), version, settings.tenant(tenant_id))

    def steps() -> Steps[Any]:
        rows = yield step
        return rows[0]["answer"]

    return Call(steps, model_id=model_id, transaction=False, repeat=True)


def _one_row(function: LiteralString, model_id: str, row: Row, version: str | None, tenant: str | None) -> Fetch:
    """Return the step that calls a function of one row, which goes by name or by position."""
    by_name = isinstance(row, Mapping)
    kind: LiteralString = "jsonb" if by_name else "float8[]"
    statement = sql.SQL(
        "select ml.{}(%s::pg_catalog.text, %s::{}, version => %s::pg_catalog.text, tenant_id => %s::pg_catalog.text) "
        "as answer"
    ).format(sql.SQL(function), sql.SQL(qualified(kind)))
    return Fetch(statement, (model_id, to_json(row, "input_data") if by_name else row, version, tenant))


def _result(settings: Settings, answer: dict[str, Any], tenant: str | None) -> Steps[Prediction]:
    """Return the server's answer with the probabilities in the order of the classes."""
    shares = answer["probabilities"]
    labels = None
    if isinstance(shares, dict):
        classes = yield from settings.classes.steps(answer["model_id"], answer["model_version"], tenant, shares)
        shares, labels = [shares[text] for text in classes.texts], classes.labels
    found = Prediction({**{name: answer[name] for name in _FIELDS}, "probabilities": shares})
    if "score" in answer:
        found["score"] = answer["score"]
    found.classes = labels
    return found


def _key(model_id: str, row: Any, tenant: str | None, version: str | None) -> Steps[tuple[str, str]]:
    """Return the cache key and the version it is for.

    The server is asked which version answers, as the caller, each time: a redeployed, deleted or revoked
    model never answers from the cache. The time of training tells a version from an earlier one of the
    same number.
    """
    rows = yield select_function(
        "get_model_info",
        {"model_id": model_id, "version": version, "tenant_id": tenant},
        "get_model_info as info, pg_catalog.current_database() as database",
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
    return f"motadata_ml:2:{hashlib.sha256(text.encode()).hexdigest()}", str(info["version"])


def _get(cache: Any, key: str) -> Prediction | None:
    """Return a remembered prediction."""
    found = cache.get(key)
    if found is None:
        return None
    known = json.loads(found)
    prediction = Prediction(known["answer"])
    prediction.classes = known["classes"]
    return prediction


def _set(cache: Any, key: str, prediction: Prediction) -> None:
    """Remember a prediction as JSON text, which any cache can hold."""
    text = json.dumps({"answer": prediction, "classes": prediction.classes})
    if hasattr(cache, "set"):
        cache.set(key, text)
    else:
        cache[key] = text
