"""How much a run measures: everything, or in four minutes what shows that something has become slower."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Effort:
    """Sizes and repetitions of a run.

    Attributes
    ----------
    mode : str
        Its name in the results.
    points, sample, flights : int
        Rows of the tables that all measurements share.
    rounds : int
        Of pairs whose sides take about a second; the best and the median of them count.
    long_rounds : int
        Of whole trainings, and of predicting all points.
    select_rows, naive_rows : int
        Rows that one SELECT predicts, by the product and by naive PL/Python.
    table_rows : sequence of int
        Sizes of the tables that are predicted into a table.
    table_rounds : int
        Of each such size up to 100,000 rows; larger ones are predicted once.
    clients : sequence of int
        Clients of the point queries.
    load_seconds, load_rounds : int
        How long each load of point queries lasts, and how often.
    choose_workers : bool
        Whether each service is tried with one worker and with one a core; if not, it has one a core.
    cancels : int
        Trainings that are cancelled.
    growing : mapping of str to sequence of int
        Sizes whose growth of cost is measured, by what grows.
    growing_rounds : int
        Of each such size up to 100,000 rows.
    standbys : bool
        Whether hot standbys are measured.
    """

    mode: str
    points: int
    sample: int
    flights: int
    rounds: int
    long_rounds: int
    select_rows: int
    naive_rows: int
    table_rows: Sequence[int]
    table_rounds: int
    clients: Sequence[int]
    load_seconds: int
    load_rounds: int
    choose_workers: bool
    cancels: int
    growing: Mapping[str, Sequence[int]]
    growing_rounds: int
    standbys: bool


FULL = Effort(
    mode="full",
    points=1_000_000,
    sample=100_000,
    flights=336_776,
    rounds=5,
    long_rounds=3,
    select_rows=100_000,
    naive_rows=1_000,
    table_rows=(10**3, 10**4, 10**5, 10**6, 10**7),
    table_rounds=3,
    clients=(1, 2, 4, 8, 16),
    load_seconds=3,
    load_rounds=2,
    choose_workers=True,
    cancels=20,
    growing={
        "rows": (10**4, 10**5, 10**6, 10**7),
        "columns": (10, 50, 100, 250, 500),
        "trees": (10, 30, 100, 300, 1000),
        "models": (1, 10, 50, 100, 500),
        "sessions": (1, 4, 10, 30, 100),
        "tenants": (1, 10, 100, 1000, 10_000),
    },
    growing_rounds=3,
    standbys=True,
)

QUICK = Effort(
    mode="quick",
    points=200_000,
    sample=20_000,
    flights=100_000,
    rounds=2,
    long_rounds=2,
    select_rows=20_000,
    naive_rows=300,
    table_rows=(10**3, 10**4, 10**5),
    table_rounds=1,
    clients=(1, 8),
    load_seconds=1,
    load_rounds=2,
    choose_workers=False,
    cancels=5,
    growing={
        "rows": (10**3, 10**4, 10**5),
        "columns": (10, 50, 100),
        "trees": (10, 30, 100),
        "models": (1, 10, 100),
        "sessions": (1, 2, 4, 8),
        "tenants": (1, 100, 1000),
    },
    growing_rounds=2,
    standbys=False,
)
