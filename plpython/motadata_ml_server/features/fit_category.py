"""Categories: one-hot while they are few, else by the target they go with."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.columns import Column, TextValues
from motadata_ml_server.features.preprocess import ColumnRule

MAX_ONEHOT = 64
"""The most categories that get a column each."""

MAX_OUTPUTS = 10
"""The most classes for which the target is encoded class by class."""

FOLDS = 5
FOLD_STREAM = 5
"""Folds are drawn from a stream of their own, so that data made with the same seed does not follow them."""

MIN_ID_ROWS = 20


def looks_like_id(column: Column) -> bool:
    """Tell a text that differs in every row and is a word or two, such as a uuid."""
    from motadata_ml_server.features.fit_text import is_free_text

    if column.schema.kind != "text":
        return False
    codes = column.texts.codes
    return len(codes) > MIN_ID_ROWS and len(np.unique(codes)) == len(codes) and not is_free_text(column)


def fit(
    column: Column, rule: ColumnRule, target: NDArray[np.float64] | None, seed: int | None
) -> tuple[dict[str, Any], NDArray[np.float64] | None]:
    """Return the JSON form of a category's feature, and what the training rows get instead.

    Up to `MAX_ONEHOT` categories are one-hot. Beyond, each category becomes the mean of the target over its rows,
    shrunk towards the overall mean; the training rows get means from the other folds, so that no row sees its own
    target. Without a target the most frequent categories are one-hot.
    """
    counts = np.bincount(column.texts.codes[column.texts.codes >= 0], minlength=len(column.texts.dictionary))
    used = np.flatnonzero(counts)
    encode = rule.encode or ("onehot" if len(used) <= MAX_ONEHOT or not _encodable(target) else "target")
    if encode == "target" and _encodable(target):
        assert target is not None  # noqa: S101 - _encodable said so
        return _target(column, target, seed)
    if encode == "onehot" and len(used) > MAX_ONEHOT:
        used = used[np.argsort(-counts[used], kind="stable")[:MAX_ONEHOT]]
    categories = sorted(column.texts.dictionary[code] for code in used.tolist())
    spec = _spec(column, "ordinal" if encode == "ordinal" else "onehot", categories)
    if encode == "ordinal":
        spec |= {"width": 1, "unknown": -1.0}
    return spec, None


def _encodable(target: NDArray[np.float64] | None) -> bool:
    return target is not None and target.shape[1] <= MAX_OUTPUTS


def _spec(column: Column, encode: str, categories: list[str]) -> dict[str, Any]:
    return {
        "name": column.schema.name,
        "kind": "category",
        "source": "text",
        "sql_type": column.schema.sql_type,
        "width": len(categories),
        "encode": encode,
        "categories": categories,
        "shift": None,
        "scale": None,
    }


def _target(
    column: Column, target: NDArray[np.float64], seed: int | None
) -> tuple[dict[str, Any], NDArray[np.float64]]:
    texts = column.texts
    outputs = target if target.shape[1] != 2 else target[:, 1:]
    means, overall = _means(texts, outputs, np.ones(len(outputs), bool))
    used = np.flatnonzero(np.bincount(texts.codes[texts.codes >= 0], minlength=len(texts.dictionary)))
    order = sorted(used.tolist(), key=lambda code: texts.dictionary[code])
    spec = _spec(column, "target", [texts.dictionary[code] for code in order])
    spec |= {
        "width": outputs.shape[1],
        "values": means[order].tolist(),
        "default": overall.tolist(),
    }
    fold = np.random.default_rng(None if seed is None else [seed, FOLD_STREAM]).integers(0, FOLDS, len(outputs))
    own = np.empty_like(outputs)
    for number in range(FOLDS):
        held = fold == number
        others, rest = _means(texts, outputs, ~held)
        own[held] = np.vstack([others, rest])[texts.codes[held]]
    return spec, own


def _means(
    texts: TextValues, outputs: NDArray[np.float64], rows: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return each category's shrunken mean, and the overall one.

    The shrinkage is the empirical Bayes estimate of Micci-Barreca (2001), as in scikit-learn's TargetEncoder: the
    weight of a category's own mean is n / (n + var_within / var_overall).
    """
    rows = rows & (texts.codes >= 0)
    codes, values = texts.codes[rows], outputs[rows]
    size = len(texts.dictionary)
    overall = values.mean(axis=0) if len(values) else outputs.mean(axis=0)
    variance = values.var(axis=0) if len(values) else np.zeros(outputs.shape[1])
    counts = np.bincount(codes, minlength=size)
    means = np.empty((size, outputs.shape[1]))
    for j in range(outputs.shape[1]):
        sums = np.bincount(codes, values[:, j], minlength=size)
        squares = np.bincount(codes, values[:, j] ** 2, minlength=size)
        mean = np.divide(sums, counts, out=np.full(size, overall[j]), where=counts > 0)
        within = np.divide(squares, counts, out=np.zeros(size), where=counts > 0) - mean**2
        ratio = np.maximum(within, 0.0) / variance[j] if variance[j] > 0 else np.zeros(size)
        weight = np.divide(counts, counts + ratio, out=np.zeros(size), where=counts > 0)
        means[:, j] = weight * mean + (1.0 - weight) * overall[j]
    return means, overall
