"""What a colleague would say of the columns of a training, a sentence for each finding however many have it."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

MIN_ROWS: Final = 20
"""From more rows on, what differs in every one is an id or a row number."""

SHOWN: Final = 5
"""So many columns of a finding are named."""

_SENTENCES: Final = {
    "empty": ("is NULL in every training row and was left out", "are NULL in every training row and were left out"),
    "id": (
        "differs in every row, like an id, and was left out",
        "differ in every row, like ids, and were left out",
    ),
    "constant": ("has one value only, which no model learns from", "have one value only, which no model learns from"),
    "numbering": (
        "numbers the rows, and new rows have other numbers: better leave it out",
        "number the rows, and new rows have other numbers: better leave them out",
    ),
    "leak": (
        "determines the target exactly: is it known before the target is?",
        "determine the target exactly: are they known before the target is?",
    ),
}


class Findings:
    """Columns by what was found of them."""

    def __init__(self) -> None:
        self._columns: dict[str, list[str]] = {finding: [] for finding in _SENTENCES}

    def add(self, finding: str, column: str) -> None:
        """Note a column: ``empty``, ``id``, ``constant``, ``numbering`` or ``leak``."""
        self._columns[finding].append(column)

    def sentences(self) -> list[str]:
        """Return a sentence for each finding that some column has."""
        return [
            _sentence(columns, *_SENTENCES[finding]) for finding, columns in self._columns.items() if len(columns) > 0
        ]


def _sentence(columns: list[str], of_one: str, of_several: str) -> str:
    if len(columns) == 1:
        return f"column {columns[0]!r} {of_one}"
    more = len(columns) - SHOWN
    named = ", ".join(map(repr, columns[:SHOWN])) + (f" and {more} others" if more > 0 else "")
    return f"columns {named} {of_several}"


def numbers_rows(values: NDArray[np.float64]) -> bool:
    """Tell a column that numbers the rows: whole, no two alike, and ever greater, ever less or without wide gaps.

    Parameters
    ----------
    values : ndarray of float64, shape (rows,)
        In the order they were read; NaN for NULL.
    """
    if len(values) <= MIN_ROWS or not np.isfinite(values).all() or (values != np.floor(values)).any():
        return False
    steps = np.diff(values)
    if (steps > 0).all() or (steps < 0).all():
        return True
    lowest = values.min()
    if values.max() - lowest >= 2 * len(values):
        return False
    return bool(np.bincount((values - lowest).astype(np.intp)).max() == 1)
