"""What evaluates a stored model: plain Python, ONNX Runtime, or scikit-learn where nothing else can.

Every runtime gives raw scores, for one row and for a table; `links` says what they mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.columns import ColumnTable

Array = NDArray[np.float64]


class Runtime(Protocol):
    """Raw scores of a model, and what they mean."""

    link: str
    parameters: dict[str, Any]
    outputs: int

    @property
    def nbytes(self) -> int:
        """Estimate of the memory it holds."""

    def scores(self, row: Mapping[str, Any] | Sequence[Any]) -> Sequence[float]:
        """Return the raw scores of one row."""

    def batch(self, table: ColumnTable, threads: int = 1) -> Array:
        """Return the raw scores of a table, of shape (rows, outputs), with at most so many threads."""

    def encoded(self, rows: Array) -> Array:
        """Return the raw scores of encoded rows, of shape (rows, outputs)."""
