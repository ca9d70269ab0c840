"""Which rows are held out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from motadata_ml_server.columns import Column, ColumnSchema, ColumnTable
from motadata_ml_server.errors import InsufficientDataError
from motadata_ml_server.training.specification import TrainingSpec
from motadata_ml_server.worker.splits import Split, split_rows


def spec(split: str | None, test_size: float = 0.2, seed: int | None = 0) -> TrainingSpec:
    return TrainingSpec(
        model_type="classification",
        algorithm="Ridge",
        hyperparameters={},
        features=[],
        group=None,
        weight=None,
        target=None,
        label_type=None,
        test_size=test_size,
        split=split,
        cv=None,
        search=None,
        preprocess={},
        random_state=seed,
        threads=1,
        max_memory_mb=1000,
    )


def divide(split: str | None, rows: int, codes: NDArray[np.intp] | None = None, **more: Any) -> Split:
    numbers = more.pop("numbers", np.arange(rows, dtype=np.float64))
    column = Column(ColumnSchema("k", "number", "integer"), numbers)
    return split_rows(spec(split, **more), ColumnTable(rows, {"k": column}), codes)


@given(st.lists(st.integers(0, 4), min_size=5, max_size=200), st.floats(0.05, 0.6))
def test_every_row_is_on_one_side_and_every_class_stays_in_training(classes: list[int], share: float) -> None:
    codes = np.array(classes, dtype=np.intp)
    found = divide(None, len(codes), codes, test_size=share)
    assert set(codes[found.train]) == set(codes)
    assert len(found.test) >= 1
    assert found.held_out == (len(set(classes)) < len(classes))
    if found.held_out:
        assert sorted([*found.train, *found.test]) == list(range(len(codes)))


def test_classes_of_one_row_each_all_stay_in_training() -> None:
    found = divide(None, 5, np.arange(5, dtype=np.intp))
    assert not found.held_out
    assert found.notice


def test_stratified_split_keeps_the_shares_exactly() -> None:
    codes = np.repeat(np.arange(3), [500, 300, 200])
    found = divide("stratified", 1000, codes, test_size=0.1)
    assert np.bincount(codes[found.test]).tolist() == [50, 30, 20]


def test_time_split_holds_out_the_last_rows() -> None:
    moments = np.random.default_rng(0).permutation(100).astype(float)
    found = divide("time:k", 100, numbers=moments)
    assert moments[found.test].min() > moments[found.train].max()
    assert len(found.test) == 20


def test_column_split_holds_out_the_marked_rows() -> None:
    marks = (np.arange(10) % 5 == 0).astype(float)
    assert divide("column:k", 10, numbers=marks).test.tolist() == [0, 5]
    with pytest.raises(InsufficientDataError):
        divide("column:k", 10, numbers=np.zeros(10))


@pytest.mark.parametrize(("split", "test_size", "rows"), [("none", 0.2, 100), (None, 0.0, 100), (None, 0.2, 4)])
def test_nothing_is_held_out_where_nothing_can_or_shall_be(split: str | None, test_size: float, rows: int) -> None:
    found = divide(split, rows, test_size=test_size)
    assert not found.held_out
    assert len(found.train) == len(found.test) == rows


def test_same_seed_splits_alike() -> None:
    first, second, other = (divide("random", 50, seed=seed).test.tolist() for seed in (3, 3, 4))
    assert first == second != other
