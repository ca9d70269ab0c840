"""Entry points of training."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from motadata_ml_server.postgres import database
from motadata_ml_server.postgres.boundary import boundary, boundary_rows


@boundary
def train(
    model_id: str,
    model_type: str,
    training_data: str,
    target: str | None,
    features: list[str] | None,
    algorithm: str | None,
    hyperparameters: str | None,
    validation_data: str | None,
    test_size: float | None,
    split: str | None,
    cv: int | None,
    search: str | None,
    preprocess: str | None,
    random_state: int | None,
    deploy: bool | None,
    execution: str | None,
    group_by: str | None,
    tenant_id: str | None,
) -> dict[str, Any]:
    """Train a model on a table, a view or a SELECT, and store it as a new version."""
    from motadata_ml_server.training import command

    return command.train(
        database.current(),
        command.Arguments(
            model_id,
            model_type,
            training_data,
            target,
            features,
            algorithm,
            hyperparameters,
            validation_data,
            test_size,
            split,
            cv,
            search,
            preprocess,
            random_state,
            deploy,
            execution,
            group_by,
            tenant_id,
        ),
    )


@boundary_rows
def training_progress() -> Iterator[dict[str, Any]]:
    """List the trainings that run now."""
    from motadata_ml_server.training import progress

    yield from progress.running(database.current())
