"""The HTTP application."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Path
from fastapi.encoders import jsonable_encoder
from fastapi.responses import JSONResponse, PlainTextResponse
from starlette.middleware.trustedhost import TrustedHostMiddleware

from motadata_ml._calls import Call
from motadata_ml._operations import models as model_calls
from motadata_ml._operations import prediction
from motadata_ml._operations.batch import predict_batch
from motadata_ml._version import __version__
from motadata_ml.errors import InvalidInputError
from motadata_ml.ml_framework import ModelManager
from motadata_ml.model_serving import _schemas as schemas
from motadata_ml.model_serving._access import Access, requests_tenant
from motadata_ml.model_serving._limits import BodyLimit, Gate
from motadata_ml.model_serving._metrics import Measured, Metrics
from motadata_ml.model_serving._options import ServingOptions
from motadata_ml.model_serving._problems import ANSWERS, install

ModelId = Annotated[str, Path(min_length=1, max_length=200, pattern=r"^[^\u0000/]+$")]
Tenant = Annotated[str | None, Depends(requests_tenant)]


def create_app(manager: ModelManager, options: ServingOptions) -> FastAPI:
    """Return the application.

    Parameters
    ----------
    manager : ModelManager
        Whose database and role answer; each request's tenant comes from its key.
    options : ServingOptions
        Limits.
    """
    db = manager.db.asynchronous(options.max_concurrent)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await db.close()

    app = FastAPI(
        title="motadata_ml",
        version=__version__,
        description="Predictions of models that live in PostgreSQL.",
        lifespan=lifespan,
    )
    gate, metrics = Gate(options.max_concurrent, options.max_waiting), Metrics()
    app.state.access = Access(db, gate, options, manager.settings.tenant_id)
    install(app)
    app.add_middleware(BodyLimit, max_bytes=options.max_body_bytes, seconds=options.timeout_seconds)
    if options.anonymous_loopback:
        # A page in a browser must not reach an open process through a name that it controls.
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost", "[::1]"])

    app.add_middleware(Measured, metrics=metrics)

    @app.get("/health", tags=["process"])
    async def health() -> schemas.StatusAnswer:
        """Tell that the process runs."""
        return schemas.StatusAnswer(status="ok")

    @app.get("/ready", tags=["process"], responses={503: ANSWERS[503]})
    async def ready() -> schemas.StatusAnswer:
        """Tell whether the database answers."""
        async with asyncio.timeout(options.timeout_seconds):
            await db.execute("select 1")
        return schemas.StatusAnswer(status="ready")

    @app.get("/metrics", tags=["process"], response_class=PlainTextResponse, responses=ANSWERS)
    async def prometheus(tenant: Tenant) -> PlainTextResponse:
        """Return request counts and times for Prometheus."""
        return PlainTextResponse(metrics.text(gate.inside), media_type="text/plain; version=0.0.4")

    app.include_router(_models(manager, app.state.access, options))
    return app


def _models(manager: ModelManager, access: Access, options: ServingOptions) -> APIRouter:
    """Return the routes about models."""
    router = APIRouter(prefix="/api/ml", tags=["models"], responses=ANSWERS)
    settings = manager.settings

    async def run(call: Call[Any]) -> Any:
        async with asyncio.timeout(options.timeout_seconds), access.gate:
            return await access.db.run(call)

    @router.post("/predict/{model_id}", response_model=schemas.PredictionAnswer)
    async def predict(model_id: ModelId, body: schemas.PredictRequest, tenant: Tenant) -> JSONResponse:
        """Predict one row."""
        call = prediction.predict(settings, model_id, body.input_data, tenant, body.version)
        return JSONResponse(await run(call))

    @router.post("/predict_batch/{model_id}", response_model=schemas.BatchAnswer)
    async def predict_many(model_id: ModelId, body: schemas.BatchRequest, tenant: Tenant) -> JSONResponse:
        """Predict several rows."""
        if len(body.input_data) > options.max_batch_rows:
            raise InvalidInputError(
                f"input_data has {len(body.input_data)} rows, the limit is {options.max_batch_rows}",
                hint="send them in several requests",
            )
        call = predict_batch(settings, model_id, body.input_data, tenant_id=tenant, version=body.version)
        batch = await run(call)
        return JSONResponse({"predictions": batch.as_dicts(), "rows": len(batch.predictions)})

    @router.get("/models", response_model=schemas.ModelsAnswer)
    async def models(tenant: Tenant) -> JSONResponse:
        """List the tenant's models."""
        found = await run(model_calls.list_models(settings, tenant))
        return JSONResponse(jsonable_encoder({"models": found}))

    @router.get("/models/{model_id}", response_model=schemas.ModelAnswer)
    async def model(model_id: ModelId, tenant: Tenant) -> JSONResponse:
        """Describe the deployed version of a model."""
        found = await run(model_calls.get_model_info(settings, model_id, tenant, None))
        return JSONResponse(jsonable_encoder(dict(found)))

    return router
