"""The one error of all intakes, and the bound they share."""

from __future__ import annotations

from typing import Final

from motadata_ml_server.errors import ArtifactError

MAX_ARCHIVE_BYTES: Final = 1 << 30
"""A stored artifact larger than this is refused (a bytea could not hold it in one piece either)."""

RETRAIN_HINT: Final = "Train the model again; a stored model is never repaired in place."


def reject(why: str) -> ArtifactError:
    """Return the error for an artifact that is not acceptable.

    Parameters
    ----------
    why : str
        What is wrong with it.

    Returns
    -------
    ArtifactError
        To be raised by the caller.
    """
    return ArtifactError(f"stored model is not acceptable: {why}", hint=RETRAIN_HINT)
