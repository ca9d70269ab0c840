"""Entry points of training."""

from __future__ import annotations

from collections.abc import Iterator
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


@boundary_rows
def training_progress() -> Iterator[dict[str, Any]]:
    """List the trainings that run now."""
    from motadata_ml_server.training import progress

    yield from progress.running(database.current())
