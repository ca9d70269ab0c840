"""Packed columns as they leave the executor, and back into NumPy.

A number travels as the memory image of a ``float8[]`` (see ``ml._bytes``): a header, a bitmap where there are NULLs,
then the values that are not NULL, native byte order. A text travels as all strings of a chunk run together in UTF-8,
beside the image of an ``int4[]`` with the length of each; a vector likewise, with the image of each row's array.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.columns import Column, ColumnSchema, ColumnTable, TextValues
from motadata_ml_server.errors import UnsupportedColumnError
from motadata_ml_server.ingest.string_codes import StringIndex
from motadata_ml_server.values.text_forms import completed_in_python, text_form

Buffer: TypeAlias = bytes | memoryview
Parts: TypeAlias = tuple[Buffer, ...]
"""The buffers of one column in one chunk: one for numbers, two (data, lengths) for text and vectors."""

Element = TypeVar("Element", np.float64, np.int32)

_HEADER = struct.Struct("=iiIii")
_VARLENA = 4


def parts_per_column(schema: ColumnSchema) -> int:
    """Return how many buffers a column has in each chunk."""
    return 2 if schema.kind in ("text", "vector") else 1


def array_of(buffer: Buffer, dtype: type[Element]) -> tuple[NDArray[Element], NDArray[np.bool_] | None]:
    """Return the values of an array's image and a mask of those that are not NULL.

    Parameters
    ----------
    buffer : bytes-like
        What ``ml._bytes`` gave.
    dtype : numpy scalar type
        float64 or int32, as the array's elements are.

    Returns
    -------
    values : ndarray, shape (n,)
        Unspecified where NULL; not a copy where there is no NULL.
    present : ndarray of bool or None
        None where every value is there.
    """
    dimensions, offset, _, count, _ = _HEADER.unpack_from(buffer)
    if dimensions != 1:
        return np.empty(0, dtype), None
    if offset == 0:
        return np.frombuffer(buffer, dtype, count, _HEADER.size), None
    bitmap = np.frombuffer(buffer, np.uint8, (count + 7) // 8, _HEADER.size)
    present = np.unpackbits(bitmap, count=count, bitorder="little").astype(bool)
    values = np.zeros(count, dtype)
    values[present] = np.frombuffer(buffer, dtype, int(present.sum()), offset - _VARLENA)
    return values, present


def decode_table(schemas: Sequence[ColumnSchema], chunks: Sequence[tuple[int, Sequence[Buffer]]]) -> ColumnTable:
    """Decode chunks of packed columns.

    Parameters
    ----------
    schemas : sequence of ColumnSchema
        The columns, in order.
    chunks : sequence of (rows, buffers)
        The buffers of all columns of a chunk, in order.

    Returns
    -------
    ColumnTable
        All rows.

    Raises
    ------
    UnsupportedColumnError
        ML010: vectors of different sizes in one column, or with NULL elements.
    """
    rows = sum(count for count, _ in chunks)
    columns: dict[str, Column] = {}
    first = 0
    for schema in schemas:
        last = first + parts_per_column(schema)
        columns[schema.name] = _decode(schema, rows, [(n, tuple(parts[first:last])) for n, parts in chunks])
        first = last
    return ColumnTable(rows, columns)


def _decode(schema: ColumnSchema, rows: int, chunks: Sequence[tuple[int, Parts]]) -> Column:
    if schema.kind == "text":
        texts = _decode_text(chunks, rows)
        if not schema.raw and not schema.printed and completed_in_python(schema.sql_type, schema.label):
            texts = texts.mapped(text_form(schema.sql_type, schema.label))
        return Column(schema, texts)
    if schema.kind == "vector":
        return Column(schema, _decode_vectors(schema, chunks, rows))
    numbers = np.empty(rows, np.float64)
    start = 0
    for count, (buffer,) in chunks:
        values, present = array_of(buffer, np.float64)
        target = numbers[start : start + count]
        target[:] = values
        if present is not None:
            target[~present] = np.nan
        start += count
    return Column(schema, numbers)


def _decode_text(chunks: Iterable[tuple[int, Parts]], rows: int) -> TextValues:
    codes = np.full(rows, -1, np.int32)
    index = StringIndex()
    start = 0
    for count, (data, lengths) in chunks:
        sizes, present = array_of(lengths, np.int32)
        target = codes[start : start + count]
        if present is None:
            target[:] = index.encode(bytes(data), sizes)
        else:
            target[present] = index.encode(bytes(data), sizes[present])
        start += count
    return TextValues(codes, index.strings)


def _filled(data: Buffer, lengths: NDArray[np.int32]) -> NDArray[np.float64] | None:
    """Return arrays, one a row, with NaN for NULL elements; None where they differ in size or are empty."""
    rows: list[NDArray[np.float64]] = []
    ends = np.cumsum(lengths)
    for first, last in zip((ends - lengths).tolist(), ends.tolist(), strict=True):
        values, present = array_of(memoryview(data)[first:last], np.float64)
        if not len(values) or len(values) != len(rows[0] if rows else values):
            return None
        rows.append(values if present is None else np.where(present, values, np.nan))
    return np.array(rows)


def _decode_vectors(schema: ColumnSchema, chunks: Sequence[tuple[int, Parts]], rows: int) -> NDArray[np.float64]:
    size: int | None = None
    pieces: list[tuple[int, NDArray[np.float64], NDArray[np.bool_] | None]] = []
    for count, (data, lengths) in chunks:
        lengths_, present = array_of(lengths, np.int32)
        there = lengths_ if present is None else lengths_[present]
        if not len(there):
            pieces.append((count, np.empty((0, 0)), present))
            continue
        stride = int(there[0])
        width = (stride - _HEADER.size) // 8
        images = np.frombuffer(data, np.uint8).reshape(-1, stride) if (there == stride).all() else None
        plain = images is not None and not images[:, 4:8].any() and (images[:, 0] == 1).all()
        if schema.nulls and not plain:
            filled = _filled(data, there)
            if filled is not None and size in (None, filled.shape[1]):
                size = filled.shape[1]
                pieces.append((count, filled, present))
                continue
        if images is None or not plain or width < 1 or size not in (None, width):
            raise UnsupportedColumnError(
                f"column {schema.name!r} holds arrays that differ in size, are empty or contain NULL",
                hint="A numeric array is a feature when every row has the same number of elements, none NULL.",
            )
        size = width
        pieces.append((count, np.ascontiguousarray(images[:, _HEADER.size :]).view(np.float64), present))
    vectors = np.full((rows, size or 1), np.nan)
    start = 0
    for count, values, present in pieces:
        target = vectors[start : start + count]
        if present is None:
            target[:] = values
        elif len(values):
            target[present] = values
        start += count
    return vectors
