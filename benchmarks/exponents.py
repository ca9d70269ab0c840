"""How cost grows: the slope of a line through the logarithms, and what it may be."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Growth:
    """A power law fitted to measurements: cost = constant * size ** exponent.

    Attributes
    ----------
    exponent : float
        0: the cost does not grow; 1: it grows as the size does. Least squares over the logarithms of all sizes.
    error : float
        The exponent's standard error; 0 for two sizes, where the line goes through both.
    last : float
        The slope between the two largest sizes alone, where fixed costs weigh the least.
    """

    exponent: float
    error: float
    last: float


@dataclass(frozen=True)
class Limit:
    """The most an exponent may be.

    Attributes
    ----------
    exponent : float
        For the slope over all sizes less twice its standard error.
    reason : str
        Why it is that.
    """

    exponent: float
    reason: str


LIMITS: dict[str, Limit] = {
    "read_rows": Limit(1.1, "every row is read once"),
    "train_rows": Limit(1.2, "every row is read once, then once an iteration of the solver, of which there are few"),
    "batch_rows": Limit(1.1, "every row is read, predicted and returned once"),
    "batch_rows_memory": Limit(0.5, "rows are predicted in chunks of one size"),
    "train_columns": Limit(1.2, "each column is read and encoded by itself; the solver's work is rows times columns"),
    "row_columns": Limit(1.1, "each number of a row is read and multiplied once"),
    "batch_columns": Limit(1.2, "each column is read by itself; wide tables lie in more pages"),
    "train_trees": Limit(1.1, "trees are grown one like another"),
    "row_trees": Limit(1.1, "each tree is walked once"),
    "batch_trees": Limit(1.1, "each tree is walked once a row"),
    "models_look_up": Limit(0.1, "the cache is a hash table and the look-up an index scan"),
    "models_memory": Limit(1.1, "each model takes its own memory once"),
    "sessions_cost": Limit(0.2, "sessions share nothing but the processors"),
    "sessions_memory": Limit(1.1, "each session takes its own memory"),
    "tenants_look_up": Limit(0.1, "tenant and model are one index scan, the role's right another"),
    "tenants_all_look_up": Limit(0.1, "the same for a role that may act for all tenants"),
}


def fit(costs: Mapping[float, float]) -> Growth:
    """Fit a power law to costs by size.

    Parameters
    ----------
    costs : mapping of size to cost
        Two sizes at the least, all positive.
    """
    points = sorted((math.log(size), math.log(cost)) for size, cost in costs.items())
    count = len(points)
    mean_x = sum(x for x, _ in points) / count
    mean_y = sum(y for _, y in points) / count
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    slope = sum((x - mean_x) * (y - mean_y) for x, y in points) / spread
    squares = sum((y - mean_y - slope * (x - mean_x)) ** 2 for x, y in points)
    error = math.sqrt(squares / (count - 2) / spread) if count > 2 else 0.0
    (x1, y1), (x2, y2) = points[-2:]
    return Growth(slope, error, (y2 - y1) / (x2 - x1))


def too_fast(figures: Mapping[str, float]) -> list[str]:
    """Say which of the exponents among some figures are greater than they may be, beyond twice their standard error."""
    found = []
    for what, limit in LIMITS.items():
        exponent = figures.get(f"scale_{what}_exponent")
        if exponent is not None and exponent - 2 * figures[f"scale_{what}_exponent_error"] > limit.exponent:
            error = figures[f"scale_{what}_exponent_error"]
            found.append(f"{what}: {exponent:.2f} +- {error:.2f}, at most {limit.exponent}: {limit.reason}")
    return found
