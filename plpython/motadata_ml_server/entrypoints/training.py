"""Entry points of training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Any

from motadata_ml_server.postgres import database
from motadata_ml_server.postgres.boundary import boundary, boundary_rows


@boundary
def train(*values: Any) -> dict[str, Any]:
    """Train a model on a table, a view or a SELECT, and store it as a new version.

    Parameters
    ----------
    *values
        The arguments of ``ml.train`` in their order, as `training.arguments.Arguments` lists them; the SQL body of an
        older version lacks those before the tenant that came later.
    """
    from motadata_ml_server.training import command
    from motadata_ml_server.training.arguments import Arguments

    given: list[Any] = [*values[:-1], *[None] * (len(fields(Arguments)) - len(values)), values[-1]]
    return command.train(database.current(), Arguments(*given))


@boundary
def import_model(
    model_id: str,
    data: bytes | None,
    format: str | None,
    model_type: str | None,
    features: Sequence[str] | None,
    classes: Sequence[str] | None,
    sample: str | None,
    predictions: str | None,
    target: str | None,
    deploy: bool | None,
    tenant_id: str | None,
) -> dict[str, Any]:
    """Store a model that was fitted elsewhere as a new version, once it answers a sample as it did there."""
    from motadata_ml_server.training import import_command

    arguments = import_command.ImportArguments(
        model_id, data, format, model_type, features, classes, sample, predictions, target, deploy, tenant_id
    )
    return import_command.import_model(database.current(), arguments)


@boundary_rows
def training_progress() -> Iterator[dict[str, Any]]:
    """List the trainings that run now."""
    from motadata_ml_server.training import progress

    yield from progress.running(database.current())
