"""What makes scores on rows held out look better than the model is. Runs in the worker only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.columns import ColumnTable, TextValues
from motadata_ml_server.features.findings import MIN_ROWS

Keys = NDArray[np.uint64]

MOST_ROWS: Final = 500_000
"""Of more rows, none are compared: a training should not wait for it."""

COPIES: Final = 0.6
"""From this share of the rows held out on, copies are said: rows of coarse columns are alike in fewer."""

ALIKE: Final = 3
"""Where each row is there more often than this, its columns have few values, and equal rows are no copies."""

_FACTOR: Final = np.uint64(0x9E3779B97F4A7C15)
_SHIFT: Final = np.uint64(29)


def flattering(learn: ColumnTable, held: ColumnTable, names: Sequence[str], metrics: Mapping[str, Any]) -> list[str]:
    """Return what a colleague would say of scores.

    Parameters
    ----------
    learn, held : ColumnTable
        The rows that were learned from, and those that were scored.
    names : sequence of str
        The features.
    metrics : mapping
        The scores.
    """
    said = [copies(learn, held, names), one_class(metrics, held.rows)]
    return [sentence for sentence in said if sentence is not None]


def copies(learn: ColumnTable, held: ColumnTable, names: Sequence[str]) -> str | None:
    """Tell rows held out that were learned from as well; None where they are few, or alike by their nature."""
    if not names or held.rows < MIN_ROWS or learn.rows + held.rows > MOST_ROWS:
        return None
    known = np.unique(_keys(learn, names))
    if len(known) * ALIKE < learn.rows:
        return None
    found = int(np.isin(_keys(held, names), known).sum())
    if found < COPIES * held.rows:
        return None
    return (
        f"{found} of {held.rows} rows held out equal rows that were learned from, so the scores flatter: "
        "leave copies out, or keep them together with split => 'group:...'"
    )


def one_class(metrics: Mapping[str, Any], rows: int) -> str | None:
    """Tell a classifier that is never right but for one class; None for any other."""
    there = [own for own in metrics.get("per_class", ()) if own["support"]]
    right = [own for own in there if own["recall"]]
    if rows < MIN_ROWS or len(there) < 2 or len(right) != 1 or right[0]["recall"] < 1.0:
        return None
    return (
        f"no class but {right[0]['class']!r} is ever predicted right: the accuracy is its share of the rows, "
        "so look at balanced_accuracy and average_precision"
    )


def _keys(table: ColumnTable, names: Sequence[str]) -> Keys:
    """Return a number for each row, the same for rows whose columns are equal."""
    keys = np.zeros(table.rows, np.uint64)
    for name in names:
        values = table.columns[name].values
        if isinstance(values, TextValues):
            of_text = np.array([hash(text) for text in values.dictionary] + [0], np.int64).view(np.uint64)
            parts = [of_text[values.codes]]
        else:
            block = np.ascontiguousarray((values + 0.0).reshape(table.rows, -1).T)
            block[np.isnan(block)] = np.nan
            parts = list(block.view(np.uint64))
        for part in parts:
            keys = (keys ^ part) * _FACTOR
            keys ^= keys >> _SHIFT
    return keys
