"""The algorithms as rows of `ml.algorithms`."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from typing import Any


def algorithms() -> Iterator[dict[str, Any]]:
    """Yield the rows of ``ml.algorithms``."""
    from motadata_ml_server.algorithms import catalogue

    for entry in catalogue.load().values():
        yield {
            "algorithm": entry.name,
            "model_type": entry.model_type,
            "library": entry.module.split(".")[0],
            "aliases": list(entry.aliases),
            "hyperparameters": json.dumps(entry.parameters_json()),
            "streams": entry.streams,
            "requires": entry.requires,
            "available": entry.requires is None or importlib.util.find_spec(entry.requires) is not None,
        }
