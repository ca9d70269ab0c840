"""Free text to weighted tokens, for one row."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise
from math import log, sqrt
from typing import Any, Final

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
