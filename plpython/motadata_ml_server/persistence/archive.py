"""Intake of a skops archive: bounds and shapes, before skops sees a byte."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.lib import format as npy

from motadata_ml_server.errors import ArtifactError
from motadata_ml_server.persistence.refusal import MAX_ARCHIVE_BYTES, reject

MAX_UNPACKED_BYTES: Final = 4 << 30
"""Sum of the sizes that the entries declare; zipfile stops reading an entry at its declared size."""
MAX_ENTRIES: Final = 200_000
"""A forest of 10,000 trees has about 30,000 entries."""
MAX_SCHEMA_BYTES: Final = 1 << 28
"""The JSON that describes the object."""
MAX_RATIO: Final = 1100
"""DEFLATE cannot pass 1032:1, so a larger ratio means that the directory lies."""


@dataclass(frozen=True)
class Archive:
    """A skops archive whose outside has been checked.

    Attributes
    ----------
    schema : mapping
        The description of the object, parsed but not interpreted.
    arrays : mapping of str to (dtype, shape)
        What each stored array declares; its bytes are as many as that needs.
    """

    schema: Mapping[str, Any]
    arrays: Mapping[str, tuple[np.dtype[Any], tuple[int, ...]]]


def read_archive(data: bytes) -> Archive:
    """Open an archive and check its sizes, names and array headers.

    Parameters
    ----------
    data : bytes
        The artifact.

    Returns
    -------
    Archive
        Schema and array headers.

    Raises
    ------
    ArtifactError
        If the bytes are no such archive or pass a bound.
    """
    if len(data) > MAX_ARCHIVE_BYTES:
        raise reject(f"it has {len(data)} bytes, at most {MAX_ARCHIVE_BYTES} are read")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            _check_directory(archive.infolist(), len(data))
            schema = json.loads(archive.read("schema.json"))
            arrays = {
                entry.filename: _read_header(archive, entry)
                for entry in archive.infolist()
                if entry.filename.endswith(".npy")
            }
    except ArtifactError:
        raise
    except RecursionError as exc:
        raise reject("its description is nested too deeply") from exc
    except Exception as exc:  # zipfile, zlib, json and numpy raise many kinds on damaged bytes
        raise reject(f"it is damaged ({type(exc).__name__})") from exc
    if not isinstance(schema, dict):
        raise reject("its description is not an object")
    return Archive(schema, arrays)


def _check_directory(entries: list[zipfile.ZipInfo], size: int) -> None:
    if len(entries) > MAX_ENTRIES:
        raise reject(f"it has {len(entries)} entries, at most {MAX_ENTRIES} are read")
    unpacked = sum(entry.file_size for entry in entries)
    if unpacked > MAX_UNPACKED_BYTES or unpacked > MAX_RATIO * size:
        raise reject(f"its {size} bytes claim to unpack to {unpacked}")
    names = {entry.filename for entry in entries}
    if len(names) != len(entries):
        raise reject("two entries have one name")
    for entry in entries:
        if entry.flag_bits & 0x1:
            raise reject("an entry is encrypted")
        if entry.filename == "schema.json" and entry.file_size > MAX_SCHEMA_BYTES:
            raise reject("its description is too large")


def _read_header(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> tuple[np.dtype[Any], tuple[int, ...]]:
    with archive.open(entry) as stream:
        version = npy.read_magic(stream)
        read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}.get(version)
        if read is None:
            raise reject(f"array format {version} is not read")
        shape, _, dtype = read(stream)
        if dtype.hasobject:
            raise reject("an array holds Python objects")
        count = 1
        for length in shape:
            count *= int(length)
        if min(shape, default=0) < 0 or stream.tell() + count * dtype.itemsize != entry.file_size:
            raise reject("an array's header and size disagree")
    return dtype, tuple(int(length) for length in shape)
