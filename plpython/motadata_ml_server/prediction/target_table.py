"""The table that predictions are written to, where it is there already."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from motadata_ml_server.errors import ColumnNotFoundError, InvalidArgumentError
from motadata_ml_server.postgres.database import Database

_FIND = """
select c.relkind::pg_catalog.text as kind, a.attname::pg_catalog.text as name,
    pg_catalog.format_type(a.atttypid, a.atttypmod) as type,
    a.atthasdef or a.attidentity operator(pg_catalog.<>) '' as filled
from pg_catalog.pg_class c
left join pg_catalog.pg_attribute a on a.attrelid operator(pg_catalog.=) c.oid
    and a.attnum operator(pg_catalog.>) 0 and not a.attisdropped
where c.oid operator(pg_catalog.=) pg_catalog.to_regclass($1)
order by a.attnum
"""

_TABLES: Final = ("r", "p")
_WRITABLE: Final = (*_TABLES, "v", "f")
"""What rows can be added to: tables, views that PostgreSQL can write through, and foreign tables."""


@dataclass(frozen=True)
class TargetTable:
    """A relation that is there.

    Attributes
    ----------
    argument : str
        Its name as the caller wrote it.
    kind : str
        Its ``relkind``.
    types : mapping of str to str
        The type of each column, in order.
    empty : tuple of str
        Columns that nothing fills where no value is given: no default, no identity, not generated.
    """

    argument: str
    kind: str
    types: Mapping[str, str]
    empty: tuple[str, ...]

    def check_mode(self, mode: str) -> None:
        """Refuse a mode that this relation does not take.

        Raises
        ------
        InvalidArgumentError
            ML009: it must not exist, or rows cannot be written or replaced there.
        """
        if mode == "create":
            raise InvalidArgumentError(
                f"target_table {self.argument!r} exists, and mode is create",
                hint="mode => 'append' adds the rows to it, mode => 'replace' puts them in place of those it has.",
            )
        if mode == "replace" and self.kind not in _TABLES:
            raise InvalidArgumentError(
                f"target_table {self.argument!r} is not a table, and mode is replace",
                hint="Name the table itself: what a view leaves out would stay.",
            )
        if self.kind not in _WRITABLE:
            raise InvalidArgumentError(
                f"target_table {self.argument!r} is neither a table nor a view", hint="Choose another name."
            )

    def fitted(self, columns: Mapping[str, str], *, whole: bool) -> dict[str, str]:
        """Return the expressions of columns as they can be written here.

        A predicted id is a text; it is cast where the table has it in another type.

        Parameters
        ----------
        columns : mapping of str to str
            Name and expression of each column.
        whole : bool
            Whether the table has to have all of them, and a value or a default for each of its own; where not,
            PostgreSQL decides (42703, 23502).

        Raises
        ------
        ColumnNotFoundError
            ML003: the table lacks a column.
        InvalidArgumentError
            ML009: the table has a column that would stay empty.
        """
        lacking = [name for name in columns if name not in self.types]
        if whole and lacking:
            raise ColumnNotFoundError(
                f"target_table {self.argument!r} lacks the columns {', '.join(map(repr, lacking))}",
                hint=f"Its columns are: {', '.join(self.types)}. Add them, keep others, or write to another table.",
            )
        unfilled = [name for name in self.empty if name not in columns]
        if whole and unfilled:
            raise InvalidArgumentError(
                f"target_table {self.argument!r} has the columns {', '.join(map(repr, unfilled))}, which get no value",
                hint="Name them in keep, give them a default, or write to another table.",
            )
        fitted = dict(columns)
        if columns["id"].endswith("::pg_catalog.text") and self.types.get("id", "text") != "text":
            fitted["id"] = f"{columns['id']}::{self.types['id']}"
        return fitted


def find(db: Database, table: str, argument: str) -> TargetTable | None:
    """Return what is there by a name, None where nothing is.

    Parameters
    ----------
    db : Database
        The caller's session; its search path counts.
    table : str
        The quoted name.
    argument : str
        The name as the caller wrote it.
    """
    rows = db.query(_FIND, ["text"], [table])
    if not rows:
        return None
    columns = [row for row in rows if row["name"] is not None]
    return TargetTable(
        argument,
        rows[0]["kind"],
        {row["name"]: row["type"] for row in columns},
        tuple(row["name"] for row in columns if not row["filled"]),
    )
