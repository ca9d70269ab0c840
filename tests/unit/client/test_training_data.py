"""Training data that cannot be trained on is refused before any connection is used."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from motadata_ml import errors
from motadata_ml._operations.settings import Settings
from motadata_ml._operations.training import Training, read_rows, train_model

X = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": ["x", "y", "z"]})


@pytest.mark.parametrize(
    ("data", "kind", "match"),
    [
        ((X, [1, 2]), errors.InvalidArgumentError, "same length, got 3 and 2"),
        ((X, [1.0, np.nan, 2.0]), errors.InvalidTargetError, "1 missing values"),
        ((X, ["u", None, "v"]), errors.InvalidTargetError, "1 missing values"),
        ((X, [1.0, np.inf, 2.0]), errors.InvalidTargetError, "1 infinite values"),
        ((X, pd.Series([1, "a", 2], dtype=object)), errors.InvalidTargetError, "several types"),
        ((X, [[1], [2], [3]]), errors.InvalidTargetError, "lists"),
        ((X, [1, 2, 3], [1, 2, 3]), errors.InvalidArgumentError, "tuple of 3"),
        (("table", "column"), errors.InvalidArgumentError, "inside a tuple"),
        ((X.iloc[:0], []), errors.InsufficientDataError, "no rows"),
        ((X.assign(a=[1.0, np.inf, 2.0]), [1, 2, 3]), errors.UnsupportedColumnError, "infinite"),
        (
            (X.assign(b=pd.Series([1, "x", None], dtype=object)), [1, 2, 3]),
            errors.UnsupportedColumnError,
            "several types",
        ),
    ],
)
def test_bad_data_is_a_typed_error_with_a_remedy(data: Any, kind: type[errors.MLError], match: str) -> None:
    with pytest.raises(kind, match=match) as caught:
        read_rows(data, None, "training_data")
    assert caught.value.hint


def test_target_keeps_its_name_unless_a_feature_has_it() -> None:
    assert read_rows((X, pd.Series([1, 2, 3], name="c")), None, "d").target == "c"
    assert read_rows((X, [1, 2, 3]), None, "d").target == "target"
    assert read_rows((X, pd.Series([1, 2, 3], name="a")), None, "d").target == "target_0"


def test_unknown_target_column_names_the_known_ones() -> None:
    with pytest.raises(errors.ColumnNotFoundError, match="'nope'") as caught:
        read_rows(X, "nope", "training_data")
    assert "'a'" in (caught.value.hint or "")


def test_unknown_feature_is_refused() -> None:
    with pytest.raises(errors.ColumnNotFoundError, match="'q'"):
        train_model(Settings(), Training("m", "classification", (X, [1, 2, 3]), options={"features": ["a", "q"]}))


def test_validation_data_without_a_column_is_refused() -> None:
    with pytest.raises(errors.ColumnNotFoundError, match="validation_data lacks the columns 'b'"):
        train_model(
            Settings(),
            Training("m", "classification", (X, [1, 2, 3]), validation_data=(X[["a"]], [1, 2, 3])),
        )


@pytest.mark.parametrize("limit", [0, 511, "2048", True, 1.5])
def test_memory_limit_below_the_least_is_refused(limit: Any) -> None:
    with pytest.raises(errors.InvalidArgumentError, match="max_memory_mb"):
        Settings(max_memory_mb=limit)


def test_cache_without_get_and_set_is_refused() -> None:
    with pytest.raises(errors.InvalidArgumentError, match="cache must be"):
        Settings(cache=[])
