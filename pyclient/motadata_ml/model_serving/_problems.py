"""Errors as HTTP answers: one status, one message and one hint for each, in the words of HTTP.

What the database's own hint says is for who writes SQL, and its messages about rights, objects and connections name
roles, tables and hosts: neither leaves the process. They are in its log.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.responses import Response

from motadata_ml import errors
from motadata_ml.model_serving._gate import BusyError
from motadata_ml.model_serving._json import MalformedError
from motadata_ml.model_serving._schemas import ErrorAnswer

_log = logging.getLogger("motadata_ml.serving")


class Rule(NamedTuple):
    """How an error is answered.

    Attributes
    ----------
    status : int
        Of the answer.
    hint : str
        What the client can do.
    message : str or None
        What is said in place of the error's own words; None where those concern the request alone.
    """

    status: int
    hint: str
    message: str | None = None


_ROW = "GET /api/ml/models/{model_id} lists the features of the model and what each takes"
_FORM = "see /docs for the form of a request"
_LOG = "the log of the serving process has the details"

RULES: Mapping[type[errors.MLError], Rule] = {
    errors.ModelNotFoundError: Rule(404, "GET /api/ml/models lists the models of this key's tenant"),
    errors.VersionNotFoundError: Rule(404, 'leave "version" out: the deployed version answers, if there is one'),
    errors.InvalidInputError: Rule(409, _ROW),
    errors.InvalidArgumentError: Rule(409, _ROW),
    errors.InsufficientDataError: Rule(409, _ROW),
    errors.UnsupportedColumnError: Rule(409, _ROW),
    errors.UnsupportedOperationError: Rule(409, _ROW),
    errors.TenantNotPermittedError: Rule(403, _LOG, "the serving process may not act for this key's tenant"),
    errors.InsufficientPrivilegeError: Rule(403, _LOG, "the serving process may not do that"),
    errors.ReadOnlyError: Rule(409, "ask a process that serves from the primary", "this process only reads"),
    errors.ConnectionLostError: Rule(503, "try again", "the database is away"),
    errors.DatabaseUnreachableError: Rule(503, "try again", "the database is away"),
    errors.ExtensionMissingError: Rule(503, _LOG, "the database does not serve models"),
    errors.QueryCanceledError: Rule(504, "send fewer rows", "the prediction took too long"),
}
"""How each kind of error is answered; a kind that is not here as the nearest of those it derives from."""

_DATA = Rule(409, _ROW)
_CROWDED = Rule(503, "try again", "the database has no room for more")
_DEFECT = Rule(500, _LOG, "internal error")

ANSWERS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorAnswer, "description": text}
    for status, text in {
        400: "The body is not JSON, or names a key twice",
        401: "No key, or one that does not count",
        403: "The key's scope, or the right of the serving process, does not reach so far",
        404: "No such model or version",
        408: "The body did not arrive in time",
        413: "The body is too large",
        415: "The body is not announced as JSON",
        409: "The rows do not fit the model, which only the model's version knows",
        422: "The request does not fit this description",
        500: "A defect",
        503: "Too busy, or the database is away",
        504: "It took too long",
    }.items()
}
"""What every route may answer besides a success."""


class RequestError(Exception):
    """A request that does not fit the description; answered with 422, or with another status.

    Parameters
    ----------
    place : str
        Where in the request.
    message : str
        What is wrong.
    status : int
        Of the answer.
    """

    def __init__(self, place: str, message: str, status: int = 422) -> None:
        super().__init__(f"{place}: {message}")
        self.status = status


def problem(
    status: int,
    code: str,
    message: str,
    hint: str | None = None,
    *,
    sqlstate: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """Return an error as the answer of a request."""
    body = {"error": {"code": code, "message": message, "hint": hint, "sqlstate": sqlstate}}
    return JSONResponse(body, status, dict(headers or {}))


def rule_of(error: errors.MLError) -> Rule:
    """Return how an error is answered."""
    for kind in type(error).__mro__:
        if kind in RULES:
            return RULES[kind]
    state = error.sqlstate or ""
    if state.startswith(("22", "54")):
        return _DATA
    return _CROWDED if state.startswith("53") else _DEFECT


def answer_of(error: Exception) -> Response | None:
    """Return the answer for an error; None for one that nobody foresaw."""
    return next((answer(error) for kind, answer in _ANSWER.items() if isinstance(error, kind)), None)


def _busy(_: Any) -> Response:
    return problem(503, "busy", "too many requests are waiting", "try again", headers={"Retry-After": "1"})


def _timeout(_: Any) -> Response:
    return problem(504, "timeout", "the prediction took too long", "send fewer rows")


def _malformed(error: MalformedError) -> Response:
    return problem(400, "invalid_request", str(error), _FORM)


def _request(error: RequestError) -> Response:
    return problem(error.status, "invalid_request", str(error), _FORM)


def _validation(error: RequestValidationError) -> Response:
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    status = 400 if first["type"] == "json_invalid" else 422
    return problem(status, "invalid_request", f"{place}: {first['msg']}", _FORM)


def _http(error: HTTPException) -> Response:
    return problem(error.status_code, "http_error", str(error.detail), headers=error.headers)


def _of_database(error: errors.MLError) -> Response:
    rule = rule_of(error)
    if rule.message is not None:
        _log.warning("answered %d: %s", rule.status, error, exc_info=error if rule is _DEFECT else None)
    return problem(
        rule.status,
        error.condition,
        error.message if rule.message is None else rule.message,
        rule.hint,
        sqlstate=error.sqlstate,
        headers={"Retry-After": "1"} if rule.status == 503 else None,
    )


_ANSWER: Mapping[type[Exception], Callable[[Any], Response]] = {
    errors.MLError: _of_database,
    BusyError: _busy,
    TimeoutError: _timeout,
    MalformedError: _malformed,
    RequestError: _request,
    RequestValidationError: _validation,
    HTTPException: _http,
}


def install(app: FastAPI) -> None:
    """Let every error of the application leave in one form."""

    async def on_error(request: Request, error: Exception) -> Response:
        answer = answer_of(error)
        if answer is None:
            raise error
        return answer

    for kind in _ANSWER:
        app.add_exception_handler(kind, on_error)

    @app.exception_handler(Exception)
    async def on_defect(request: Request, error: Exception) -> JSONResponse:
        return problem(500, "internal_error", "internal error", _LOG)
