"""A lent connection may be in pipeline mode, in which PostgreSQL takes no COPY: a call leaves it and comes back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from psycopg import AsyncConnection, Connection
from psycopg.pq import PipelineStatus


@contextmanager
def outside_pipeline(connection: Connection[Any]) -> Iterator[None]:
    """Run a block outside of the connection's pipeline; what was sent before is answered first.

    Parameters
    ----------
    connection : psycopg.Connection
        In pipeline mode or not.
    """
    if connection.pgconn.pipeline_status == PipelineStatus.OFF:
        yield
        return
    with connection.pipeline() as pipeline:
        pipeline.sync()
    own = _leave(connection)
    try:
        yield
    finally:
        _return(connection, own)


@asynccontextmanager
async def outside_pipeline_async(connection: AsyncConnection[Any]) -> AsyncIterator[None]:
    """Run a block outside of the connection's pipeline; what was sent before is answered first."""
    if connection.pgconn.pipeline_status == PipelineStatus.OFF:
        yield
        return
    async with connection.pipeline() as pipeline:
        await pipeline.sync()
    own = _leave(connection)
    try:
        yield
    finally:
        _return(connection, own)


def _leave(connection: Connection[Any] | AsyncConnection[Any]) -> Any:
    """Leave pipeline mode; psycopg asks its own attribute which mode it is in, and has no call for this."""
    own, connection._pipeline = connection._pipeline, None
    connection.pgconn.exit_pipeline_mode()
    return own


def _return(connection: Connection[Any] | AsyncConnection[Any], own: Any) -> None:
    if not connection.closed:
        connection.pgconn.enter_pipeline_mode()
    connection._pipeline = own
