"""How many threads the libraries with pools of their own take: BLAS, OpenMP, XGBoost, LightGBM.

On small data a second thread saves nothing, and its every meeting with the first waits until both have a core, which a
database server's other work may hold: gradient boosting on 150 rows took half a minute that way. joblib's threads take
whole trees or folds, meet once, and stay as many as were asked for.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from motadata_ml_server.algorithms import catalogue
from motadata_ml_server.training.specification import TrainingSpec

SMALL_ROWS: Final = 2_000
SMALL_CELLS: Final = 100_000
"""Data with fewer rows and fewer values than these are small. Kernel methods take time by the square of rows, so many
rows of few columns are not."""


SMALL_MATRIX: Final = 500_000
"""Up to so many numbers of an encoded matrix linear models and boosting are as fast on one thread as on several."""


def is_small(rows: int, columns: int) -> bool:
    """Tell whether a second thread has too little to do."""
    return rows < SMALL_ROWS and rows * columns < SMALL_CELLS


def of_pools(spec: TrainingSpec, rows: int) -> int:
    """Return how many threads a pool may have."""
    return 1 if is_small(rows, len(spec.features)) else spec.threads


def for_rows(spec: TrainingSpec, rows: int) -> TrainingSpec:
    """Return what to train with the threads that its rows are worth, where the estimator itself asks for them."""
    entry = catalogue.load().get(spec.algorithm)
    has_pool = entry is not None and entry.requires is not None
    return replace(spec, threads=of_pools(spec, rows)) if has_pool else spec


def threads_for(rows: int, width: int, allowed: int) -> int:
    """Return the threads for linear models and boosting on a matrix of so many rows and columns."""
    return 1 if rows * max(width, 1) < SMALL_MATRIX else allowed
