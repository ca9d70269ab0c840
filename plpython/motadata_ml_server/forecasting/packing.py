"""Answers about series on their way back to SQL: numbers as packed bytes, texts once a series."""

from __future__ import annotations

from typing import Any

import numpy as np

from motadata_ml_server.forecasting.panel import Array


class Answers:
    """What is told of some series.

    Parameters
    ----------
    width : int
        How many numbers a row has, beside its time.
    """

    def __init__(self, width: int) -> None:
        self._width = width
        self._names: list[str] = []
        self._models: list[str | None] = []
        self._statuses: list[str] = []
        self._walls: list[bool] = []
        self._counts: list[int] = []
        self._times: list[Array] = []
        self._numbers: list[Array] = []

    def add(
        self,
        name: str,
        model: str | None,
        status: str,
        numbers: Array | None = None,
        times: Array | None = None,
        *,
        wall: bool = True,
    ) -> None:
        """Add rows of a series, or the one row of a series without.

        Parameters
        ----------
        name : str
            The series, as JSON.
        model, status : str or None
            Alike for all these rows.
        numbers : ndarray of float64, shape (width, n), or None
            NaN for NULL; None is one row of NULLs.
        times : ndarray of float64, shape (n,), or None
            Seconds since 1970; NaN for NULL.
        wall : bool
            Whether times are those of a wall clock.
        """
        if numbers is None:
            numbers = np.full((self._width, 1), np.nan)
        self._names.append(name)
        self._models.append(model)
        self._statuses.append(status)
        self._walls.append(wall)
        self._counts.append(numbers.shape[1])
        self._numbers.append(numbers)
        self._times.append(np.full(numbers.shape[1], np.nan) if times is None else times)

    def packed(self) -> dict[str, Any]:
        """Return all rows, as the SQL functions of the chapter unpack them."""
        codes = np.repeat(np.arange(1, len(self._counts) + 1, dtype=np.int32), self._counts)
        return {
            "names": self._names,
            "models": self._models,
            "statuses": self._statuses,
            "walls": self._walls,
            "codes": codes.tobytes(),
            "times": np.concatenate(self._times).astype(np.float64).tobytes(),
            "numbers": np.concatenate(self._numbers, axis=1).T.astype(np.float64).tobytes(),
            "width": self._width,
        }
