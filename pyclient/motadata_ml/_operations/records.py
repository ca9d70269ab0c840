"""Packed prediction records, as they come from the server, into arrays."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_FIXED = np.dtype([("value", ">f8"), ("confidence", ">f8"), ("code", ">i4")])
_ARRAY_HEADER_BYTES = 20


@dataclass(frozen=True)
class Records:
    """Predictions of many rows.

    Attributes
    ----------
    predictions : sequence
        Native values.
    probabilities : ndarray of float64, shape (rows, classes), or None
        Of each class.
    confidence : ndarray of float64, shape (rows,), or None
        The highest of them.
    """

    predictions: Sequence[Any]
    probabilities: NDArray[np.float64] | None
    confidence: NDArray[np.float64] | None


def decode(
    chunks: Sequence[Mapping[str, Any]], model_type: str, label_type: str | None, classes: Sequence[str]
) -> Records:
    """Return packed records as arrays.

    Parameters
    ----------
    chunks : sequence of mapping
        Each with ``rows``, ``records``, ``shares`` where there are probabilities and, for anomalies, ``texts``.
    model_type, label_type : str
        The model's.
    classes : sequence of str
        Its classes; codes count from 1.
    """
    if not chunks:
        return Records([], None, None)
    packed = np.concatenate([np.frombuffer(chunk["records"], dtype=_FIXED) for chunk in chunks])
    probabilities = None
    if any(chunk["shares"] is not None for chunk in chunks):
        probabilities = np.concatenate([_shares(chunk, len(classes)) for chunk in chunks])
    confidence = packed["confidence"].astype(np.float64)
    predictions: Sequence[Any]
    if model_type == "classification":
        labels = [None, *(native(label, label_type) for label in classes)]
        predictions = [labels[code] for code in packed["code"].tolist()]
    elif model_type == "regression":
        predictions = _numbers(packed["value"].astype(np.float64))
    elif model_type == "clustering":
        predictions = [None if value is None else int(value) for value in _numbers(packed["value"].astype(np.float64))]
    else:
        texts = [text for chunk in chunks for text in chunk["texts"] or ()]
        predictions = [None if text is None else json.loads(text) for text in texts]
    return Records(predictions, probabilities, None if np.isnan(confidence).all() else confidence)


def native(label: str, label_type: str | None) -> Any:
    """Return a class label as what it was in the table.

    Parameters
    ----------
    label : str
        Its text in PostgreSQL.
    label_type : str or None
        ``text``, ``integer``, ``boolean`` or ``number``.
    """
    if label_type == "integer":
        return int(label)
    if label_type == "boolean":
        return label in {"true", "t"}
    if label_type == "number":
        return float(label)
    return label


def label_text(label: Any) -> str | None:
    """Return a class label as an argument of type text, None for none."""
    if label is None:
        return None
    return str(label).lower() if isinstance(label, bool | np.bool_) else str(label)


def _numbers(values: NDArray[np.float64]) -> list[float | None]:
    """Return numbers as Python's, None for what the server could not tell."""
    if not np.isnan(values).any():
        found: list[float | None] = values.tolist()
        return found
    return [None if value != value else value for value in values.tolist()]  # noqa: PLR0124 - NaN differs from itself


def _shares(chunk: Mapping[str, Any], classes: int) -> NDArray[np.float64]:
    """Return the probabilities of a run of rows, NaN in the rows without a prediction."""
    if chunk["shares"] is None:
        return np.full((chunk["rows"], classes), np.nan)
    row = np.dtype([("header", f"V{_ARRAY_HEADER_BYTES}"), ("items", [("size", ">i4"), ("share", ">f8")], (classes,))])
    return np.frombuffer(chunk["shares"], dtype=row)["items"]["share"].astype(np.float64)
