"""The stored form of a model per group: a JSON head, then each group's own artifact."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.errors import ArtifactError
from motadata_ml_server.persistence.kinds import ArtifactKind

FORMAT: Final = 1
KINDS: Final = (ArtifactKind.LINEAR, ArtifactKind.ONNX, ArtifactKind.SKOPS)
_LENGTH: Final = struct.Struct("<Q")
_HINT: Final = "Train the model again; a stored model is never repaired in place."


@dataclass(frozen=True, slots=True)
class GroupModel:
    """The model of one group.

    Attributes
    ----------
    kind : str
        'linear', 'onnx' or 'skops'.
    payload : bytes or memoryview
        The artifact of that kind, over the encoded features without the group.
    classes : list of int or None
        Which of the whole model's classes its own are, in order; None where the target is no label.
    trees : bytes or memoryview
        The same model as a stored `TreeModel`, for the compiled loops; empty where there is none.
    """

    kind: str
    payload: bytes | memoryview
    classes: list[int] | None
    trees: bytes | memoryview = b""


@dataclass(frozen=True)
class GroupedModels:
    """The models of all groups.

    Attributes
    ----------
    task : str
        Model type.
    classes : int or None
        Number of classes over all groups; None where the target is no label.
    models : mapping of int to GroupModel
        By the group's position in the feature plan; groups that could not be trained are missing.
    """

    task: str
    classes: int | None
    models: Mapping[int, GroupModel]

    def to_bytes(self) -> bytes:
        """Return the stored form."""
        index = []
        parts: list[bytes | memoryview] = []
        offset = 0
        for code, model in self.models.items():
            entry = [code, model.kind, offset, len(model.payload), model.classes]
            index.append([*entry, len(model.trees)] if model.trees else entry)
            parts += [model.payload, model.trees]
            offset += len(model.payload) + len(model.trees)
        head = json.dumps({"format": FORMAT, "task": self.task, "classes": self.classes, "groups": index}).encode()
        return b"".join([_LENGTH.pack(len(head)), head, *map(bytes, parts)])

    @classmethod
    def from_bytes(cls, stored: bytes) -> GroupedModels:
        """Read the stored form; the groups' own artifacts are views of it, checked when they are opened.

        Raises
        ------
        ArtifactError
            ML018: the bytes are something else.
        """
        try:
            (length,) = _LENGTH.unpack_from(stored)
            start = _LENGTH.size + length
            if start > len(stored):
                raise ValueError("it is cut off")
            head = json.loads(stored[_LENGTH.size : start])
            if head["format"] != FORMAT:
                raise ValueError(f"format {head['format']!r}")
            view = memoryview(stored)[start:]
            classes = head["classes"]
            models = {int(entry[0]): _model(view, classes, *entry[1:]) for entry in head["groups"]}
            return cls(str(head["task"]), None if classes is None else int(classes), models)
        except (ValueError, LookupError, TypeError, OverflowError, RecursionError, struct.error) as exc:
            raise ArtifactError(f"model per group is damaged: {exc}", hint=_HINT) from exc


def rows_of_groups(codes: NDArray[np.float64]) -> dict[int, NDArray[np.intp]]:
    """Return the positions of each group's rows, in the order of groups and rows.

    Parameters
    ----------
    codes : ndarray of float64, shape (rows,)
        Each row's group; NaN for none.
    """
    known = np.flatnonzero(~np.isnan(codes))
    if not len(known):
        return {}
    order = known[np.argsort(codes[known], kind="stable")]
    groups, starts = np.unique(codes[order], return_index=True)
    return dict(zip(groups.astype(int).tolist(), np.split(order, starts[1:]), strict=True))


def _model(
    view: memoryview, count: int | None, kind: str, offset: int, length: int, classes: list[int] | None, trees: int = 0
) -> GroupModel:
    if kind not in KINDS or min(offset, length, trees) < 0 or offset + length + trees > len(view):
        raise ValueError("an entry points nowhere")
    if (classes is None) != (count is None) or any(not 0 <= number < (count or 0) for number in classes or ()):
        raise ValueError("an entry has classes that the model has not")
    end = offset + length
    return GroupModel(kind, view[offset:end], classes, view[end : end + trees])
