"""The HTTP application."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path as FilePath
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Path, Request
from fastapi.encoders import jsonable_encoder
from fastapi.responses import JSONResponse, PlainTextResponse
from fastapi.security import HTTPBearer
from starlette.exceptions import HTTPException
from starlette.middleware.trustedhost import TrustedHostMiddleware

from motadata_ml._calls import Call
from motadata_ml._operations import models as model_calls
from motadata_ml._version import __version__
from motadata_ml.ml_framework import ModelManager
from motadata_ml.model_serving import _schemas as schemas
from motadata_ml.model_serving._access import Access, Caller, KeyFirst, caller_of
from motadata_ml.model_serving._batching import Batcher
from motadata_ml.model_serving._descriptions import of_list, of_model
from motadata_ml.model_serving._docs import add_docs
from motadata_ml.model_serving._gate import Gate
from motadata_ml.model_serving._limits import BodyLimit, LengthLimit
from motadata_ml.model_serving._metrics import Measured, Metrics
from motadata_ml.model_serving._options import ServingOptions
from motadata_ml.model_serving._predictions import MAX_MODEL_ID, MODEL_ID, Predictions
from motadata_ml.model_serving._problems import ANSWERS, install
from motadata_ml.model_serving._ready import Readiness, calm_collector

ModelId = Annotated[str, Path(min_length=1, max_length=MAX_MODEL_ID, pattern=MODEL_ID)]
Run = Callable[[Caller, Call[Any]], Awaitable[Any]]

_describes_key = Depends(HTTPBearer(auto_error=False, description="The API key"))


def create_app(
    manager: ModelManager, options: ServingOptions, *, dedicated: bool = False, counts: FilePath | None = None
) -> FastAPI:
    """Return the application.

    Parameters
    ----------
    manager : ModelManager
        Whose database and role answer; each request's tenant comes from its key.
    options : ServingOptions
        Limits.
    dedicated : bool
        Whether the process does nothing else, so that its collector may be tuned.
    counts : Path, optional
        Folder in which processes that serve together keep what they count.
    """
    connections = options.max_concurrent + 1  # one more, so that /ready never waits for requests
    db = manager.db.asynchronous(connections)
    gate, metrics = Gate(options.max_concurrent, options.max_waiting), Metrics(counts)
    access = Access(db, gate, options, manager.settings.tenant_id)
    ready = Readiness(db, connections, options.timeout_seconds)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await ready.start()
        if dedicated:
            calm_collector()
        writing = asyncio.create_task(metrics.keep_written())
        try:
            yield
        finally:
            writing.cancel()
            metrics.write()
            await ready.stop()
            await db.close()

    app = FastAPI(
        title="motadata_ml",
        version=__version__,
        description="Predictions of models that live in PostgreSQL.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json" if options.docs else None,
    )
    install(app)
    app.add_middleware(BodyLimit, max_bytes=options.max_body_bytes, seconds=options.timeout_seconds)
    app.add_middleware(KeyFirst, access=access)
    app.add_middleware(LengthLimit, max_bytes=options.max_body_bytes)
    if options.anonymous_loopback:
        # A page in a browser must not reach an open process through a name that it controls.
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost", "[::1]"])
    app.add_middleware(Measured, metrics=metrics)

    Predictions(Batcher(access), options.max_batch_rows).add_to(app, (_predict, _predict_batch))
    app.include_router(_process(ready, metrics, gate))
    app.include_router(_models(manager, access, options))
    if options.docs:
        add_docs(app)
    return app


async def _predict(model_id: ModelId, body: schemas.PredictRequest, key: Annotated[Any, _describes_key]) -> None:
    """Predict one row."""


async def _predict_batch(model_id: ModelId, body: schemas.BatchRequest, key: Annotated[Any, _describes_key]) -> None:
    """Predict several rows."""


def _process(ready: Readiness, metrics: Metrics, gate: Gate) -> APIRouter:
    """Return the routes about the process."""
    router = APIRouter(tags=["process"])

    @router.get("/health")
    async def health() -> schemas.StatusAnswer:
        """Tell that the process runs."""
        return schemas.StatusAnswer(status="ok")

    @router.get("/ready", responses={status: ANSWERS[status] for status in (500, 503, 504)})
    async def is_ready() -> schemas.StatusAnswer:
        """Tell whether the database answers; it is asked once a second at the most."""
        await ready.check()
        return schemas.StatusAnswer(status="ready")

    @router.get("/metrics", response_class=PlainTextResponse, responses=ANSWERS, dependencies=[_describes_key])
    async def prometheus(request: Request) -> PlainTextResponse:
        """Return request counts and times for Prometheus: the tenant's own, or all for the key of the process."""
        caller = caller_of(request.scope)
        every = caller.scope == "process"
        in_flight = gate.inside if every else gate.inside_of(caller.tenant_id)
        text = metrics.text(None if every else caller.tenant_id or "", in_flight)
        return PlainTextResponse(text, media_type="text/plain; version=0.0.4")

    return router


def _models(manager: ModelManager, access: Access, options: ServingOptions) -> APIRouter:
    """Return the routes about models, but for predictions."""
    router = APIRouter(prefix="/api/ml", tags=["models"], responses=ANSWERS, dependencies=[_describes_key])
    settings = manager.settings

    async def run(caller: Caller, call: Call[Any]) -> Any:
        async with asyncio.timeout(options.timeout_seconds), access.gate.turn(caller.tenant_id):
            return await access.db.run(call)

    @router.get("/models", response_model=schemas.ModelsAnswer)
    async def models(request: Request) -> JSONResponse:
        """List the tenant's models."""
        caller = caller_of(request.scope)
        found = await run(caller, model_calls.list_models(settings, caller.tenant_id))
        shown = [of_list(model, whole=caller.may("read")) for model in found]
        return JSONResponse(jsonable_encoder({"models": shown}))

    @router.get("/models/{model_id}", response_model=schemas.ModelAnswer)
    async def model(model_id: ModelId, request: Request) -> JSONResponse:
        """Describe the deployed version of a model; to a key of scope predict, what it takes and gives alone."""
        caller = caller_of(request.scope)
        found = await run(caller, model_calls.get_model_info(settings, model_id, caller.tenant_id, None))
        return JSONResponse(jsonable_encoder(of_model(found, whole=caller.may("read"))))

    @router.post("/models/{model_id}/deploy", response_model=schemas.DeployedAnswer)
    async def deploy(model_id: ModelId, body: schemas.DeployRequest, request: Request) -> JSONResponse:
        """Make a version the one that predicts; needs a key of scope admin."""
        caller = _administrator(request)
        version = await run(caller, model_calls.deploy(settings, model_id, body.version, caller.tenant_id))
        return JSONResponse({"model_id": model_id, "version": version})

    @router.post("/models/{model_id}/rollback", response_model=schemas.DeployedAnswer)
    async def rollback(model_id: ModelId, request: Request) -> JSONResponse:
        """Deploy the version that was deployed before; needs a key of scope admin."""
        caller = _administrator(request)
        version = await run(caller, model_calls.rollback(settings, model_id, caller.tenant_id))
        return JSONResponse({"model_id": model_id, "version": version})

    return router


def _administrator(request: Request) -> Caller:
    """Return who asks, if the key's scope lets it change what is deployed."""
    caller = caller_of(request.scope)
    if not caller.may("admin"):
        raise HTTPException(403, f"the key's scope is {caller.scope}, this needs admin")
    return caller
