"""Errors as HTTP answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from motadata_ml import errors
from motadata_ml.model_serving._limits import BusyError
from motadata_ml.model_serving._schemas import ErrorAnswer

_STATUS: Mapping[type[errors.MLError], int] = {
    errors.ModelNotFoundError: 404,
    errors.VersionNotFoundError: 404,
    errors.InvalidInputError: 409,
    errors.InvalidArgumentError: 409,
    errors.InsufficientDataError: 409,
    errors.UnsupportedColumnError: 409,
    errors.UnsupportedOperationError: 409,
    errors.TenantNotPermittedError: 403,
    errors.InsufficientPrivilegeError: 403,
    errors.ConnectionLostError: 503,
    errors.DatabaseUnreachableError: 503,
    errors.QueryCanceledError: 504,
}

ANSWERS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorAnswer, "description": text}
    for status, text in {
        400: "The body is not JSON",
        401: "No key, or one that does not count",
        403: "The serving role may not do that",
        404: "No such model or version",
        408: "The body did not arrive in time",
        413: "The body is too large",
        409: "The rows do not fit the model, which only the model's version knows",
        422: "The request does not fit this description",
        500: "A defect",
        503: "Too busy, or the database is away",
        504: "It took too long",
    }.items()
}
"""What every route may answer besides a success."""


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


def status_of(error: errors.MLError) -> int:
    """Return the HTTP status of an error."""
    for kind in type(error).__mro__:
        if kind in _STATUS:
            return _STATUS[kind]
    return 409 if (error.sqlstate or "").startswith("22") else 500


def install(app: FastAPI) -> None:
    """Let every error of the application leave in one form."""

    @app.exception_handler(errors.MLError)
    async def on_error(request: Request, error: errors.MLError) -> JSONResponse:
        status = status_of(error)
        headers = {"Retry-After": "1"} if status == 503 else None
        return problem(status, error.condition, error.message, error.hint, sqlstate=error.sqlstate, headers=headers)

    @app.exception_handler(RequestValidationError)
    async def on_invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        status = 400 if first["type"] == "json_invalid" else 422
        return problem(status, "invalid_request", f"{place}: {first['msg']}", "see /docs for the form of a request")

    @app.exception_handler(HTTPException)
    async def on_http(request: Request, error: HTTPException) -> JSONResponse:
        return problem(error.status_code, "http_error", str(error.detail), headers=error.headers)

    @app.exception_handler(BusyError)
    async def on_busy(request: Request, error: BusyError) -> JSONResponse:
        return problem(503, "busy", "too many requests are waiting", "try again", headers={"Retry-After": "1"})

    @app.exception_handler(TimeoutError)
    async def on_timeout(request: Request, error: TimeoutError) -> JSONResponse:
        return problem(504, "timeout", "the prediction took too long", "send fewer rows")

    @app.exception_handler(Exception)
    async def on_defect(request: Request, error: Exception) -> JSONResponse:
        return problem(500, "internal_error", "internal error", "the log of the serving process has the details")
