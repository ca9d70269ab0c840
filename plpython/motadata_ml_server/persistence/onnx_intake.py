"""Intake of ONNX bytes in a session, without the `onnx` package.

A session reads only bytes whose digest the registry has verified, so this is a second fence: a
scan of the protobuf wire format for the three things that could reach beyond the bytes: operator
domains that a runtime may have registered from a shared library, tensors whose data lies in a
file, and a size out of proportion. Field numbers are those of onnx.proto (ModelProto.graph = 7,
opset_import = 8, functions = 25; GraphProto.node = 1, initializer = 5, sparse_initializer = 15;
NodeProto.attribute = 5, domain = 7; AttributeProto.t = 5, g = 6, tensors = 10, graphs = 11;
OperatorSetIdProto.domain = 1; TensorProto.external_data = 13, data_location = 14).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from motadata_ml_server.persistence.refusal import MAX_ARCHIVE_BYTES, reject

ALLOWED_DOMAINS: Final = frozenset({"", "ai.onnx", "ai.onnx.ml"})
MAX_GRAPH_DEPTH: Final = 8

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

_NUMBERS: Final = re.compile(rb"(?s:\x3d.{4}|\x40[\x80-\xff]{0,9}[\x00-\x7f])++")
"""A run of AttributeProto.floats (7) and ints (8), each a field of its own: a tree has seven for each of its nodes."""


def check_onnx(data: bytes) -> None:
    """Refuse an ONNX model that reaches beyond its own bytes.

    Parameters
    ----------
    data : bytes
        A serialised ModelProto.

    Raises
    ------
    ArtifactError
        If the bytes are damaged or too large, or the model uses other operator domains than
        ONNX's own, model-local functions, or data outside of the bytes.
    """
    if len(data) > MAX_ARCHIVE_BYTES:
        raise reject(f"it has {len(data)} bytes, at most {MAX_ARCHIVE_BYTES} are read")
    view = memoryview(data)
    graphs = 0
    try:
        for number, value in _fields(view):
            if number == 7 and value is not None:
                graphs += 1
                _check_graph(value, 0)
            elif number == 8 and value is not None:
                _check_domain(value, 1)
            elif number == 25:
                raise reject("it defines functions of its own")
    except (IndexError, UnicodeDecodeError) as exc:
        raise reject("it is damaged") from exc
    if graphs != 1:
        raise reject("it holds no graph")


def _check_graph(graph: memoryview, depth: int) -> None:
    if depth > MAX_GRAPH_DEPTH:
        raise reject("its graph is nested too deeply")
    for number, value in _fields(graph):
        if value is None:
            continue
        if number == 1:
            _check_node(value, depth)
        elif number == 5:
            _check_tensor(value)
        elif number == 15:
            raise reject("it holds sparse tensors")


def _check_node(node: memoryview, depth: int) -> None:
    _check_domain(node, 7)
    for number, value in _fields(node):
        if number != 5 or value is None:
            continue
        for attribute, content in _fields(value, _NUMBERS):
            if content is None:
                continue
            if attribute in {5, 10}:
                _check_tensor(content)
            elif attribute in {6, 11}:
                _check_graph(content, depth + 1)


def _check_tensor(tensor: memoryview) -> None:
    for number, _ in _fields(tensor):
        if number in {13, 14}:
            raise reject("it refers to data outside of itself")


def _check_domain(message: memoryview, field: int) -> None:
    for number, value in _fields(message):
        if number == field and value is not None:
            domain = bytes(value).decode()
            if domain not in ALLOWED_DOMAINS:
                raise reject(f"it uses operators of the domain {domain!r}")


def _fields(
    message: memoryview, passed_over: re.Pattern[bytes] | None = None
) -> Iterator[tuple[int, memoryview | None]]:
    """Yield field numbers, with the content of length-delimited ones, but not those that a pattern matches."""
    at, end = 0, len(message)
    while at < end:
        if passed_over is not None and (run := passed_over.match(message, at)) is not None:
            at = run.end()
            continue
        key, at = _varint(message, at)
        wire = key & 7
        if wire == _BYTES:
            size, at = _varint(message, at)
            if size > end - at:
                raise IndexError("field passes the end")
            yield key >> 3, message[at : at + size]
            at += size
            continue
        if wire == _VARINT:
            _, at = _varint(message, at)
        elif wire == _FIXED64:
            at += 8
        elif wire == _FIXED32:
            at += 4
        else:
            raise IndexError("unknown wire type")
        if at > end:
            raise IndexError("field passes the end")
        yield key >> 3, None


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    result = shift = 0
    while shift < 70:
        byte = message[at]
        at += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            return result, at
        shift += 7
    raise IndexError("varint too long")
