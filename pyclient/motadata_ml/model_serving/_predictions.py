"""Predictions over HTTP: the two routes that are asked thousands of times a second.

FastAPI describes them; their bodies are read and their answers sent here, without the copies and checks in between
that take it longer than the database needs for the prediction. What the description says is checked by hand, and a
test holds the two against each other.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.types import Receive, Scope, Send

from motadata_ml.errors import InvalidArgumentError, InvalidInputError
from motadata_ml.model_serving import _json
from motadata_ml.model_serving import _schemas as schemas
from motadata_ml.model_serving._access import Caller, caller_of
from motadata_ml.model_serving._batching import Batcher
from motadata_ml.model_serving._problems import ANSWERS, RequestError

MODEL_ID = r"^[^\u0000/]+$"
MAX_MODEL_ID = 200

_VERSION = re.compile(schemas.VERSION, re.ASCII)
_MODEL_ID = re.compile(MODEL_ID)
_FIELDS = frozenset({"input_data", "version"})
_NUMBERS = frozenset({int, float, Decimal, type(None)})

Answer = Callable[[Caller, str, Mapping[str, Any], str | None], Awaitable[bytes]]


class Predictions:
    """The two routes.

    Parameters
    ----------
    batcher : Batcher
        Answers them.
    max_rows : int
        The most rows in one request.
    """

    def __init__(self, batcher: Batcher, max_rows: int) -> None:
        self._batcher = batcher
        self._max_rows = max_rows

    def add_to(self, app: FastAPI, described: tuple[Callable[..., Any], Callable[..., Any]]) -> None:
        """Add the routes to an application, each with the function whose signature describes it."""
        models = (schemas.PredictionAnswer, schemas.BatchAnswer)
        for name, function, model, answer in zip(
            ("predict", "predict_batch"), described, models, (self._one, self._many), strict=True
        ):
            route = APIRoute(
                f"/api/ml/{name}/{{model_id}}",
                function,
                methods=["POST"],
                response_model=model,
                responses=ANSWERS,
                tags=["models"],
            )
            route.app = _Direct(answer, self._batcher.check)
            app.router.routes.append(route)

    async def _one(self, caller: Caller, model_id: str, body: Mapping[str, Any], version: str | None) -> bytes:
        row = body["input_data"]
        if not (isinstance(row, dict) or _is_numbers(row)):
            raise RequestError("body.input_data", "must be an object by feature name, or a list of numbers")
        return (await self._batcher.one(caller, model_id, version, _json.write(row))).encode()

    async def _many(self, caller: Caller, model_id: str, body: Mapping[str, Any], version: str | None) -> bytes:
        rows = body["input_data"]
        if not isinstance(rows, list) or not rows:
            raise RequestError("body.input_data", "must be a list of at least one row")
        named = isinstance(rows[0], dict)
        if not all(isinstance(row, dict) if named else _is_numbers(row) for row in rows):
            raise RequestError("body.input_data", "must be objects by feature name, or lists of numbers, all alike")
        if len(rows) > self._max_rows:
            raise InvalidInputError(f"input_data has {len(rows)} rows, the limit is {self._max_rows}")
        if named and any(row.keys() != rows[0].keys() for row in rows):
            raise InvalidArgumentError("the rows of input_data have different keys")
        answers = await self._batcher.many(caller, model_id, version, _json.write(rows))
        return b'{"predictions":%b,"rows":%d}' % (answers.encode(), len(rows))


class _Direct:
    """A route that reads a body, has it answered, and sends the answer."""

    def __init__(self, answer: Answer, check: Callable[[Caller], None]) -> None:
        self._answer = answer
        self._check = check

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        model_id = scope["path_params"]["model_id"]
        if len(model_id) > MAX_MODEL_ID or not _MODEL_ID.match(model_id):
            raise RequestError("path.model_id", f"must have 1 to {MAX_MODEL_ID} characters, without NUL and slash")
        _require_json(scope)
        self._check(caller_of(scope))
        message = await receive()
        body = _json.read(message.get("body", b""))
        if not isinstance(body, dict) or "input_data" not in body or not body.keys() <= _FIELDS:
            raise RequestError("body", 'must be an object with "input_data" and, if wanted, "version"')
        version = body.get("version")
        if version is not None and not (isinstance(version, str) and _VERSION.fullmatch(version)):
            raise RequestError("body.version", "must be a version such as 1.0.0")
        answer = await self._answer(caller_of(scope), model_id, body, version)
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})


def _require_json(scope: Scope) -> None:
    """Refuse what is not announced as JSON: a page of another site can send that without being asked."""
    for name, value in scope["headers"]:
        if name == b"content-type":
            kind = value.split(b";")[0].strip().lower()
            if kind == b"application/json" or (kind.startswith(b"application/") and kind.endswith(b"+json")):
                return
            break
    raise RequestError("header.content-type", "must be application/json", 415)


def _is_numbers(row: Any) -> bool:
    return isinstance(row, list) and _NUMBERS.issuperset(map(type, row))
