"""Free text: a vocabulary with inverse document frequencies, as scikit-learn's TfidfVectorizer weighs them."""

from __future__ import annotations

from collections import Counter
from math import log
from typing import Any

import numpy as np

from motadata_ml_server.columns import Column
from motadata_ml_server.features.tokens import TOKEN

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


def fit(column: Column) -> dict[str, Any] | None:
    """Return the JSON form of a free text's feature, None where there is no word in it.

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
    return {
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
