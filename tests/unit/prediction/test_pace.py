"""Pieces of rows: all of them, in order, and none that takes long."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from motadata_ml_server.columns import Column, ColumnSchema, ColumnTable
from motadata_ml_server.prediction import pace as module
from motadata_ml_server.prediction.pace import MOST_SECONDS, Pace
from motadata_ml_server.prediction.predictions import BatchPrediction


class Slow:
    """A model whose clock goes on by so much for each call and each row."""

    def __init__(self, call: float, row: float) -> None:
        self.call, self.row, self.now = call, row, 0.0
        self.sizes: list[int] = []
        self.times: list[float] = []

    def batch(self, table: ColumnTable, threads: int = 1) -> BatchPrediction:
        self.sizes.append(table.rows)
        self.times.append(self.call + self.row * table.rows)
        self.now += self.times[-1]
        return BatchPrediction(values=table.columns["x"].numbers * 2.0)

    def perf_counter(self) -> float:
        return self.now


def table_of(rows: int) -> ColumnTable:
    return ColumnTable(rows, {"x": Column(ColumnSchema("x", "number", "double precision"), np.arange(float(rows)))})


@pytest.mark.parametrize(("call", "row"), [(0.0, 0.0), (1e-4, 1e-6), (0.0, 1e-3), (0.3, 1e-5), (0.01, 0.004)])
def test_pieces_are_all_rows_and_none_takes_long(monkeypatch: pytest.MonkeyPatch, call: float, row: float) -> None:
    model: Any = Slow(call, row)
    monkeypatch.setattr(module, "time", model)
    pace, breaths = Pace(model), []
    for rows in (3, 20_000, 1, 7_000):
        found = pace.whole(table_of(rows), ["x"], lambda: breaths.append(1))
        assert found.values is not None
        assert found.values.tolist() == (2.0 * np.arange(rows)).tolist()
    assert len(breaths) == len(model.sizes)
    assert max(model.times) - call <= 1.05 * max(MOST_SECONDS, module.GROWTH * row)
    if row < 1e-4:
        assert len(model.sizes) < 25, "a call that takes long whatever its rows are is not made for a few"
