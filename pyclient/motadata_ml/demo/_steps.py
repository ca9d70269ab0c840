"""Steps of the demonstration, each shown with the time it took."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from rich.console import Console
from rich.table import Table


class Show:
    """What the demonstration prints.

    Parameters
    ----------
    console : rich.console.Console
        Where to.
    """

    def __init__(self, console: Console) -> None:
        self._console = console

    def heading(self, text: str) -> None:
        """Print a heading."""
        self._console.print(f"\n[bold]{text}[/bold]")

    def text(self, text: str) -> None:
        """Print a line as it is."""
        self._console.print(text, markup=False, highlight=False)

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Print a step's title, and its time when it is done."""
        started = time.perf_counter()
        yield
        self._console.print(f"  {title}: {time.perf_counter() - started:.2f} s", highlight=False)

    def sql(self, statement: str) -> None:
        """Print the SQL that a step runs."""
        for line in statement.strip().splitlines():
            self._console.print(f"    {line}", style="cyan", markup=False, highlight=False)

    def rows(self, names: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Print rows as a table."""
        table = Table()
        for name in names:
            table.add_column(name, overflow="fold")
        for row in rows:
            table.add_row(*("" if value is None else str(value) for value in row))
        self._console.print(table)

    def query(
        self, connection: psycopg.Connection[Any], title: str, statement: str, values: Sequence[Any] = ()
    ) -> list[tuple[Any, ...]]:
        """Show a statement, run it, and return its rows.

        Parameters
        ----------
        connection : psycopg.Connection
            Where to run it.
        title : str
            What the step does.
        statement : str
            SQL written in this package.
        values : sequence
            Bound values.
        """
        self.sql(statement)
        with self.step(title):
            return connection.execute(statement.encode(), values or None).fetchall()
