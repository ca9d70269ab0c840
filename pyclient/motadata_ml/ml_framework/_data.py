"""In-memory data as the database sees it."""

from __future__ import annotations

from typing import Any

import pandas as pd
from psycopg import sql

from motadata_ml._calls import Call, Steps
from motadata_ml._frames import to_columns, to_frame
from motadata_ml._operations.upload import store
from motadata_ml.errors import InvalidArgumentError
from motadata_ml.ml_framework._component import Component


class DataProcessor(Component):
    """Look at in-memory data the way the database will see it, and store it there."""

    def describe(self, data: Any) -> pd.DataFrame:
        """Return the SQL type and the number of missing values of each column.

        Raises
        ------
        UnsupportedColumnError
            For a column that cannot be a feature.
        """
        columns = to_columns(to_frame(data, "data"), "data")
        return pd.DataFrame(
            {
                "column": [column.name for column in columns],
                "sql_type": [column.sql_type for column in columns],
                "missing": [int(column.missing.sum()) for column in columns],
            }
        )

    def to_table(self, data: Any, table: str, *, schema: str | None = None) -> int:
        """Create a table with the rows and return their number.

        Parameters
        ----------
        data : frame, array, list of dicts
            The rows.
        table : str
            Its exact name; it must not exist.
        schema : str, optional
            Its schema; by default the first of the search path.
        """
        columns = to_columns(to_frame(data, "data"), "data")
        if not table:
            raise InvalidArgumentError("table must name the new table, got ''", hint="table='tickets'")
        name = sql.Identifier(schema, table) if schema else sql.Identifier(table)

        def steps() -> Steps[int]:
            yield from store(name, columns)
            return len(columns[0])

        return self.db.run(Call(steps))
