"""Variables of the backend process, read through functions that only return them and cannot raise."""

from __future__ import annotations

import ctypes
from typing import Any

_backend = ctypes.PyDLL(None)


def getter(
    name: str, restype: type[ctypes._SimpleCData[Any]], *arguments: type[ctypes.c_bool]
) -> ctypes._NamedFuncPointer:
    function = _backend[name]
    function.restype = restype
    function.argtypes = list(arguments)
    return function
