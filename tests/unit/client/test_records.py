"""Packed predictions become arrays and native values."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest

from motadata_ml._operations.records import decode, native

Record = tuple[float, float, int, list[float] | None]


def _shares(shares: list[float]) -> bytes:
    header = struct.pack(">iiiii", 1, 0, 701, len(shares), 1)
    return header + b"".join(struct.pack(">id", 8, share) for share in shares)


def _chunk(*records: Record) -> dict[str, Any]:
    packed = b"".join(struct.pack(">ddi", *record[:3]) for record in records)
    shares = [record[3] for record in records if record[3] is not None]
    together = b"".join(map(_shares, shares)) if shares else None
    return {"rows": len(records), "records": packed, "shares": together, "texts": None}


def test_codes_become_labels_and_shares_stay_in_order() -> None:
    chunks = [_chunk((0, 0.7, 2, [0.3, 0.7])), _chunk((0, 0.9, 1, [0.9, 0.1]))]
    found = decode(chunks, "classification", "integer", ["10", "20"])
    assert found.predictions == [20, 10]
    assert found.probabilities is not None
    assert found.probabilities.tolist() == [[0.3, 0.7], [0.9, 0.1]]
    assert found.confidence is not None
    assert found.confidence.tolist() == [0.7, 0.9]


def test_run_without_any_prediction_has_no_probabilities_among_others() -> None:
    nan = float("nan")
    chunks = [_chunk((nan, nan, 0, None)), _chunk((0, 0.9, 1, [0.9, 0.1]))]
    found = decode(chunks, "classification", "text", ["a", "b"])
    assert found.predictions == [None, "a"]
    assert found.probabilities is not None
    assert np.isnan(found.probabilities[0]).all()
    assert found.probabilities[1].tolist() == [0.9, 0.1]


def test_values_that_are_not_there_are_none() -> None:
    nan = float("nan")
    labels = decode([_chunk((nan, nan, 0, None))], "classification", "text", ["a"])
    assert (labels.predictions, labels.probabilities, labels.confidence) == ([None], None, None)
    numbers = decode([_chunk((nan, nan, 0, None), (1.5, nan, 0, None))], "regression", None, [])
    assert numbers.predictions == [None, 1.5]


def test_no_rows_are_no_predictions() -> None:
    assert decode([], "regression", None, []).predictions == []


def test_clusters_are_whole_numbers() -> None:
    found = decode([_chunk((3.0, np.nan, 0, None))], "clustering", None, [])
    assert found.predictions == [3]
    assert type(found.predictions[0]) is int
    assert decode([_chunk((np.nan, np.nan, 0, None))], "clustering", None, []).predictions == [None]


@pytest.mark.parametrize(
    ("text", "label_type", "value"),
    [
        ("7", "integer", 7),
        ("true", "boolean", True),
        ("false", "boolean", False),
        ("1.5", "number", 1.5),
        ("x", "text", "x"),
    ],
)
def test_label_gets_its_own_type_back(text: str, label_type: str, value: Any) -> None:
    assert native(text, label_type) == value
    assert type(native(text, label_type)) is type(value)
