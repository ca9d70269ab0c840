"""Columns of the input that are written beside its predictions.

The input is read once, into a temporary table: a query need not give its rows twice in the same order, nor the same
rows. The predictions are those of the temporary table, and each row finds its own by its number there.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from secrets import token_hex

from motadata_ml_server.errors import InvalidArgumentError
from motadata_ml_server.ingest.source import Source, explain, resolve
from motadata_ml_server.postgres.database import Database, DatabaseError
from motadata_ml_server.postgres.identifiers import quote_identifier

_SYSTEM = ("ctid", "xmin", "xmax", "cmin", "cmax", "tableoid")
_NUMBER = quote_identifier("motadata_ml row")


@dataclass(frozen=True)
class KeptColumns:
    """The input, put aside.

    Attributes
    ----------
    table : str
        The temporary table's quoted name; dropped at the end of the transaction if not before.
    names : tuple of str
        The columns that are kept, in order.
    id_name : str or None
        The column that names each row.
    """

    table: str
    names: tuple[str, ...]
    id_name: str | None

    @property
    def columns(self) -> dict[str, str]:
        """Name and expression of the kept columns and of the id, where that is another one."""
        kept = {name: f"s.{quote_identifier(name)}" for name in self.names}
        if "id" in kept:
            return kept
        own = "p.id" if self.id_name is None else f"s.{quote_identifier(self.id_name)}"
        return {"id": f"{own}::pg_catalog.text", **kept}

    @property
    def rows(self) -> str:
        """A FROM item: the columns of the input, and the number of each row.

        A temporary table is read front to back by one process, so that rows are numbered as ``ml.predict_batch`` does.
        """
        return f"(select input.*, pg_catalog.row_number() over () as {_NUMBER} from {self.table} as input) as s"  # noqa: S608 - quoted

    @property
    def joined(self) -> str:
        """The condition that gives each row its prediction."""
        return f"p.id operator(pg_catalog.=) s.{_NUMBER}"


def put_aside(
    db: Database, input_data: str, id_column: str | None, keep: Sequence[str | None], predicted: Collection[str]
) -> KeptColumns:
    """Read the input into a temporary table.

    Parameters
    ----------
    db : Database
        The caller's session; rows are read with its rights.
    input_data : str
        A table, a view or a SELECT.
    id_column : str or None
        A column that names each row.
    keep : sequence of str or None
        Names of columns; ``*`` stands for all.
    predicted : collection of str
        Names of the columns of predictions.

    Raises
    ------
    ColumnNotFoundError
        ML003: the input lacks a column.
    InvalidArgumentError
        ML009: a kept column has the name of one that is predicted.
    """
    source = resolve(db, input_data, "input_data")
    names = _names(source, keep, predicted)
    id_name = None if id_column is None else source.column(id_column, "id_column").name
    if "id" in names and id_name not in (None, "id"):
        raise InvalidArgumentError(
            f"keep has the column 'id', and id_column is {id_column!r}: the table can have one column of that name",
            hint="Leave out id_column, or rename the column in a SELECT.",
        )
    table = f"pg_temp.{quote_identifier('motadata_ml_' + token_hex(8))}"
    try:
        db.run(f"create temporary table {table} on commit drop as select * from (\n{source.query}\n) as input")  # noqa: S608 - checked
    except DatabaseError as error:
        raise explain(error, "input_data") from None
    return KeptColumns(table, names, id_name)


def _names(source: Source, keep: Sequence[str | None], predicted: Collection[str]) -> tuple[str, ...]:
    names: dict[str, None] = {}
    for wanted in keep:
        if wanted == "*":
            names |= dict.fromkeys(column.name for column in source.columns)
        else:
            names[source.column(wanted or "", "keep").name] = None
    system = [column.name for column in source.columns if column.name in _SYSTEM]
    if system:
        raise InvalidArgumentError(
            f"with keep, input_data cannot have the column {system[0]!r}: no column of a table may have the name",
            hint=f"Rename it in the SELECT that is input_data: {quote_identifier(system[0])} as input_{system[0]}.",
        )
    taken = [name for name in names if name in predicted]
    if taken:
        raise InvalidArgumentError(
            f"keep has the column {taken[0]!r}, a name that a column of predictions has",
            hint=f"Rename it in the SELECT that is input_data: {quote_identifier(taken[0])} as input_{taken[0]}.",
        )
    return tuple(names)
