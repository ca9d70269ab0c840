"""The kinds of artifact that a model version is stored as."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class ArtifactKind(StrEnum):
    """What an artifact is; its value is what ``ml.artifact.kind`` holds."""

    PLAN = "plan"
    """The feature plan: how a row becomes numbers."""
    BACKGROUND = "background"
    """What answers are explained against: means of the encoded training rows, and a few of the rows."""
    COEFFICIENTS = "coefficients"
    """How sure the coefficients of a linear model are."""
    PROFILE = "profile"
    """How the training rows were spread, to tell drift by."""
    LINEAR = "linear"
    """Weights of a linear model, evaluated by the package itself."""
    ONNX = "onnx"
    """Trees and converted estimators, for ONNX Runtime."""
    TREES = "trees"
    """Trees once more, as arrays for the compiled loops."""
    SKOPS = "skops"
    """The fitted scikit-learn estimator."""
    GROUPED = "grouped"
    """A model of any of these kinds for each group."""

    CALIBRATION = "calibration"
    """How far predictions were from the truth on rows that were not learned, for intervals and sets of labels."""


COMPILED: Final = frozenset({ArtifactKind.LINEAR, ArtifactKind.ONNX})
"""Kinds that can be written as SQL or ONNX."""


def predicting_kind(runtime: str) -> ArtifactKind:
    """Return the artifact that predicts, by the runtime's name as ``runtime ->> 'name'`` holds it.

    A model without a compiled form, whose runtime is called sklearn, predicts with the stored estimator.
    """
    if runtime in (ArtifactKind.LINEAR, ArtifactKind.ONNX, ArtifactKind.GROUPED):
        return ArtifactKind(runtime)
    return ArtifactKind.SKOPS
