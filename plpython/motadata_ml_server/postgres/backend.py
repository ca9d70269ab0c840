"""Variables of the backend process, read through functions that only return them and cannot raise.

A PostgreSQL function that raises an error jumps out of the interpreter without unwinding it, so nothing may be called
that can. Each permitted function stands here with the reason why it cannot.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any, Final, NamedTuple


class _Permitted(NamedTuple):
    restype: Any
    argtypes: tuple[Any, ...]
    why: str


PERMITTED: Final = {
    "GetCurrentStatementStartTimestamp": _Permitted(ctypes.c_int64, (), "returns a static variable"),
    "GetUserId": _Permitted(ctypes.c_uint32, (), "returns a static variable; its assertion holds inside a statement"),
    "GetCurrentSubTransactionId": _Permitted(ctypes.c_uint32, (), "returns a field of the current transaction state"),
    "GetCurrentCommandId": _Permitted(
        ctypes.c_uint32, (ctypes.c_bool,), "asked with false, it marks nothing as used and returns a static variable"
    ),
    "ActiveSnapshotSet": _Permitted(ctypes.c_bool, (), "compares a static pointer with NULL"),
    "GetActiveSnapshot": _Permitted(
        ctypes.c_size_t, (), "returns a static pointer; asked only after ActiveSnapshotSet said that there is one"
    ),
}
"""The functions that may be called, with what they return and take, and why they cannot raise."""

_backend = ctypes.PyDLL(None)


def getter(name: str) -> Callable[..., Any]:
    """Return one of the permitted functions, ready to be called.

    Parameters
    ----------
    name : str
        A key of `PERMITTED`.

    Returns
    -------
    callable
        With the types of its arguments and of its result set.

    Raises
    ------
    KeyError
        For a function that is not permitted.
    AttributeError
        Outside the server.
    """
    permitted = PERMITTED[name]
    function = _backend[name]
    function.restype = permitted.restype
    function.argtypes = list(permitted.argtypes)
    return function
