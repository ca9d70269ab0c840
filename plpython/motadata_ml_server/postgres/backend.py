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
    "GetCurrentTransactionStartTimestamp": _Permitted(ctypes.c_int64, (), "returns a static variable"),
    "GetUserId": _Permitted(ctypes.c_uint32, (), "returns a static variable; its assertion holds inside a statement"),
    "GetCurrentSubTransactionId": _Permitted(ctypes.c_uint32, (), "returns a field of the current transaction state"),
    "ActiveSnapshotSet": _Permitted(ctypes.c_bool, (), "compares a static pointer with NULL"),
    "GetActiveSnapshot": _Permitted(
        ctypes.c_size_t, (), "returns a static pointer; asked only after ActiveSnapshotSet said that there is one"
    ),
    "GetConfigOption": _Permitted(
        ctypes.c_char_p,
        (ctypes.c_char_p, ctypes.c_bool, ctypes.c_bool),
        "asked with true and false, it returns NULL for an unknown setting and checks no rights; a custom setting is a "
        "text, which is returned as it lies",
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


SNAPSHOT_BYTES: Final = 52
"""What of a snapshot says which rows it shows: its kind, its bounds, its lists and the command; since PostgreSQL 14."""


def snapshot_contents() -> Callable[[], bytes | None]:
    """Return a function that reads what of the active snapshot says which rows it shows; None where there is none.

    A snapshot's address says nothing: the next one may lie where the last one lay. Its bounds and the numbers of
    running transactions do: of two snapshots with the same upper bound, the later has fewer running transactions, or
    the same ones.
    """
    is_set, active = getter("ActiveSnapshotSet"), getter("GetActiveSnapshot")
    seen: dict[int, Any] = {}

    def contents() -> bytes | None:
        if not is_set():
            return None
        address = active()
        memory = seen.get(address)
        if memory is None:
            if len(seen) >= MAX_ADDRESSES:
                seen.clear()
            memory = seen[address] = _Snapshot.from_address(address)
        found: bytes = memory.raw
        return found

    return contents


_Snapshot = ctypes.c_char * SNAPSHOT_BYTES

MAX_ADDRESSES: Final = 64
"""Addresses whose view is kept, since to make one costs ten times what it costs to read through it."""
