"""A linear model's scores of single rows, by the compiled loops."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, TypeAlias

import numpy as np

from motadata_ml_server.features.category import category_reader
from motadata_ml_server.features.plan_column import PlanColumn
from motadata_ml_server.prediction.runtimes.linear_model import LinearModel
from motadata_ml_server.prediction.runtimes.linear_row import LinearRow, category_shares, column_share

Row: TypeAlias = Mapping[str, Any] | Sequence[Any]


def compiled_scores(columns: Sequence[PlanColumn], model: LinearModel, loops: Any) -> Callable[[Row], list[float]]:
    """Return the function from a row to its scores, which are `LinearRow`'s to the last bit.

    Numbers come first, as there, so that sums have one order. A row with an unusual value goes to `LinearRow`, which is
    made when the first such row comes.

    Parameters
    ----------
    columns : sequence of PlanColumn
        The feature plan.
    model : LinearModel
        The model over the encoded features.
    loops : module
        A form of the hot loops.
    """
    ordered = sorted(columns, key=lambda column: not column.one_number)
    plainly = loops.LinearRow([_share(column, model) for column in ordered], model.intercepts).scores
    careful = cache(lambda: LinearRow(columns, model).scores)

    def scores(row: Row) -> list[float]:
        found: list[float] | None = plainly(row)
        return careful()(row) if found is None else found

    return scores


def _share(column: PlanColumn, model: LinearModel) -> tuple[Any, ...]:
    block = model.weights[:, column.part]
    if column.one_number:
        shift = float(column.shift[0])
        # a missing value of a feature without weight must not make the score missing
        impute = float(column.impute[0]) if block.any() else shift
        return ("number", column.name, shift, impute, block[:, 0] / column.scale[0])
    if column.kind == "category" and category_reader(column)[1]:  # texts are looked up as they are
        shares, unknown = category_shares(column, block)
        codes = {category: at for at, category in enumerate(shares)}
        table = np.array([*shares.values(), unknown], dtype=np.float64)
        return ("category", column.name, codes, table, category_reader(column)[0])
    return ("call", column.name, column_share(column, block))
