"""What a client call does to the database, written once for the blocking and the asynchronous client.

A call is a generator that yields steps and is sent their answers; it does no input or output itself. The
two drivers at the end perform the steps on a psycopg connection, blocking or awaited.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, LiteralString, TypeAlias, TypeVar

from psycopg import AsyncConnection, AsyncCursor, Connection, Cursor, sql
from psycopg.errors import Diagnostic
from psycopg.rows import dict_row

from motadata_ml._frames.characters import REMEDY, nested_fault
from motadata_ml._pipeline import outside_pipeline, outside_pipeline_async
from motadata_ml.errors import InvalidArgumentError

T = TypeVar("T")
Row: TypeAlias = dict[str, Any]
Statement: TypeAlias = LiteralString | sql.SQL | sql.Composed


@dataclass(frozen=True)
class Fetch:
    """Run one statement with bound parameters; the answer is its rows.

    Attributes
    ----------
    statement : str or psycopg.sql.Composable
        The text, without values.
    parameters : sequence or mapping
        Bound on the server.
    binary : bool
        Ask for binary results, where columns are large.
    """

    statement: Statement
    parameters: Sequence[Any] | Mapping[str, Any] = ()
    binary: bool = False

    def __post_init__(self) -> None:
        """Refuse text that the driver could not send: it would fail halfway, with an error of no kind."""
        fault = nested_fault(self.parameters)
        if fault is not None:
            raise InvalidArgumentError(f"a value cannot be sent: it holds text with {fault}", hint=REMEDY)


@dataclass(frozen=True)
class CopyIn:
    """Send a stream through ``COPY ... FROM STDIN``; the answer is None.

    Attributes
    ----------
    statement : psycopg.sql.Composed
        The COPY command.
    chunks : iterable of bytes
        The stream, lazily made.
    """

    statement: sql.Composed
    chunks: Iterable[bytes]


Step: TypeAlias = Fetch | CopyIn
Steps: TypeAlias = Generator[Step, Any, T]
NoticeHandler: TypeAlias = Callable[[Diagnostic], None]


@dataclass(frozen=True)
class Call(Generic[T]):
    """One call: its steps and how they have to be run.

    Attributes
    ----------
    steps : callable
        Makes the generator; called again where a call may be repeated.
    model_id : str or None
        The model it is about, for error messages.
    transaction : bool
        Run inside one transaction, so that a failure leaves nothing behind.
    repeat : bool
        Run once more when the connection turns out to be lost: for what only reads.
    on_notice : callable or None
        Receives the server's notices while the call runs.
    """

    steps: Callable[[], Steps[T]]
    model_id: str | None = None
    transaction: bool = True
    repeat: bool = False
    on_notice: NoticeHandler | None = None


def drive(connection: Connection[Any], call: Call[T]) -> T:
    """Perform a call on a blocking connection."""
    if call.on_notice:
        connection.add_notice_handler(call.on_notice)
    try:
        with outside_pipeline(connection):
            if call.transaction or not connection.autocommit:
                with connection.transaction():
                    return _drive(connection, call.steps())
            return _drive(connection, call.steps())
    finally:
        if call.on_notice:
            connection.remove_notice_handler(call.on_notice)


def _drive(connection: Connection[Any], steps: Steps[T]) -> T:
    answer: Any = None
    # Our own kind of cursor: that of a lent connection may bind by $1, or in the client and never in binary.
    with Cursor(connection, row_factory=dict_row) as cursor:
        while True:
            try:
                step = steps.send(answer)
            except StopIteration as stop:
                result: T = stop.value
                return result
            if isinstance(step, CopyIn):
                with cursor.copy(step.statement) as copy:
                    for chunk in step.chunks:
                        copy.write(chunk)
                answer = None
            else:
                cursor.execute(step.statement, step.parameters or None, binary=step.binary)
                answer = cursor.fetchall() if cursor.description else []


async def drive_async(connection: AsyncConnection[Any], call: Call[T]) -> T:
    """Perform a call on an asynchronous connection."""
    if call.on_notice:
        connection.add_notice_handler(call.on_notice)
    try:
        async with outside_pipeline_async(connection):
            if call.transaction or not connection.autocommit:
                async with connection.transaction():
                    return await _drive_async(connection, call.steps())
            return await _drive_async(connection, call.steps())
    finally:
        if call.on_notice:
            connection.remove_notice_handler(call.on_notice)


async def _drive_async(connection: AsyncConnection[Any], steps: Steps[T]) -> T:
    answer: Any = None
    async with AsyncCursor(connection, row_factory=dict_row) as cursor:
        while True:
            try:
                step = steps.send(answer)
            except StopIteration as stop:
                result: T = stop.value
                return result
            if isinstance(step, CopyIn):
                async with cursor.copy(step.statement) as copy:
                    for chunk in step.chunks:
                        await copy.write(chunk)
                answer = None
            else:
                await cursor.execute(step.statement, step.parameters or None, binary=step.binary)
                answer = await cursor.fetchall() if cursor.description else []
