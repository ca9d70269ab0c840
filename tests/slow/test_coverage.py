"""Intervals and sets hold as many rows as their level says, over real tables and many splits of each."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import psycopg
import pytest
from numpy.typing import NDArray
from sklearn import datasets

pytestmark = pytest.mark.slow

SPLITS = 50
LEVEL = 0.9
Session = psycopg.Connection[Any]


def tables() -> Iterator[tuple[str, str, NDArray[np.float64], NDArray[Any]]]:
    """Yield name, model type, features and target: the measured tables of scikit-learn, each by its own columns.

    Diabetes and wine also predict some of their own measurements, which makes tables of other shapes: skewed, discrete,
    heavy-tailed.
    """
    diabetes, wine = datasets.load_diabetes(), datasets.load_wine()
    cancer, iris, digits = datasets.load_breast_cancer(), datasets.load_iris(), datasets.load_digits()
    yield "diabetes", "regression", diabetes.data, diabetes.target
    for name, column in (("bmi", 2), ("pressure", 3), ("s1", 4), ("s4", 7), ("s5", 8), ("s6", 9)):
        yield f"diabetes {name}", "regression", np.delete(diabetes.data, column, 1), diabetes.data[:, column]
    for column in (0, 1, 6, 9):
        yield f"wine {column}", "regression", np.delete(wine.data, column, 1), wine.data[:, column]
    for column in (0, 3, 13, 27):
        rest = np.delete(cancer.data, column, 1)[:, ::3]
        yield f"cancer {column}", "regression", rest, cancer.data[:, column]
    yield "petals", "regression", iris.data[:, :2], iris.data[:, 2]
    yield "cancer", "classification", cancer.data[:, :6], cancer.target
    yield "wine", "classification", wine.data[:, :4], wine.target
    yield "iris", "classification", iris.data[:, :2], iris.target
    yield "digits", "classification", digits.data[:, 8:40], digits.target


TABLES = {name: (task, x, y) for name, task, x, y in tables()}


def test_there_are_twenty_tables() -> None:
    assert len(TABLES) == 20


@pytest.mark.parametrize("name", TABLES)
def test_coverage_lies_within_the_binomial_bounds(db: Session, name: str) -> None:
    task, x, y = TABLES[name]
    db.execute(
        "create table measured (x float8[], y float8)"
        if task == "regression"
        else "create table measured (x float8[], y text)"
    )
    with db.cursor().copy("copy measured from stdin") as copy:
        for row, value in zip(x.tolist(), y.tolist(), strict=True):
            copy.write_row((row, value))
    algorithm = "linear" if task == "regression" else "logistic_regression"
    db.execute("set client_min_messages = error")
    held, rows, calibrated = 0.0, 0, set()
    for seed in range(SPLITS):
        found = db.execute(
            "select metrics -> 'intervals' from ml.train('m', %s, 'measured', 'y', algorithm => %s, test_size => 0.4, "
            "random_state => %s, intervals => '{\"levels\": [0.9]}')",
            [task, algorithm, seed],
        ).fetchone()
        assert found is not None
        told = found[0]
        held += told["levels"][0]["coverage"] * told["n_verified"]
        rows += told["n_verified"]
        calibrated.add(told["n_calibrated"])
    # each split's coverage varies with the rows that verify and with those that calibrated; rows come back in several
    # splits, so that as many independent ones are counted as a table has
    independent = min(rows, len(y))
    spread = math.sqrt(LEVEL * (1 - LEVEL) * (1 / independent + 1 / (SPLITS * min(calibrated))))
    coverage = held / rows
    print(f"{name}: {coverage:.4f} of {rows} rows, {SPLITS} splits, {min(calibrated)} calibrate, +-{3 * spread:.4f}")
    assert coverage > LEVEL - 3 * spread
    over = 1 / (min(calibrated) + 1)
    if task == "regression":
        assert coverage < LEVEL + over + 3 * spread
