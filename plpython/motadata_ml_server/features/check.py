"""Checks of a table of rows to predict, before it is encoded."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from motadata_ml_server.columns import ColumnTable, TextValues
from motadata_ml_server.errors import InvalidInputError
from motadata_ml_server.features.layout import PlanColumn, missing_features


def check_table(columns: Sequence[PlanColumn], table: ColumnTable) -> None:
    """Refuse a table whose columns do not suit the model.

    Parameters
    ----------
    columns : sequence of PlanColumn
        What the model takes.
    table : ColumnTable
        Rows to predict; columns that the model does not take are ignored.

    Raises
    ------
    InvalidInputError
        If features are missing, travel as another kind, or hold infinite numbers.
    """
    absent = missing_features(columns, table.columns)
    if absent is not None:
        raise absent
    for column in columns:
        given = table.columns[column.name]
        wants_text = column.spec["source"] == "text"
        if wants_text != isinstance(given.values, TextValues):
            raise InvalidInputError(
                f"feature {column.name!r} was {column.spec['sql_type']} at training, got {given.schema.sql_type}",
                hint="Cast the column to the type the model was trained on.",
            )
        if isinstance(given.values, TextValues):
            continue
        size = column.spec.get("size")
        if column.kind == "vector" and (given.values.ndim != 2 or given.values.shape[1] != size):
            found = given.values.shape[1] if given.values.ndim == 2 else 1
            raise InvalidInputError(
                f"feature {column.name!r} must be an array of {size} numbers, got {found}",
                hint="Pass arrays of the length the model was trained on.",
            )
        if np.isinf(given.values).any():
            raise InvalidInputError(
                f"feature {column.name!r} must be a finite number, got an infinite one",
                hint="Replace infinite values, for example by null.",
            )
