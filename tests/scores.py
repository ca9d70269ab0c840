"""Metrics as tests compare them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def flat(scores: Mapping[str, Any]) -> dict[str, Any]:
    """Return metrics with those of each class beside the others, as ``pytest.approx`` wants them."""
    found = {
        f"{name} is {value}" if isinstance(value, str) else name: 1 if isinstance(value, str) else value
        for name, value in scores.items()
        if name != "per_class"
    }
    for one in scores.get("per_class", ()):
        found |= {f"{one['class']}.{name}": value for name, value in one.items() if name != "class"}
    return found
