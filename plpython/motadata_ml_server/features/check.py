"""What is to be predicted, before it is encoded: it has every feature, of the type that the model was trained on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from motadata_ml_server.columns import ColumnTable
from motadata_ml_server.errors import InvalidInputError
from motadata_ml_server.features.kinds import KINDS
from motadata_ml_server.features.plan_column import PlanColumn
from motadata_ml_server.features.trained_types import as_trained


def check_table(columns: Sequence[PlanColumn], table: ColumnTable) -> ColumnTable:
    """Return a table in the types of the training; refuse one whose columns do not suit the model.

    Parameters
    ----------
    columns : sequence of PlanColumn
        What the model takes.
    table : ColumnTable
        Rows to predict; columns that the model does not take are ignored.

    Raises
    ------
    InvalidInputError
        If features are missing, do not convert to the type of the training, or hold infinite numbers.
    """
    absent = missing_features(columns, table.columns)
    if absent is not None:
        raise absent
    suited = as_trained(columns, table)
    for column in columns:
        KINDS[column.kind].check(column, suited.columns[column.name])
    return suited


def missing_features(columns: Sequence[PlanColumn], row: Mapping[str, Any]) -> InvalidInputError | None:
    """Return the error that lists every feature a row lacks, None where it lacks none.

    Parameters
    ----------
    columns : sequence of PlanColumn
        What the model takes.
    row : mapping
        Feature values by name.

    Returns
    -------
    InvalidInputError or None
        To be raised by the caller.
    """
    absent = [column.name for column in columns if column.name not in row]
    if not absent:
        return None
    names = ", ".join(map(repr, absent))
    return InvalidInputError(
        f"input lacks the feature{'s' if len(absent) > 1 else ''} {names}",
        hint="Pass every feature; pass null for a value that is unknown.",
    )


def array_splitter(columns: Sequence[PlanColumn]) -> Callable[[Sequence[Any]], dict[str, Any]]:
    """Return the function that gives the numbers of a positional input to their features.

    Parameters
    ----------
    columns : sequence of PlanColumn
        What the model takes, in order.

    Returns
    -------
    callable
        From numbers, of which a vector feature takes as many as its size, to values by feature name; raising
        InvalidInputError if the model has features that are not numeric, or the length is another.
    """
    texts: list[str] = []
    parts: list[tuple[str, slice, Callable[[Sequence[Any]], Any]]] = []
    expected = 0
    for column in columns:
        kind = KINDS[column.kind]
        size = kind.array_size(column)
        if size is None:
            texts.append(column.name)
        else:
            parts.append((column.name, slice(expected, expected + size), kind.from_array))
            expected += size

    def split(values: Sequence[Any]) -> dict[str, Any]:
        if texts:
            raise InvalidInputError(
                f"an array suits only models whose features are all numeric; {', '.join(map(repr, texts))} "
                f"{'are' if len(texts) > 1 else 'is'} not",
                hint="Pass the features by name, as in to_jsonb(t) or jsonb_build_object('name', value, ...).",
            )
        if len(values) != expected:
            raise InvalidInputError(
                f"the array must have {expected} numbers, got {len(values)}",
                hint=f"Pass them in this order: {', '.join(name for name, _, _ in parts)}.",
            )
        return {name: value_of(values[part]) for name, part, value_of in parts}

    return split
