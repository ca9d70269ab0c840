"""Rows predicted in pieces of bounded time, so that a cancel between two of them is answered soon."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Final

import numpy as np

from motadata_ml_server.columns import ColumnTable
from motadata_ml_server.prediction.predictions import BatchPrediction
from motadata_ml_server.prediction.predictor import Predictor

FIRST_ROWS: Final = 1
"""Rows of the first piece: its time is the most that a call can take whatever its rows are."""

GROWTH: Final = 16
"""How many times as many rows as the last one a piece may have."""

MOST_SECONDS: Final = 0.08
"""How long the rows of a piece may take, beyond what a call takes whatever its rows are."""


class PieceSizes:
    """How many rows a piece may have, learned from how long pieces took.

    Attributes
    ----------
    rows : int
        Of the next piece.
    """

    def __init__(self) -> None:
        self.rows = FIRST_ROWS
        self._shortest = float("inf")

    def learn(self, count: int, seconds: float) -> None:
        """Choose the size of the next piece from how long one of so many rows took."""
        self._shortest = min(self._shortest, seconds)
        of_rows = max(seconds - self._shortest, MOST_SECONDS / GROWTH)
        fitting = _power(int(count * MOST_SECONDS / of_rows))
        # a last piece of few rows says little of how many there may be
        self.rows = max(self.rows, fitting) if of_rows < MOST_SECONDS and count < self.rows else fitting


class Pace:
    """Predicts tables in pieces as large as `MOST_SECONDS` allow; what it learns of the model holds for later tables.

    Parameters
    ----------
    predictor : Predictor
        The model.
    threads : int
        The most threads to use.
    """

    def __init__(self, predictor: Predictor, threads: int = 1) -> None:
        self._predictor = predictor
        self._threads = threads
        self._sizes = PieceSizes()

    def pieces(self, table: ColumnTable, features: list[str]) -> Iterator[tuple[ColumnTable, BatchPrediction]]:
        """Yield the rows of a table with their predictions, a piece at a time, in order.

        Parameters
        ----------
        table : ColumnTable
            The model's features, and possibly other columns.
        features : list of str
            Which columns the model gets.

        Yields
        ------
        (ColumnTable, BatchPrediction)
            Some rows, of all columns, and what the model says of them.
        """
        at = 0
        while at < table.rows:
            count = min(self._sizes.rows, table.rows - at)
            part = table if count == table.rows else table.take(np.arange(at, at + count))
            started = time.perf_counter()
            predicted = self._predictor.batch(part.select(features), self._threads)
            self._sizes.learn(count, time.perf_counter() - started)
            at += count
            yield part, predicted

    def whole(self, table: ColumnTable, features: list[str], breathe: Callable[[], None]) -> BatchPrediction:
        """Predict all rows of a table and let a cancel be answered between the pieces.

        Parameters
        ----------
        table : ColumnTable
            The model's features, at least one row, and possibly other columns.
        features : list of str
            Which columns the model gets.
        breathe : callable
            Called after each piece.

        Returns
        -------
        BatchPrediction
            In the table's order. Its names are those of a classifier; clusters are told by their values.
        """
        found = []
        for _, predicted in self.pieces(table, features):
            breathe()
            found.append(predicted)
        return BatchPrediction.joined(found)


def _power(rows: int) -> int:
    """Return the largest power of four within a number of rows: sizes that hardly vary from one run to the next.

    A library's last bit may depend on how many rows it is given.
    """
    return int(4 ** ((max(1, rows).bit_length() - 1) // 2))
