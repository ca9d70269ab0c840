"""Intervals and sets hold as many rows as their level says, over real tables and many splits of each."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn import datasets

from motadata_ml_server.columns import Column, ColumnSchema, ColumnTable, TextValues
from motadata_ml_server.training.specification import TrainingSpec
from motadata_ml_server.worker.fit import fit

pytestmark = pytest.mark.slow

SPLITS = 50
LEVEL = 0.9
Array = NDArray[np.float64]


def tables() -> Iterator[tuple[str, str, Array, NDArray[Any]]]:
    """Yield name, model type, features and target of the measured tables that come with scikit-learn.

    Several of their measurements are predicted from the others: targets that are skewed, discrete and heavy-tailed.
    """
    diabetes, wine = datasets.load_diabetes(), datasets.load_wine()
    cancer, iris, digits = datasets.load_breast_cancer(), datasets.load_iris(), datasets.load_digits()
    yield "diabetes", "regression", diabetes.data, diabetes.target
    for name, column in (("bmi", 2), ("pressure", 3), ("s1", 4), ("s4", 7), ("s5", 8), ("s6", 9)):
        yield f"diabetes {name}", "regression", np.delete(diabetes.data, column, 1), diabetes.data[:, column]
    for column in (0, 1, 6, 9):
        yield f"wine {wine.feature_names[column]}", "regression", np.delete(wine.data, column, 1), wine.data[:, column]
    for column in (0, 3, 13, 27):
        rest = np.delete(cancer.data, column, 1)[:, ::3]
        yield f"cancer {cancer.feature_names[column]}", "regression", rest, cancer.data[:, column]
    yield "iris petal length", "regression", iris.data[:, :2], iris.data[:, 2]
    yield "cancer", "classification", cancer.data[:, :6], cancer.target
    yield "wine", "classification", wine.data[:, :4], wine.target
    yield "iris", "classification", iris.data[:, :2], iris.target
    yield "digits", "classification", digits.data[:, 8:40], digits.target


TABLES = {name: (task, x, y) for name, task, x, y in tables()}


def columns_of(task: str, x: Array, y: NDArray[Any]) -> ColumnTable:
    columns = {
        f"x{at}": Column(ColumnSchema(f"x{at}", "number", "float8"), np.ascontiguousarray(x[:, at]))
        for at in range(x.shape[1])
    }
    if task == "regression":
        target = Column(ColumnSchema("y", "number", "float8"), y.astype(np.float64))
    else:
        names, codes = np.unique(y.astype(str), return_inverse=True)
        target = Column(ColumnSchema("y", "text", "text"), TextValues(codes.astype(np.int32), names.tolist()))
    return ColumnTable(len(y), {**columns, "y": target})


def measured(task: str, table: ColumnTable, test_size: float, seed: int) -> dict[str, Any]:
    schemas = {name: column.schema for name, column in table.columns.items()}
    target = schemas.pop("y")
    spec = TrainingSpec(
        model_type=task,
        algorithm="LinearRegression" if task == "regression" else "LogisticRegression",
        hyperparameters={},
        features=list(schemas.values()),
        group=None,
        weight=None,
        target=target,
        label_type="text" if task == "classification" else None,
        test_size=test_size,
        split=None,
        cv=None,
        search=None,
        preprocess={},
        random_state=seed,
        threads=1,
        max_memory_mb=4096,
        intervals={"levels": [LEVEL], "method": "auto"},
    )
    told: dict[str, Any] = fit(spec, table, None, lambda *_: None).metrics["intervals"]  # type: ignore[assignment]
    return told


def test_there_are_twenty_tables() -> None:
    assert len(TABLES) == 20


@pytest.mark.parametrize("name", TABLES)
def test_coverage_lies_within_the_binomial_bounds(name: str) -> None:
    task, x, y = TABLES[name]
    table = columns_of(task, x, y)
    found = [measured(task, table, 0.7 if len(y) < 300 else 0.4, seed) for seed in range(SPLITS)]
    assert {told["residuals"] for told in found} == {"held_out"}
    n, m = found[0]["n_calibrated"], found[0]["n_verified"]
    coverage = float(np.mean([told["levels"][0]["coverage"] for told in found]))
    # the halves are drawn by chance, so whatever the rows are a split's coverage has the mean LEVEL to LEVEL + 1/(n+1),
    # and about the variance of two binomial shares, that of the rows that calibrate and that of those that verify
    spread = math.sqrt(LEVEL * (1 - LEVEL) * (1 / n + 1 / m) / SPLITS)
    print(f"| {name} | {task} | {len(y)} | {n} | {m} | {found[0]['method']} | {coverage:.4f} | {3 * spread:.4f} |")
    assert coverage > LEVEL - 3 * spread
    if task == "regression":  # sets always hold the most probable label, and so may hold more
        assert coverage < LEVEL + 1 / (n + 1) + 3 * spread
