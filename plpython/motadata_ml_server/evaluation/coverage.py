"""How many rows the intervals or sets of a version hold, gathered chunk by chunk, so that drift shows there too."""

from __future__ import annotations

from typing import Any

import numpy as np

from motadata_ml_server.columns import Column, ColumnTable
from motadata_ml_server.prediction.intervals import Intervals
from motadata_ml_server.prediction.predictions import BatchPrediction


class Coverage:
    """Rows held so far, at each level that was verified at training.

    Parameters
    ----------
    intervals : Intervals
        Of the version.
    """

    def __init__(self, intervals: Intervals) -> None:
        self._intervals = intervals
        self._levels = list(intervals.conformal.levels)
        self._rows = 0
        self._held = np.zeros(len(self._levels))
        self._size = np.zeros(len(self._levels))

    def add(self, truth: Column, predicted: BatchPrediction, table: ColumnTable) -> None:
        """Take in some rows, all with a target and a prediction.

        Parameters
        ----------
        truth : Column
            The target.
        predicted : BatchPrediction
            What is predicted.
        table : ColumnTable
            The rows' features.
        """
        self._rows += table.rows
        for at, level in enumerate(self._levels):
            found = self._intervals.bounds(table, predicted, level)
            if found.members is None:
                assert found.lower is not None  # noqa: S101 - one of the two is there
                assert found.upper is not None  # noqa: S101 - as above
                inside = (truth.numbers >= found.lower) & (truth.numbers <= found.upper)
                self._size[at] += float((found.upper - found.lower).sum())
            else:
                place = {label: code for code, label in enumerate(predicted.names)}
                codes = np.array([place.get(label, -1) for label in truth.texts.dictionary], np.intp)[truth.texts.codes]
                inside = found.members[np.arange(len(codes)), codes] & (codes >= 0)
                self._size[at] += float(found.members.sum())
            self._held[at] += float(inside.sum())

    def told(self) -> dict[str, Any]:
        """Return the share of rows held and the mean width or number of labels, as ``metrics`` has them."""
        size = "labels" if self._intervals.sets else "width"
        return {
            "method": self._intervals.conformal.method,
            "n_verified": self._rows,
            "levels": [
                {"level": level, "coverage": float(held / self._rows), size: float(total / self._rows)}
                for level, held, total in zip(self._levels, self._held, self._size, strict=True)
            ],
        }
