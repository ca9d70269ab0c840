"""Entry points of export."""

from __future__ import annotations

from motadata_ml_server.entrypoints.required import required
from motadata_ml_server.models import visibility
from motadata_ml_server.postgres import database
from motadata_ml_server.postgres.boundary import boundary


@boundary
def to_sql(model_id: str, output: str | None, dialect: str | None, version: str | None, tenant_id: str | None) -> str:
    """Return a linear model, a tree or a small ensemble as a SQL expression over its features."""
    from motadata_ml_server.export import command

    db = database.current()
    visible = visibility.visible_version(db, required("model_id", model_id), version, tenant_id, "train")
    return command.expression(db, visible, output, required("dialect", dialect))


@boundary
def create_sql_function(
    model_id: str, function_name: str, output: str | None, version: str | None, tenant_id: str | None
) -> str:
    """Install a model as a plain SQL function of its features, owned by the caller, and return its signature."""
    from motadata_ml_server.export import command

    db = database.current()
    visible = visibility.visible_version(db, required("model_id", model_id), version, tenant_id, "train")
    return command.create_function(db, visible, required("function_name", function_name), output)


@boundary
def export_onnx(model_id: str, version: str | None, tenant_id: str | None) -> bytes:
    """Return a model as ONNX, from raw columns to predictions."""
    from motadata_ml_server.export import command

    db = database.current()
    visible = visibility.visible_version(db, required("model_id", model_id), version, tenant_id, "train")
    return command.model_bytes(db, visible)
