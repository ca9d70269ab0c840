"""What is kept of the training rows, so that answers can be explained: as little as the model's form needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from motadata_ml_server.features.background import WHOLE, Background, drawn_from, mean_of
from motadata_ml_server.persistence.kinds import ArtifactKind
from motadata_ml_server.prediction.runtimes.tree_model import TreeModel

EXPLAINED: Final = frozenset({"classification", "regression", "anomaly"})
"""Model types whose answers can be explained."""


def background_of(
    model_type: str, kind: str, trees: bytes, encoded: Any, seed: int | None, code: int = WHOLE, groups: int = 1
) -> Background:
    """Return what a model's explanations need: a mean, a few rows, or nothing.

    Parameters
    ----------
    model_type : str
        Of the training.
    kind : str
        The artifact that predicts.
    trees : bytes
        The stored trees; empty where there are none.
    encoded : ndarray or csr_matrix, shape (rows, width)
        The rows that it learned from.
    seed : int or None
        The training's.
    code : int
        The group's position.
    groups : int
        How many groups share the room for rows.
    """
    if model_type not in EXPLAINED or not encoded.shape[0] or (trees and _covered(trees)):
        return Background({}, {})
    if kind == ArtifactKind.LINEAR:
        return Background({code: mean_of(encoded)}, {})
    return Background({}, {code: drawn_from(encoded, seed, groups)})


def stored_background(model_type: str, artifacts: Mapping[str, bytes], encoded: Any, seed: int | None) -> bytes | None:
    """Return the artifact of one model of all rows, None where it needs none."""
    compiled = next((kind for kind in (ArtifactKind.LINEAR, ArtifactKind.ONNX) if kind in artifacts), None)
    trees = artifacts.get(ArtifactKind.TREES, b"")
    found = background_of(model_type, compiled or ArtifactKind.SKOPS, trees, encoded, seed)
    return found.to_bytes() if found.means or found.rows else None


def together(parts: list[Background]) -> bytes | None:
    """Return the artifact of the models of several groups, None where none of them needs one."""
    means = {code: mean for part in parts for code, mean in part.means.items()}
    rows = {code: own for part in parts for code, own in part.rows.items()}
    return Background(means, rows).to_bytes() if means or rows else None


def _covered(trees: bytes) -> bool:
    return TreeModel.from_bytes(trees).arrays.get("cover") is not None
