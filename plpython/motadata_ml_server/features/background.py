"""What a model's answers are explained against: the mean of its encoded training rows, and a few of the rows."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.errors import ArtifactError

FORMAT: Final = 1
MAX_ROWS: Final = 100
"""Rows that are kept of a model, or of each group's, at most."""
MAX_BYTES: Final = 4 << 20
"""Bytes that the rows of all groups may take together; wide rows are kept in smaller number."""
WHOLE: Final = -1
"""Stands in place of a group's position where there is one model of all rows."""
_LENGTH: Final = struct.Struct("<Q")
_HINT: Final = "Train the model again; a stored model is never repaired in place."

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Background:
    """Encoded training rows, by the group's position; `WHOLE` where there is one model.

    Attributes
    ----------
    means : mapping of int to ndarray of float64, shape (width,)
        For linear models: what contributions are measured from.
    rows : mapping of int to ndarray of float64, shape (rows, width)
        For models without an exact explanation: what stands in for a feature that is not known.
    """

    means: Mapping[int, Matrix]
    rows: Mapping[int, Matrix]

    def to_bytes(self) -> bytes:
        """Return the stored form: the length of a JSON head, the head, and the numbers as little-endian doubles."""
        index = [["mean", code, 1, len(mean)] for code, mean in self.means.items()]
        index += [["rows", code, *rows.shape] for code, rows in self.rows.items()]
        head = json.dumps({"format": FORMAT, "entries": index}).encode()
        numbers = [*self.means.values(), *self.rows.values()]
        return b"".join([_LENGTH.pack(len(head)), head, *(np.asarray(part, "<f8").tobytes() for part in numbers)])

    @classmethod
    def from_bytes(cls, stored: bytes) -> Background:
        """Read the stored form.

        Raises
        ------
        ArtifactError
            ML018: the bytes are something else.
        """
        try:
            (length,) = _LENGTH.unpack_from(stored)
            head = json.loads(stored[_LENGTH.size : _LENGTH.size + length])
            if head["format"] != FORMAT:
                raise ValueError(f"format {head['format']!r}")
            at = _LENGTH.size + length
            found: dict[str, dict[int, Matrix]] = {"mean": {}, "rows": {}}
            for kind, code, count, width in head["entries"]:
                numbers, at = _matrix(stored, at, int(count), int(width))
                found[kind][int(code)] = numbers[0] if kind == "mean" else numbers
            return cls(found["mean"], found["rows"])
        except (ValueError, LookupError, TypeError, OverflowError, RecursionError, struct.error) as exc:
            raise ArtifactError(f"background rows are damaged: {exc}", hint=_HINT) from exc


def _matrix(stored: bytes, at: int, count: int, width: int) -> tuple[Matrix, int]:
    end = at + 8 * count * width
    if count < 1 or width < 0 or end > len(stored):
        raise ValueError("it is cut off")
    numbers = np.frombuffer(stored, "<f8", count * width, at).reshape(count, width)
    return numbers.astype(np.float64), end


def mean_of(encoded: Any) -> Matrix:
    """Return the mean of encoded rows, an array or a sparse matrix, of shape (width,); of numbers that are there."""
    if hasattr(encoded, "toarray"):
        mean = np.asarray(encoded.mean(axis=0), dtype=np.float64).ravel()
    else:
        mean = encoded.mean(axis=0)
        for at in np.flatnonzero(np.isnan(mean)).tolist():
            there = encoded[:, at][~np.isnan(encoded[:, at])]
            mean[at] = there.mean() if len(there) else 0.0
    return np.where(np.isfinite(mean), mean, 0.0)


def drawn_from(encoded: Any, seed: int | None, groups: int = 1) -> Matrix:
    """Return some encoded rows, drawn at random.

    Parameters
    ----------
    encoded : ndarray or csr_matrix, shape (rows, width)
        At least one row.
    seed : int or None
        The training's.
    groups : int
        Among how many groups the room is divided.
    """
    width = max(1, encoded.shape[1])
    most = max(1, min(MAX_ROWS, MAX_BYTES // (8 * width * groups)))
    chosen = np.arange(encoded.shape[0])
    if len(chosen) > most:
        chosen = np.sort(np.random.default_rng(seed).choice(len(chosen), most, replace=False))
    rows = encoded[chosen]
    return np.asarray(rows.toarray() if hasattr(rows, "toarray") else rows, dtype=np.float64)
