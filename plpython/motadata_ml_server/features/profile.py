"""What the training rows looked like, column by column: counts in a few bins, to compare other rows with.

Plain data, stored as JSON beside the feature plan. A number becomes at most ten bins of equal share, a category its
most frequent values; a timestamp is its moment, a free text its length in characters, a vector its Euclidean norm.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.columns import Column, ColumnTable
from motadata_ml_server.features.plan import FeaturePlan

FORMAT: Final = 1
"""Version of the JSON form."""

BINS: Final = 10
MAX_CATEGORIES: Final = 50
QUANTILE_ROWS: Final = 200_000

Counts = NDArray[np.int64]


def _number(column: Column) -> NDArray[np.float64]:
    return column.numbers


def _length(column: Column) -> NDArray[np.float64]:
    lengths = np.array([*map(float, map(len, column.texts.dictionary)), math.nan])
    return np.asarray(lengths[column.texts.codes])


def _norm(column: Column) -> NDArray[np.float64]:
    return np.asarray(np.sqrt((column.numbers**2).sum(axis=1)))


MEASURES: Final[Mapping[str, Callable[[Column], NDArray[np.float64]] | None]] = {
    "number": _number,
    "boolean": _number,
    "timestamp": _number,
    "vector": _norm,
    "text": _length,
    "category": None,
}
"""By kind of feature, the number of each row whose bins are counted; None where the values themselves are counted."""


@dataclass(frozen=True)
class ColumnProfile:
    """Bins of one column and how many training rows fell into each.

    Attributes
    ----------
    name, kind : str
        As in the feature plan.
    edges : list of float or None
        Upper ends of the bins of a number; a last bin holds what is above.
    categories : list of str or None
        Values with a bin of their own; a last bin holds the others.
    counts : ndarray of int64
        Rows by bin; the last element counts NULLs.
    """

    name: str
    kind: str
    edges: list[float] | None
    categories: list[str] | None
    counts: Counts

    def count(self, column: Column) -> Counts:
        """Count some rows into the same bins."""
        if self.categories is not None:
            position = {category: number for number, category in enumerate(self.categories)}
            texts = column.texts
            bins = np.array([*(position.get(text, len(position)) for text in texts.dictionary), len(position) + 1])
            return np.bincount(bins[texts.codes], minlength=len(position) + 2).astype(np.int64)
        measure = MEASURES[self.kind]
        assert self.edges is not None and measure is not None  # noqa: S101, PT018 - of a kind without categories
        numbers = measure(column)
        there = numbers[~np.isnan(numbers)]
        counts = np.bincount(np.searchsorted(self.edges, there, side="left"), minlength=len(self.edges) + 1)
        return np.append(counts, len(numbers) - len(there)).astype(np.int64)


class Profile:
    """Profiles of all columns of a plan.

    Parameters
    ----------
    columns : list of ColumnProfile
        In the plan's order.
    """

    def __init__(self, columns: list[ColumnProfile]) -> None:
        self.columns = columns

    @classmethod
    def fit(cls, plan: FeaturePlan, table: ColumnTable) -> Profile:
        """Choose bins from some rows and count them."""
        return cls([_fit(column.name, column.kind, table.columns[column.name]) for column in plan.columns])

    def add(self, table: ColumnTable) -> None:
        """Count more training rows into the bins."""
        for column in self.columns:
            column.counts[:] += column.count(table.columns[column.name])

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        columns = [{**vars(column), "counts": column.counts.tolist()} for column in self.columns]
        return {"version": FORMAT, "columns": columns}

    def dump(self) -> bytes:
        """Return the bytes that are stored."""
        return json.dumps(self.to_json()).encode()

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Profile:
        """Read a profile from its JSON form.

        Raises
        ------
        ValueError
            If the form is of another version.
        """
        if data["version"] != FORMAT:
            raise ValueError(f"profile of version {data['version']}, expected {FORMAT}")
        return cls([ColumnProfile(**{**c, "counts": np.array(c["counts"], np.int64)}) for c in data["columns"]])


def _fit(name: str, kind: str, column: Column) -> ColumnProfile:
    edges = categories = None
    measure = MEASURES[kind]
    if measure is None:
        texts = column.texts
        counts = np.bincount(texts.codes[texts.codes >= 0], minlength=len(texts.dictionary))
        common = [code for code in np.argsort(-counts, kind="stable")[:MAX_CATEGORIES].tolist() if counts[code]]
        categories = sorted(texts.dictionary[code] for code in common)
        size = len(categories) + 2
    else:
        edges = _edges(measure(column))
        size = len(edges) + 2
    empty = ColumnProfile(name, kind, edges, categories, np.zeros(size, np.int64))
    empty.counts[:] = empty.count(column)
    return empty


def _edges(numbers: NDArray[np.float64]) -> list[float]:
    there = numbers[~np.isnan(numbers)]
    sample = there[:: max(1, len(there) // QUANTILE_ROWS)]
    distinct = np.unique(sample)
    if len(distinct) > BINS:
        distinct = np.unique(np.quantile(sample, np.arange(1, BINS) / BINS))
    return [float(edge) for edge in distinct]
