"""Trees: their stored form, a JSON head and then the arrays that it lists.

Splits and leaves have arrays of their own, so that neither stores what only the other has; whole numbers take the
fewest bytes that hold them, and floats four bytes where these hold them exactly.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.errors import ArtifactError

FORMAT: Final = 1
_LENGTH: Final = struct.Struct("<Q")
_HINT: Final = "Train the model again; a stored model is never repaired in place."
_INTEGERS: Final = ("<i1", "<i2", "<i4")
_DTYPES: Final = frozenset({*_INTEGERS, "<f4", "<f8"})
_MAX_NODES: Final = 2**31 - 1

_SPLITS: Final[dict[str, type[Any]]] = {
    "feature": np.int32,
    "threshold": np.float64,
    "left": np.int32,
    "right": np.int32,
    "missing_left": np.uint8,
}
_OF_TREES: Final[dict[str, type[Any]]] = {"target": np.int32, "base": np.float64, "cover": np.float64}


@dataclass(frozen=True)
class TreeModel:
    """Trees whose leaves are added up.

    Attributes
    ----------
    features, outputs : int
        Encoded numbers of a row, and scores of one.
    link : str
        What the scores mean, a name in `links`.
    divide : float
        Sums are divided by it.
    arrays : dict of str to ndarray
        `starts`, `feature`, `threshold`, `left`, `right`, `missing_left`, `values`, `target`, `base` and, where it is
        known, `cover`, as `motadata_ml_server.loops.Trees` takes them.
    parameters : dict
        The link's own.
    """

    features: int
    outputs: int
    link: str
    divide: float
    arrays: dict[str, NDArray[Any]]
    parameters: dict[str, Any] = field(default_factory=dict)

    def open(self, loops: Any) -> Any:
        """Return the trees, checked and ready.

        Parameters
        ----------
        loops : module
            A form of the hot loops.

        Raises
        ------
        ArtifactError
            ML018: they are no trees.
        """
        try:
            return loops.Trees(self.features, self.outputs, divide=self.divide, **self.arrays)
        except (ValueError, TypeError, OverflowError) as exc:
            raise ArtifactError(f"stored trees are damaged: {exc}", hint=_HINT) from exc

    def to_bytes(self) -> bytes:
        """Return the stored form."""
        arrays = self.arrays
        leaf = arrays["left"] < 0
        stored = {
            "sizes": np.diff(arrays["starts"]),
            "leaf": leaf.astype(np.int64),
            **{name: arrays[name][~leaf] for name in _SPLITS},
            "values": arrays["values"][leaf],
            **{name: arrays[name] for name in _OF_TREES if arrays.get(name) is not None},
        }
        index: list[tuple[str, str, tuple[int, ...], int]] = []
        parts: list[bytes] = []
        offset = 0
        for name, array in stored.items():
            narrow = _narrowed(array)
            content = narrow.tobytes()
            index.append((name, narrow.dtype.str.replace("|", "<"), narrow.shape, offset))
            content += b"\0" * (-len(content) % 8)
            parts.append(content)
            offset += len(content)
        head = {
            "format": FORMAT,
            "features": self.features,
            "outputs": self.outputs,
            "link": self.link,
            "divide": self.divide,
            "parameters": self.parameters,
            "arrays": index,
        }
        text = json.dumps(head, allow_nan=False).encode()
        text += b" " * (-len(text) % 8)
        return b"".join([_LENGTH.pack(len(text)), text, *parts])

    @classmethod
    def from_bytes(cls, stored: bytes) -> TreeModel:
        """Read the stored form; `open` checks whether the arrays are trees.

        Raises
        ------
        ArtifactError
            ML018: the bytes are something else.
        """
        try:
            (length,) = _LENGTH.unpack_from(stored)
            start = _LENGTH.size + length
            if start > len(stored):
                raise ValueError("they are cut off")
            head = json.loads(stored[_LENGTH.size : start])
            if head["format"] != FORMAT:
                raise ValueError(f"format {head['format']!r}")
            held = {
                str(name): _array(memoryview(stored)[start:], dtype, shape, offset)
                for name, dtype, shape, offset in head["arrays"]
            }
            return cls(
                int(head["features"]),
                int(head["outputs"]),
                str(head["link"]),
                float(head["divide"]),
                _widened(held),
                dict(head["parameters"]),
            )
        except (ValueError, LookupError, TypeError, OverflowError, RecursionError, struct.error) as exc:
            raise ArtifactError(f"stored trees are damaged: {exc}", hint=_HINT) from exc


def _narrowed(array: NDArray[Any]) -> NDArray[Any]:
    if array.dtype.kind == "f":
        with np.errstate(over="ignore"):
            single = array.astype("<f4")
        return single if np.array_equal(single.astype(np.float64), array, equal_nan=True) else array.astype("<f8")
    low, high = int(array.min(initial=0)), int(array.max(initial=0))
    for dtype in _INTEGERS:
        limits = np.iinfo(dtype)
        if limits.min <= low and high <= limits.max:
            return array.astype(dtype)
    raise ValueError("too many nodes")


def _array(content: memoryview, dtype: str, shape: Iterable[int], offset: int) -> NDArray[Any]:
    sizes = [int(size) for size in shape]
    if dtype not in _DTYPES or not 1 <= len(sizes) <= 2 or min(sizes) < 0 or int(offset) < 0:
        raise ValueError("an array is of an unknown kind")
    count = int(np.prod([*sizes], dtype=object))
    if count > len(content):
        raise ValueError("an array is cut off")
    return np.frombuffer(content, dtype, count, int(offset)).reshape(sizes) if count else np.zeros(sizes, dtype)


def _widened(held: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return the arrays of all nodes."""
    leaf = held["leaf"] != 0
    nodes = len(leaf)
    if leaf.ndim != 1 or held["sizes"].ndim != 1 or held["values"].ndim != 2 or nodes > _MAX_NODES:
        raise ValueError("an array has another number of dimensions")
    if 2 * len(held["values"]) < nodes:
        raise ValueError("there are too few leaves")  # as many as half of the nodes, in any tree
    arrays: dict[str, NDArray[Any]] = {"starts": np.append(0, np.cumsum(held["sizes"], dtype=np.int64))}
    for name, dtype in _SPLITS.items():
        arrays[name] = np.full(nodes, -1 if name in {"left", "right"} else 0, dtype)
        arrays[name][~leaf] = held[name].reshape(-1)
    arrays["values"] = np.zeros((nodes, held["values"].shape[1]))
    arrays["values"][leaf] = held["values"]
    return arrays | {name: held[name].astype(dtype) for name, dtype in _OF_TREES.items() if name in held}
