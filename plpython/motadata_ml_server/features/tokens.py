"""Free text to weighted tokens, for one row."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise
from math import log, sqrt
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.columns import TextValues
from motadata_ml_server.features.plan import Matrix, PlanFeature

TOKEN: Final = re.compile(r"(?u)\b\w\w+\b")
"""Words of two characters and more, as the feature plan defines them."""


class TextWeights:
    """The vocabulary of one text column, ready to weigh a text.

    Parameters
    ----------
    column : mapping
        A column of kind "text" of the plan's JSON form.
    """

    def __init__(self, column: Mapping[str, Any]) -> None:
        idf = column["idf"]
        self._known: dict[str, tuple[int, float]] = {
            token: (position, idf[position]) for position, token in enumerate(column["vocabulary"])
        }
        self._sublinear = bool(column.get("sublinear", False))
        self._pairs = list(column.get("ngram") or [1, 1])[1] >= 2

    def weigh(self, text: str) -> list[tuple[int, float]]:
        """Return the non-zero entries of the encoded text.

        Parameters
        ----------
        text : str
            The raw text.

        Returns
        -------
        list of (int, float)
            Position in the vocabulary and tf-idf weight, normalised to length 1.
        """
        words: list[str] = TOKEN.findall(text.lower())
        if self._pairs:
            words += [f"{first} {second}" for first, second in pairwise(words)]
        known = self._known
        counts: dict[tuple[int, float], int] = {}
        for word in words:
            entry = known.get(word)
            if entry is not None:
                counts[entry] = counts.get(entry, 0) + 1
        if not counts:
            return []
        if self._sublinear:
            weights = [(at, (log(count) + 1.0) * idf) for (at, idf), count in counts.items()]
        else:
            weights = [(at, count * idf) for (at, idf), count in counts.items()]
        length = sqrt(sum([weight * weight for _, weight in weights]))
        if length == 0.0:
            return []
        return [(at, weight / length) for at, weight in weights]


def text_entries(feature: PlanFeature, texts: TextValues) -> tuple[NDArray[np.intp], NDArray[np.intp], Matrix]:
    """Return the non-zero entries of a text column: row pointers, positions and weights, as a CSR matrix has them."""
    weights = TextWeights(feature.spec)
    found = [weights.weigh(text) for text in texts.dictionary]
    sizes = np.array([len(entries) for entries in found] + [0])
    starts = np.concatenate([[0], np.cumsum(sizes)])
    positions = np.array([at for entries in found for at, _ in entries], dtype=np.intp)
    values = np.array([value for entries in found for _, value in entries], dtype=np.float64)
    codes = np.where(texts.codes < 0, len(found), texts.codes)
    counts = sizes[codes]
    pointers = np.concatenate([[0], np.cumsum(counts)])
    take = np.arange(pointers[-1]) - np.repeat(pointers[:-1], counts) + np.repeat(starts[codes], counts)
    return pointers, positions[take], values[take]


def fill_text(feature: PlanFeature, texts: TextValues, block: Matrix) -> None:
    """Write a text column's weights into a block of zeros."""
    pointers, positions, values = text_entries(feature, texts)
    block[np.repeat(np.arange(len(block)), np.diff(pointers)), positions] = values
