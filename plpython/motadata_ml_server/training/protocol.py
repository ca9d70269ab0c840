"""How a backend and its training worker talk: framed JSON over pipes, bytes through memory files."""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Sequence
from typing import BinaryIO

from motadata_ml_server.ingest.chunk import Chunk
from motadata_ml_server.training.messages import Layout, Message, decode, encode

_FRAME = struct.Struct("<I")


def send(stream: BinaryIO, message: Message) -> None:
    """Write one message and flush it."""
    data = encode(message)
    stream.write(_FRAME.pack(len(data)) + data)
    stream.flush()


def receive(stream: BinaryIO) -> Message | None:
    """Read one message; None at end of file."""
    head = stream.read(_FRAME.size)
    if len(head) < _FRAME.size:
        return None
    return decode(stream.read(_FRAME.unpack(head)[0]))


class FrameReader:
    """Messages from a file descriptor that may hold half of one.

    Parameters
    ----------
    descriptor : int
        A pipe's reading end.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._buffer = bytearray()

    def read(self) -> tuple[list[Message], bool]:
        """Read what is there now; returns the whole messages and whether the pipe has ended."""
        data = os.read(self._descriptor, 1 << 16)
        self._buffer += data
        messages = []
        while len(self._buffer) >= _FRAME.size:
            (size,) = _FRAME.unpack_from(self._buffer)
            if len(self._buffer) < _FRAME.size + size:
                break
            messages.append(decode(bytes(self._buffer[_FRAME.size : _FRAME.size + size])))
            del self._buffer[: _FRAME.size + size]
        return messages, not data


class MemoryFile:
    """Anonymous memory that another process maps: rows on the way to a worker, artifacts on the way back.

    Parameters
    ----------
    name : str
        Shown in ``/proc/PID/fd``.
    """

    def __init__(self, name: str) -> None:
        self.descriptor = os.memfd_create(f"motadata_ml_{name}", os.MFD_CLOEXEC)
        self.size = 0

    def clear(self) -> None:
        """Forget what was written; the next bytes are the first again."""
        os.ftruncate(self.descriptor, 0)
        os.lseek(self.descriptor, 0, os.SEEK_SET)
        self.size = 0

    def append(self, data: bytes) -> None:
        """Write at the end."""
        view = memoryview(data)
        while view:
            written = os.write(self.descriptor, view)
            self.size += written
            view = view[written:]

    def append_chunk(self, chunk: Chunk, layout: Layout) -> None:
        """Write a chunk's buffers and note where they lie."""
        for buffer in chunk.buffers:
            self.append(buffer)
        layout.append((chunk.rows, [len(buffer) for buffer in chunk.buffers]))

    def read(self, offset: int, size: int) -> bytes:
        """Read some bytes."""
        return os.pread(self.descriptor, size, offset)

    def close(self) -> None:
        """Give the memory back, once nobody maps it."""
        os.close(self.descriptor)


def copy_chunks(descriptor: int, layout: Layout) -> list[tuple[int, list[memoryview]]]:
    """Copy what a layout describes out of a memory file that will be written anew."""
    view = memoryview(os.pread(descriptor, sum(sum(sizes) for _, sizes in layout), 0))
    return _cut(view, [layout])[0]


def map_chunks(descriptor: int, layouts: Sequence[Layout]) -> list[list[tuple[int, list[memoryview]]]]:
    """Map a memory file and cut it along its layouts, without copying."""
    size = os.fstat(descriptor).st_size
    view = memoryview(mmap.mmap(descriptor, size, access=mmap.ACCESS_READ)) if size else memoryview(b"")
    return _cut(view, layouts)


def _cut(view: memoryview, layouts: Sequence[Layout]) -> list[list[tuple[int, list[memoryview]]]]:
    offset = 0
    tables = []
    for layout in layouts:
        chunks = []
        for rows, sizes in layout:
            buffers = []
            for length in sizes:
                buffers.append(view[offset : offset + length])
                offset += length
            chunks.append((rows, buffers))
        tables.append(chunks)
    return tables
