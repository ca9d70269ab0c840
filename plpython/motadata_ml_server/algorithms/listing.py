"""The algorithms as rows of `ml.algorithms`: those that can be trained, then those that cannot, each with why."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from typing import Any


def algorithms() -> Iterator[dict[str, Any]]:
    """Yield the rows of ``ml.algorithms``."""
    from motadata_ml_server.algorithms import catalogue, notes
    from motadata_ml_server.algorithms.unsupported import DENIED

    for entry in catalogue.load().values():
        description, good_for = notes.note(entry.name)
        yield {
            "algorithm": entry.name,
            "model_type": entry.model_type,
            "library": entry.module.split(".")[0],
            "aliases": list(entry.aliases),
            "hyperparameters": json.dumps(entry.parameters_json()),
            "streams": entry.streams,
            "requires": entry.requires,
            "available": entry.requires is None or importlib.util.find_spec(entry.requires) is not None,
            "description": description,
            "good_for": good_for,
            "compiled": notes.compiled(entry.name),
            "explained": notes.explained(entry.name, entry.model_type),
        }
    for name, reason in DENIED.items():
        yield {
            "algorithm": name,
            "model_type": None,
            "library": "sklearn",
            "aliases": [],
            "hyperparameters": "{}",
            "streams": False,
            "requires": None,
            "available": False,
            "description": f"Cannot be trained here: it {reason}.",
            "good_for": None,
            "compiled": False,
            "explained": None,
        }
