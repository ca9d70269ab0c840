"""Models outside the extension: as SQL and as ONNX."""

from __future__ import annotations

from typing import Any

from motadata_ml._calls import Call
from motadata_ml._operations.functions import value_of
from motadata_ml._operations.settings import Settings


def to_sql(
    settings: Settings, model_id: str, output: str | None, dialect: str, version: str | None, tenant_id: str | None
) -> Call[Any]:
    """Return the call that writes a model as a SQL expression; its answer is the text."""
    arguments = {"model_id": model_id, "output": output, "dialect": dialect, "version": version}
    return value_of("to_sql", {**arguments, "tenant_id": settings.tenant(tenant_id)}, model_id, reads=True)


def create_sql_function(
    settings: Settings,
    model_id: str,
    function_name: str,
    output: str | None,
    version: str | None,
    tenant_id: str | None,
) -> Call[Any]:
    """Return the call that installs a model as a function; its answer is the signature."""
    arguments = {"model_id": model_id, "function_name": function_name, "output": output, "version": version}
    return value_of("create_sql_function", {**arguments, "tenant_id": settings.tenant(tenant_id)}, model_id)


def export_onnx(settings: Settings, model_id: str, version: str | None, tenant_id: str | None) -> Call[Any]:
    """Return the call that reads a model as ONNX; its answer is bytes."""
    arguments = {"model_id": model_id, "version": version, "tenant_id": settings.tenant(tenant_id)}
    return value_of("export_onnx", arguments, model_id, reads=True)
