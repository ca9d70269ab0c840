"""The kinds of feature, by the names that plans give them; docs/feature-kinds.md says how to add one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from motadata_ml_server.features.category import CATEGORY
from motadata_ml_server.features.kind import Kind
from motadata_ml_server.features.number import BOOLEAN, NUMBER
from motadata_ml_server.features.text import TEXT
from motadata_ml_server.features.timestamp import TIMESTAMP
from motadata_ml_server.features.vector import VECTOR

KINDS: Final[Mapping[str, Kind]] = {kind.name: kind for kind in (NUMBER, BOOLEAN, TIMESTAMP, VECTOR, TEXT, CATEGORY)}
"""A training column becomes the first kind that it suits, so free text comes before categories."""
