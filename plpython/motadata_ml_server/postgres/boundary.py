"""The one place where Python exceptions become PostgreSQL errors.

PL/Python writes the class of an exception before its message and a line for each frame behind it. So what is raised
is an exception of a class named after the SQL function, ``ml.train: model_type must be ...``, and it is raised in the
entry point itself: the context has one frame of ours, whatever failed and however deep.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from motadata_ml_server.errors import MotadataError
from motadata_ml_server.postgres import database
from motadata_ml_server.postgres.printable import printable, shortened
from motadata_ml_server.postgres.resources import refusal

P = ParamSpec("P")
T = TypeVar("T")
Row = dict[str, Any]

READ_ONLY_HINT = "Connect to the primary, or begin a transaction that may write; predictions work here."

_SQL_NAMES = {
    "backtest_chunks": "backtest",
    "decompose_chunks": "decompose",
    "explain_chunks": "explain_batch",
    "explain_row": "explain",
    "forecast_chunks": "forecast",
    "predict_chunks": "predict_batch",
    "raise_failure": "predict_batch",
    "run_pending": "_run_write",
    "series_anomaly_chunks": "series_anomalies",
}
"""Entry points that are called otherwise than the SQL function that a user called."""

_classes: dict[str, type[Exception]] = {}
_failure: Exception | None = None
_failed_in = "predict_chunks"


def boundary(function: Callable[P, T]) -> Callable[P, T]:
    """Wrap an entry point so that what it raises reaches the client whole."""

    @wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except Exception as error:
            told = _told(error, function.__name__)
        raise told

    return wrapped


def boundary_rows(function: Callable[P, Iterator[T]]) -> Callable[P, Iterator[T]]:
    """Wrap an entry point that yields some rows: all are made before the first is returned.

    PL/Python hides the message of an error that comes out of an iterator behind its own.
    """

    @wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> Iterator[T]:
        try:
            return iter(list(function(*args, **kwargs)))
        except Exception as error:
            told = _told(error, function.__name__)
        raise told

    return wrapped


def boundary_stream(function: Callable[P, Iterator[Row]]) -> Callable[P, Iterator[Row]]:
    """Wrap an entry point that yields more rows than can be kept, each as it is asked for.

    What is raised after the first row is kept for `raise_failure`, which the SQL function calls where it is given a row
    of NULLs.
    """

    @wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> Iterator[Row]:
        rows = function(*args, **kwargs)
        try:
            first = next(rows, None)
            return iter(()) if first is None else _to_the_end(first, rows, function.__name__)
        except Exception as error:
            told = _told(error, function.__name__)
        raise told

    return wrapped


def _to_the_end(first: Row, rows: Iterator[Row], entry_point: str) -> Iterator[Row]:
    global _failure, _failed_in  # noqa: PLW0603 - handed over in process memory to the function that raises it
    yield first
    try:
        yield from rows
        return
    except Exception as error:
        _failure = raised = error
        _failed_in = entry_point
    yield dict.fromkeys(first)
    # whoever asks for more has taken the row of NULLs for one of the rows: no answer may end early and look whole
    if _failure is raised:
        _failure = None
    raise _told(raised, entry_point)


@boundary
def raise_failure() -> int:
    """Raise what ended the rows of a `boundary_stream`; the SQL function that was given a row of NULLs calls it."""
    global _failure
    error, _failure = _failure, None
    if error is None:
        return 0
    raise error


def _told(error: Exception, entry_point: str) -> Exception:
    """Return what PL/Python is to raise for an exception: its class's name is the SQL function's."""
    import plpy  # there only inside PL/Python

    if entry_point == raise_failure.__name__:
        entry_point = _failed_in
    name = f"ml.{_SQL_NAMES.get(entry_point, entry_point)}"
    message, sqlstate, detail, hint = _parts(error, plpy)
    if name not in _classes:
        # of a class in builtins PL/Python writes the name alone
        _classes[name] = type(name, (plpy.Error,), {"__module__": "builtins"})
    told = _classes[name](_shown(message))
    told.sqlstate = sqlstate  # type: ignore[attr-defined]
    told.detail, told.hint = (part and _shown(part) for part in (detail, hint))  # type: ignore[attr-defined]
    return told


def _shown(part: str) -> str:
    return printable(shortened(part), lines=True)


def _parts(error: Exception, plpy: Any) -> tuple[str, str, str | None, str | None]:
    """Return message, SQLSTATE, detail and hint."""
    if isinstance(error, plpy.SPIError):
        error = database.translate(error)
    if isinstance(error, MotadataError):
        return error.message, error.sqlstate, error.detail, error.hint
    if isinstance(error, database.DatabaseError):
        hint = error.hint or (READ_ONLY_HINT if error.sqlstate == "25006" else None)
        return error.message, error.sqlstate, error.detail, hint
    if isinstance(error, plpy.Error):  # a cancel that a NOTICE answered
        return str(error), getattr(error, "sqlstate", None) or "57014", getattr(error, "detail", None), None
    if isinstance(error, RecursionError):
        return "an argument is nested too deeply", "54001", None, "Pass values that are a few levels deep."
    return _unexpected(error, plpy)


def _unexpected(error: Exception, plpy: Any) -> tuple[str, str, str | None, str | None]:
    """Return the parts of what nobody raised on purpose; the server's log has the traceback."""
    said = "motadata_ml: unexpected error\n" + "".join(traceback.format_exception(error))
    plpy.log(printable(said, lines=True))
    refused = refusal(error)
    if refused is not None:
        return refused.message, refused.sqlstate, None, refused.hint
    if isinstance(error, MemoryError):
        return "the session ran out of memory", "53200", None, "Use fewer rows or columns at a time."
    hint = "The server's log has the details. Please report this as a defect."
    return f"internal error: {type(error).__name__}", "ML000", None, hint
