"""Intake of the artifacts that are JSON: the feature plan and the profile."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

from motadata_ml_server.persistence.refusal import reject

T = TypeVar("T")


def read_json(data: bytes, what: str, build: Callable[[Any], T]) -> T:
    """Build something from stored JSON.

    Parameters
    ----------
    data : bytes
        The artifact.
    what : str
        What it is, for the message.
    build : callable
        Makes it of the parsed JSON.

    Raises
    ------
    ArtifactError
        ML018: the bytes are no JSON, or not of that form.
    """
    try:
        return build(json.loads(data))
    except RecursionError as exc:
        raise reject(f"its {what} is nested too deeply") from exc
    except (ValueError, LookupError, TypeError, OverflowError, AttributeError) as exc:
        raise reject(f"its {what} is damaged ({type(exc).__name__})") from exc
