"""Typed columns: what a relation looks like once it has left PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

ColumnKind: TypeAlias = Literal["number", "boolean", "text", "timestamp", "vector"]
"""How a column travels.

number     float64, NaN for NULL (smallint .. numeric, interval and time in seconds)
boolean    float64, 0, 1 or NaN for NULL
text       dictionary-encoded strings (text, varchar, char, enum, uuid, ...)
timestamp  float64, seconds since 1970-01-01 00:00 UTC, NaN for NULL (date, timestamp, timestamptz)
vector     float64 of shape (rows, size), a row of NaN for NULL (numeric arrays, pgvector)
"""


@dataclass(frozen=True)
class ColumnSchema:
    """Name and type of one column.

    Attributes
    ----------
    name : str
        The column's exact name, mixed case kept.
    kind : ColumnKind
        How its values travel.
    sql_type : str
        The type's name in PostgreSQL, domains resolved.
    raw : bool
        Whether a text is what PostgreSQL's cast gives, not the canonical one: an id, or a value without a canonical
        text.
    label : bool
        Whether a text is to come back from a prediction: floating-point numbers keep all their digits.
    printed : bool
        Whether values come as JSON has them, as in one row: at prediction, in another type than at training.
    nulls : bool
        Whether an array may hold NULL elements, which become NaN.
    """

    name: str
    kind: ColumnKind
    sql_type: str
    raw: bool = False
    label: bool = False
    printed: bool = False
    nulls: bool = False


@dataclass(frozen=True)
class TextValues:
    """Dictionary-encoded strings.

    Attributes
    ----------
    codes : ndarray of int32, shape (rows,)
        Index into `dictionary`; -1 for NULL.
    dictionary : sequence of str
        The distinct strings, in order of first appearance.
    """

    codes: NDArray[np.int32]
    dictionary: Sequence[str]

    def __len__(self) -> int:
        return len(self.codes)

    def mapped(self, change: Callable[[str], str]) -> TextValues:
        """Return the values with each string changed; strings that become one have one code."""
        changed = [change(text) for text in self.dictionary]
        if changed == list(self.dictionary):
            return self
        position: dict[str, int] = {}
        codes = np.array([position.setdefault(text, len(position)) for text in changed] + [-1], np.int32)
        return TextValues(codes[self.codes], list(position))


@dataclass(frozen=True)
class Column:
    """One column with its values.

    Attributes
    ----------
    schema : ColumnSchema
        Name, kind and SQL type.
    values : ndarray of float64 or TextValues
        As `ColumnKind` describes.
    """

    schema: ColumnSchema
    values: NDArray[np.float64] | TextValues

    @property
    def numbers(self) -> NDArray[np.float64]:
        """The values of a column that is not text."""
        if isinstance(self.values, TextValues):
            raise TypeError(f"column {self.schema.name!r} holds text")
        return self.values

    @property
    def texts(self) -> TextValues:
        """The values of a text column."""
        if not isinstance(self.values, TextValues):
            raise TypeError(f"column {self.schema.name!r} holds numbers")
        return self.values

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> Column:
        """Return the column restricted to some rows.

        Parameters
        ----------
        rows : ndarray of int or bool
            Row positions, or a mask of length `rows`.
        """
        if isinstance(self.values, TextValues):
            return Column(self.schema, TextValues(self.values.codes[rows], self.values.dictionary))
        return Column(self.schema, self.values[rows])


@dataclass(frozen=True)
class ColumnTable:
    """Columns of one length, by name, in the order of the relation.

    Attributes
    ----------
    rows : int
        Number of rows.
    columns : mapping of str to Column
        Values by column name.
    """

    rows: int
    columns: Mapping[str, Column]

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> ColumnTable:
        """Return the table restricted to some rows."""
        count = int(np.count_nonzero(rows)) if rows.dtype == np.bool_ else len(rows)
        return ColumnTable(count, {name: column.take(rows) for name, column in self.columns.items()})

    def select(self, names: Sequence[str]) -> ColumnTable:
        """Return the table restricted to some columns, in the order given."""
        return ColumnTable(self.rows, {name: self.columns[name] for name in names})
