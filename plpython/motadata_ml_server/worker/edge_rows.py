"""Rows on which a compiled form must agree too: NULLs, values never seen, extremes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.columns import Column, ColumnTable, TextValues

ROWS_PER_COLUMN = 5
"""How many ordinary rows each change of a column is tried on."""

MAX_COLUMNS = 100
"""So many columns are changed one by one; all of them at once as well."""

UNSEEN = "a value that training has not seen"


def unusual_rows(table: ColumnTable, names: list[str]) -> ColumnTable:
    """Return altered copies of a table's first rows.

    Parameters
    ----------
    table : ColumnTable
        Ordinary rows.
    names : list of str
        The features to alter.

    Returns
    -------
    ColumnTable
        For each feature rows in which it is NULL, then rows in which it is unseen or extreme; in the end rows in which
        all are.
    """
    base = table.select(names).take(np.arange(min(ROWS_PER_COLUMN, table.rows)))
    changed = [{name} for name in names[:MAX_COLUMNS]] + [set(names)]
    variants = [(columns, how) for columns in changed for how in (_null, _strange)]
    count = base.rows
    columns = {}
    for name in names:
        column = base.columns[name]
        pieces = [how(column) if name in altered else column for altered, how in variants]
        columns[name] = Column(column.schema, _joined(pieces))
    return ColumnTable(count * len(variants), columns)


def _null(column: Column) -> Column:
    if isinstance(column.values, TextValues):
        codes = np.full(len(column.values), -1, dtype=np.int32)
        return Column(column.schema, TextValues(codes, column.values.dictionary))
    return Column(column.schema, np.full_like(column.values, np.nan))


def _strange(column: Column) -> Column:
    if isinstance(column.values, TextValues):
        dictionary = [*column.values.dictionary, UNSEEN]
        codes = np.full(len(column.values), len(dictionary) - 1, dtype=np.int32)
        return Column(column.schema, TextValues(codes, dictionary))
    if column.schema.kind == "boolean":
        return column
    return Column(column.schema, column.values * 1e3 + 1.0)


def _joined(pieces: list[Column]) -> NDArray[np.float64] | TextValues:
    if isinstance(pieces[0].values, TextValues):
        dictionary = max((piece.texts.dictionary for piece in pieces), key=len)
        return TextValues(np.concatenate([piece.texts.codes for piece in pieces]), dictionary)
    return np.concatenate([piece.numbers for piece in pieces])
