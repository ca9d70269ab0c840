"""Free text: a vocabulary with inverse document frequencies, as scikit-learn's TfidfVectorizer weighs them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from itertools import pairwise
from math import log, sqrt
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.columns import Column
from motadata_ml_server.features.json_values import invalid
from motadata_ml_server.features.kind import Entries, FittedColumn, Fitting, Kind, Writer
from motadata_ml_server.features.plan_column import Matrix, PlanColumn
from motadata_ml_server.values.text_forms import plain

if TYPE_CHECKING:
    from motadata_ml_server.features.preprocess import ColumnRule

TOKEN: Final = re.compile(r"(?u)\b\w\w+\b")
"""Words of two characters and more, as the feature plan defines them."""

MAX_VOCABULARY = 5_000
MIN_DISTINCT = 20
MIN_WORDS = 3.0
MIN_SHARE = 0.2
SAMPLE = 2_000


def is_free_text(column: Column) -> bool:
    """Tell free text from categories: many different values, of three words and more on average."""
    texts = column.texts
    distinct = len(texts.dictionary)
    if distinct <= MIN_DISTINCT or distinct < MIN_SHARE * np.count_nonzero(texts.codes >= 0):
        return False
    sample = texts.dictionary[:: max(1, distinct // SAMPLE)]
    return sum(len(TOKEN.findall(text)) for text in sample) / len(sample) >= MIN_WORDS


def read_text(name: str, value: Any) -> str:
    """Read free text; the empty text where it is missing.

    Parameters
    ----------
    name : str
        The feature, for the error.
    value : object
        A parsed JSON value.

    Returns
    -------
    str
        The text.

    Raises
    ------
    InvalidInputError
        If it is not a string.
    """
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    raise invalid(name, "must be a text", value)


def text_reader(column: PlanColumn) -> Callable[[Any], str]:
    """Return the function from a parsed JSON value to the free text, for a column that was text or of another type."""
    name, form = column.name, column.form
    if form is plain:
        return partial(read_text, name)
    return lambda value: form(value) if isinstance(value, (bool, int, float, str)) else read_text(name, value)


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


class TextKind(Kind):
    """Free text, as the weights of its words."""

    name = "text"
    sparse = True
    unsaid = ("vocabulary", "idf")

    def suits(self, column: Column, rule: ColumnRule) -> bool:
        """Tell whether a training column is said to be free text, or looks like it."""
        if column.schema.kind != "text":
            return False
        return rule.kind == "text" or (rule.kind is None and is_free_text(column))

    def fit(self, column: Column, fitting: Fitting) -> FittedColumn | None:
        """Return the column's form in the plan, None where there is no word in it.

        Notes
        -----
        The inverse document frequency is smoothed, ``log((1 + n) / (1 + df)) + 1``, and rows have length 1, as in
        scikit-learn's ``TfidfVectorizer``. Words seen in one row only are left out where there are 100 rows and more.
        """
        texts = column.texts
        weights = np.bincount(texts.codes[texts.codes >= 0], minlength=len(texts.dictionary)).tolist()
        frequency: Counter[str] = Counter()
        for text, rows in zip(texts.dictionary, weights, strict=True):
            if rows:
                for word in set(TOKEN.findall(text.lower())):
                    frequency[word] += rows
        rows_in_all = len(texts.codes)
        least = 2 if rows_in_all >= 100 else 1
        common = sorted(((-count, word) for word, count in frequency.items() if count >= least))[:MAX_VOCABULARY]
        vocabulary = sorted(word for _, word in common)
        if not vocabulary:
            return None
        return FittedColumn(
            {
                "name": column.schema.name,
                "kind": "text",
                "source": "text",
                "sql_type": column.schema.sql_type,
                "width": len(vocabulary),
                "vocabulary": vocabulary,
                "idf": [log((1 + rows_in_all) / (1 + frequency[word])) + 1.0 for word in vocabulary],
                "sublinear": False,
                "ngram": [1, 1],
                "shift": None,
                "scale": None,
            }
        )

    def names(self, column: PlanColumn) -> list[str]:
        """Return the word of each number."""
        return [f"{column.name}:{token}" for token in column.spec["vocabulary"]]

    def check(self, column: PlanColumn, given: Column) -> None:
        """Take any text."""

    def fill(self, column: PlanColumn, given: Column, block: Matrix) -> None:
        """Write the weights of many rows' words."""
        pointers, positions, values = self.entries(column, given)
        block[np.repeat(np.arange(len(block)), np.diff(pointers)), positions] = values

    def entries(self, column: PlanColumn, given: Column) -> Entries:
        """Return the weights of many rows' words."""
        texts, weights = given.texts, TextWeights(column.spec)
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

    def writer(self, column: PlanColumn, row: NDArray[np.float64], cells: memoryview[float]) -> Writer:
        """Return the function that encodes one value into one row."""
        read, start, weigh = text_reader(column), column.start, TextWeights(column.spec).weigh
        part = row[start : start + column.width]
        empty = column.encode(np.zeros(column.width))
        base: list[float] = empty.tolist()
        scale: list[float] = column.scale.tolist()

        def write_text(value: Any) -> None:
            part[:] = empty
            for at, weight in weigh(read(value)):
                cells[start + at] = base[at] + weight / scale[at]

        return write_text


TEXT: Final = TextKind()
