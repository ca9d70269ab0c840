"""Packed prediction records, as they come from the server, into arrays."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_FIXED = [("value", ">f8"), ("confidence", ">f8"), ("code", ">i4")]
_FIXED_BYTES = 20
_ARRAY_HEADER_BYTES = 20
_ARRAY_ITEM_BYTES = 12


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
        Each with ``rows``, ``records`` and, for anomalies, ``texts``.
    model_type, label_type : str
        The model's.
    classes : sequence of str
        Its classes; codes count from 1.
    """
    parts = [_chunk(bytes(chunk["records"]), chunk["rows"]) for chunk in chunks]
    if not parts:
        return Records([], None, None)
    packed = np.concatenate(parts)
    probabilities = None
    if "items" in (packed.dtype.names or ()):
        probabilities = packed["items"]["share"].astype(np.float64)
    confidence = packed["confidence"].astype(np.float64)
    predictions: Sequence[Any]
    if model_type == "classification":
        labels = [None, *(native(label, label_type) for label in classes)]
        predictions = [labels[code] for code in packed["code"].tolist()]
    elif model_type == "regression":
        predictions = _numbers(packed["value"].astype(np.float64))
    elif model_type == "clustering":
        predictions = packed["value"].astype(np.int64).tolist()
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


def _numbers(values: NDArray[np.float64]) -> list[float | None]:
    """Return numbers as Python's, None for what the server could not tell."""
    if not np.isnan(values).any():
        found: list[float | None] = values.tolist()
        return found
    return [None if value != value else value for value in values.tolist()]  # noqa: PLR0124 - NaN differs from itself


def _chunk(data: bytes, rows: int) -> NDArray[Any]:
    """Return one run of records; all have the same length."""
    width = len(data) // rows
    count = (width - _FIXED_BYTES - _ARRAY_HEADER_BYTES) // _ARRAY_ITEM_BYTES
    fields: list[Any] = list(_FIXED)
    if width > _FIXED_BYTES:
        fields += [
            ("header", f"V{_ARRAY_HEADER_BYTES}"),
            ("items", [("size", ">i4"), ("share", ">f8")], (count,)),
        ]
    return np.frombuffer(data, dtype=np.dtype(fields))
